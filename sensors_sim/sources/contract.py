"""The contract of all sources: batches of columns in event-time order, and a report of what was skipped."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from sensors_sim.columns import Columns


@dataclass(slots=True)
class Report:
    """Rows that became no position, by reason, with the first one of each reason as an example."""

    rows: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def skip(self, reason: str, example: str) -> None:
        """Count one skipped row; `example` says which row and what was wrong with it."""
        self.skipped[reason] += 1
        self.examples.setdefault(reason, example)


class Source(Protocol):
    """Something that can be published. `batches` may be iterated once.

    `start_ms` is the event time of the first reading, or None when there is none; `end_ms`
    that of the last one (for a progress bar). Timestamps never decrease from one row to the next,
    within a batch or between two.
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
