"""What the audit of one stage consists of. fleet/, sensing/ and requests/ each describe theirs; run.py knows no other.

A stage folds one topic. Some tables it stores itself: they are exact at the offsets of the same transaction. Others
the grid stores from what the stage tells it, two hops later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Self

import polars as pl

from streams.audit.compare import Comparison
from streams.audit.records import Intake, Shelved, Taken
from streams.audit.rules import Rules
from streams.audit.shelf import Shelf, by_day
from streams.audit.values import newest

Say = Callable[[str], None]
"""Told what is being done, often."""


@dataclass(frozen=True, slots=True)
class Partition:
    """What one partition of a topic comes to, apart from the stage's tables.

    ledger     received, applied, superseded, rejected
    refused    offset, index, reason, count of each refusal
    clock      offset, after: the watermark behind each record
    watermark  at the end of the log, ms
    """

    number: int
    ledger: dict[str, int]
    refused: pl.DataFrame
    clock: pl.DataFrame
    watermark: int

    def watermark_at(self, offset: int) -> int:
        """Return the watermark behind the last record up to `offset`, 0 where there is none."""
        return newest(self.clock.filter(pl.col("offset") <= offset)["after"])


@dataclass(frozen=True, slots=True)
class Moving:
    """Rows of the grid's window table that may still move on a running system.

    windows    the columns that name a row beside its window, since, upto: rows of the windows that begin in between
    closed     ms: the grid has closed every window that ends at or before it
    """

    windows: pl.DataFrame
    closed: int

    def joined(self, other: Self) -> Self:
        """Return what may move by either, closed as far as both."""
        windows = pl.concat([self.windows, other.windows]).unique()
        return replace(self, windows=windows, closed=min(self.closed, other.closed))


def _nothing(_line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be judged.

    tables  as they were found, by name; on a shelf by the day of their windows where there are many rows
    kept    days behind its newest row for which a table keeps rows, by name
    limit   differences to describe, of each table
    until   only windows that end by then (ms)
    say     is told how far it is
    """

    tables: Mapping[str, pl.DataFrame | Shelf]
    rules: Rules
    kept: Mapping[str, int]
    limit: int
    until: int | None = None
    say: Say = _nothing


@dataclass(frozen=True, slots=True)
class Case[P: Partition, M: Moving]:
    """What a stage's tables are judged by.

    partitions  what the log comes to, up to the offsets that the tables reflect
    moving      None where everything has come to rest: then every row is judged
    counted     what makes up the rows of the window table, by day, where the partitions do not have it any more
    """

    partitions: Sequence[P]
    moving: M | None
    question: Question
    counted: Shelf | None = None

    def found(self, name: str) -> pl.DataFrame:
        """Return a table as it was found."""
        table = self.question.tables[name]
        return table.all() if isinstance(table, Shelf) else table

    def found_by_day(self, name: str) -> Shelf:
        """Return a table of windows as it was found, by the day in which they begin."""
        table = self.question.tables[name]
        if isinstance(table, Shelf):
            return table
        shelf = Shelf(table.schema)
        shelf.put(table, by_day("window_start"))
        return shelf


@dataclass(frozen=True, slots=True)
class Counted[P: Partition]:
    """What a partition adds to rows of a window table, while there are too many of them for memory.

    of      a partition to the rows that it adds, with `window_start` and the columns of `schema`
    rest    the partition without them
    """

    schema: Mapping[str, pl.DataType]
    of: Callable[[P, Rules], pl.DataFrame]
    rest: Callable[[P], P]

    def shelf(self, partitions: Sequence[P], rules: Rules) -> Shelf:
        """Return what some partitions add, by day."""
        shelf = Shelf(self.schema)
        for partition in partitions:
            shelf.put(self.of(partition, rules), by_day("window_start"))
        return shelf


@dataclass(frozen=True, slots=True)
class Stage[P: Partition, M: Moving]:
    """A stage: its topic, how its records are read, computed and judged.

    compute  its topic to what each partition comes to; CannotAudit where it cannot
    moving   what may still move: partitions from the whole log, and the offset up to which the grid has everything
    own      its tables, stored with its offsets; of_grid: those that the grid stores, by name
    counted  None: its partitions keep all that its windows are made of
    """

    name: str
    topic: str
    intake: Callable[[], Intake]
    compute: Callable[[Taken, Rules], list[P]]
    moving: Callable[[Sequence[P], Mapping[int, int], Rules], M]
    own: Mapping[str, Callable[[Case[P, M]], Comparison]]
    of_grid: Mapping[str, Callable[[Case[P, M]], Comparison]]
    counted: Counted[P] | None = None

    @property
    def tables(self) -> Mapping[str, Callable[[Case[P, M]], Comparison]]:
        """All its tables."""
        return {**self.own, **self.of_grid}


def case_of[P: Partition, M: Moving](
    stage: Stage[P, M],
    taken: Taken | Shelved,
    offsets: Mapping[int, int],
    low: Mapping[int, int] | None,
    question: Question,
) -> Case[P, M]:
    """Return the case of a stage whose tables reflect its topic up to `offsets`, by partition.

    `low` is the offset up to which the grid has everything; None where all has come to rest. One partition after the
    other is computed, and what makes up its windows put on a shelf.
    """
    rules, counted = question.rules, stage.counted
    shelf = None if counted is None else Shelf(counted.schema)
    partitions: list[P] = []
    in_full: list[P] = []
    moving: list[M] = []
    for number, own in taken.partitions():
        question.say(f"computing {stage.topic}[{number}]: {own.count:,} readings")
        known = own.up_to(offsets)
        made = stage.compute(known, rules)
        if low is not None:
            whole = stage.compute(own, rules) if known.count < own.count else made
            moving.append(stage.moving(whole, low, rules))
            in_full += whole if counted is None else map(counted.rest, whole)
        for partition in made:
            if counted is not None and shelf is not None:
                shelf.put(counted.of(partition, rules), by_day("window_start"))
            partitions.append(partition if counted is None else counted.rest(partition))
    if low is None:
        return Case(partitions, None, question, shelf)
    nothing = stage.moving([], low, rules)
    joined = replace(
        reduce(lambda one, other: one.joined(other), moving, nothing), closed=closed(in_full, low)
    )
    return Case(partitions, joined, question, shelf)


def closed(partitions: Sequence[Partition], low: Mapping[int, int]) -> int:
    """Return the time up to which the grid has closed all windows that it was told up to the offsets `low`."""
    marks = [p.watermark_at(low.get(p.number, -1)) for p in partitions if len(p.clock)]
    return min(marks, default=0)
