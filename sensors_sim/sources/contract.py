"""The contract of all sources: batches of columns in event-time order, and a report of what was skipped."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from sensors_sim.columns import Columns

Listener = Callable[[int], None]
"""Hears how many readings a file gave so far, now and then, while it is read to its end before any is published."""


def unheard(_count: int) -> None:
    """Hear nothing."""


class BadRow(Exception):
    """A row that cannot be published: the reason and the value."""

    def __init__(self, reason: str, value: str) -> None:
        super().__init__(reason, value)
        self.reason = reason
        self.value = value


def as_object(row: object) -> dict[str, Any]:
    """Return a row of JSON as the object that it must be. Raises BadRow."""
    if not isinstance(row, dict):
        raise BadRow("not_an_object", repr(row))
    return row


@dataclass(slots=True)
class Report:
    """Rows that became no reading, by reason, with the first one of each reason as an example.

    rows     rows read, whatever became of them; a file or an answer that is none counts as one
    noted    rows that were published, but not quite as they stood, by what was done
    figures  what else there is to know about a source, by name
    trouble  what is wrong now with what is polled, by its address
    """

    rows: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    noted: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    figures: Counter[str] = field(default_factory=Counter)
    trouble: dict[str, str] = field(default_factory=dict)

    def skip(self, reason: str, example: str, count: int = 1) -> None:
        """Count one skipped row, or several; `example` says which row and what was wrong with it."""
        if reason not in self.skipped:
            self.examples[reason] = example  # also where rows were noted for the same reason before
        self.skipped[reason] += count

    def note(self, what: str, example: str) -> None:
        """Count one row that is published, but not quite as it stood."""
        self.noted[what] += 1
        self.examples.setdefault(what, example)


class Source(Protocol):
    """Something that can be published. `batches` may be iterated once.

    `start_ms` is the event time of the first reading, or None when there is none or it is not known before the first
    batch; `end_ms` that of the last one (for a progress bar), None where a source goes on. The times in `Columns.ts`
    never decrease from one row to the next, within a batch or between two. A source that waits hands out empty batches.
    """

    @property
    def start_ms(self) -> int | None:
        """Event time at which the source begins."""
        ...

    @property
    def end_ms(self) -> int | None:
        """Event time at which the source ends."""
        ...

    @property
    def report(self) -> Report:
        """What was skipped so far."""
        ...

    def batches(self) -> Iterator[Columns]:
        """Yield the readings. Raises SourceError when the source cannot be read any further."""
        ...
