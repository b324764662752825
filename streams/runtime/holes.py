"""Holes in what a fetch brought: records that exist, and that the broker did not show yet.

Tansu hands out the next offsets to a second producer while the records of the first are still being written. A reader
at the end of the log may then get only the records of the second, and would skip those of the first. With three
producers of a partition this happened once in 16,000 records. Kafka does not do that. Where offsets are missing for
good (retention, compaction, markers of transactions) the reader must go on. What it went on from is remembered: whoever
misses the records in between may ask whether there are any.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from faust.types import TP

MOST_RECORDS = 1_000
"""A longer hole is no record on its way: someone has moved the reader."""
MOST_TRIES = 100
"""Fetches after which a hole is taken to be one of the log, where a broker may hide records."""
MOST_SKIPPED = 10_000
"""Holes of a partition that are remembered, more than there are records on their way to the folds."""


class Numbered(Protocol):
    """A record of the log."""

    offset: int


@dataclass(slots=True)
class Holes:
    """The offset that is next in each partition, and how often it was asked for in vain."""

    most_tries: int = MOST_TRIES
    _next: dict[TP, int] = field(default_factory=dict)
    _tries: dict[TP, int] = field(default_factory=dict)
    _skipped: dict[TP, dict[int, int]] = field(default_factory=dict)
    """By the offset of a record behind a hole, that of the record before it."""

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
            if tries < self.most_tries:
                count = _leading(expected, records)
                self._tries[tp] = 1 if count else tries + 1
                self._next[tp] = expected + count
                return count
            self._remember(tp, expected - 1, records)
        self._tries.pop(tp, None)
        self._next[tp] = last + 1
        return count

    def returned_after(self, tp: TP, offset: int) -> bool:
        """Return whether records of a partition after an offset were returned."""
        return self._next.get(tp, 0) > offset + 1

    def skips(self, tp: TP, before: int, after: int) -> bool:
        """Return whether the record of the offset `after` is the first behind that of `before`; if not known, not."""
        return self._skipped.get(tp, {}).get(after) == before

    def next_of(self, tp: TP) -> int:
        """Return the offset that is next in a partition of which there were records."""
        return self._next[tp]

    def _remember(self, tp: TP, before: int, records: Sequence[Numbered]) -> None:
        skipped = self._skipped.setdefault(tp, {})
        for record in records:
            if record.offset != before + 1:
                skipped[record.offset] = before
            before = record.offset
        for after in list(skipped)[:-MOST_SKIPPED]:
            del skipped[after]


def _leading(expected: int, records: Sequence[Numbered]) -> int:
    count = 0
    while count < len(records) and records[count].offset == expected + count:
        count += 1
    return count
