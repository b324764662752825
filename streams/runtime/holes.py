"""Holes in what a fetch brought: records that exist, and that the broker did not show yet.

Tansu hands out the next offsets to a second producer while the records of the first are still being written. A reader
at the end of the log may then get only the records of the second, and would skip those of the first. With three
producers of a partition this happened once in 16,000 records. Kafka does not do that. Where offsets are missing for
good (retention, compaction, markers of transactions) the reader must go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from faust.types import TP

MOST_RECORDS = 1_000
"""A longer hole is no record on its way: someone has moved the reader."""
MOST_TRIES = 100
"""Fetches after which a hole is taken to be one of the log."""


class Numbered(Protocol):
    """A record of the log."""

    offset: int


@dataclass(slots=True)
class Holes:
    """The offset that is next in each partition, and how often it was asked for in vain."""

    _next: dict[TP, int] = field(default_factory=dict)
    _tries: dict[TP, int] = field(default_factory=dict)

    def whole(self, tp: TP, records: Sequence[Numbered]) -> int:
        """Return how many of the records (one or more) follow on those that were returned before without a hole.

        Where it is not all of them, ask for `next_of(tp)` again.
        """
        first, last = records[0].offset, records[-1].offset
        expected = self._next.get(tp, first)
        if not 0 <= first - expected <= MOST_RECORDS:
            expected = first
        count = len(records)
        if last - expected + 1 != count:
            tries = self._tries.get(tp, 0)
            if tries < MOST_TRIES:
                count = _leading(expected, records)
                self._tries[tp] = 1 if count else tries + 1
                self._next[tp] = expected + count
                return count
        self._tries.pop(tp, None)
        self._next[tp] = last + 1
        return count

    def returned_after(self, tp: TP, offset: int) -> bool:
        """Return whether records of a partition after an offset were returned."""
        return self._next.get(tp, 0) > offset + 1

    def next_of(self, tp: TP) -> int:
        """Return the offset that is next in a partition of which there were records."""
        return self._next[tp]


def _leading(expected: int, records: Sequence[Numbered]) -> int:
    count = 0
    while count < len(records) and records[count].offset == expected + count:
        count += 1
    return count
