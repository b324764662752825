"""What the audit of one stage consists of. fleet/, sensing/ and requests/ each describe theirs; run.py knows no other.

A stage folds one topic. Some tables it stores itself: they are exact at the offsets of the same transaction. Others
the grid stores from what the stage tells it, two hops later.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from streams.audit.compare import Comparison
from streams.audit.records import Intake, Taken
from streams.audit.rules import Rules
from streams.audit.values import newest


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


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be judged.

    tables  as they were found, by name
    kept    days behind its newest row for which a table keeps rows, by name
    limit   differences to describe, of each table
    until   only windows that end by then (ms)
    """

    tables: Mapping[str, pl.DataFrame]
    rules: Rules
    kept: Mapping[str, int]
    limit: int
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Case[P: Partition, M: Moving]:
    """What a stage's tables are judged by.

    partitions  what the log comes to, up to the offsets that the tables reflect
    moving      None where everything has come to rest: then every row is judged
    """

    partitions: Sequence[P]
    moving: M | None
    question: Question

    def found(self, name: str) -> pl.DataFrame:
        """Return a table as it was found."""
        return self.question.tables[name]


@dataclass(frozen=True, slots=True)
class Stage[P: Partition, M: Moving]:
    """A stage: its topic, how its records are read, computed and judged.

    compute  its topic to what each partition comes to; CannotAudit where it cannot
    moving   what may still move: partitions from the whole log, and the offset up to which the grid has everything
    own      its tables, stored with its offsets; of_grid: those that the grid stores, by name
    """

    name: str
    topic: str
    intake: Callable[[], Intake]
    compute: Callable[[Taken, Rules], list[P]]
    moving: Callable[[Sequence[P], Mapping[int, int], Rules], M]
    own: Mapping[str, Callable[[Case[P, M]], Comparison]]
    of_grid: Mapping[str, Callable[[Case[P, M]], Comparison]]

    @property
    def tables(self) -> Mapping[str, Callable[[Case[P, M]], Comparison]]:
        """All its tables."""
        return {**self.own, **self.of_grid}


def case_of[P: Partition, M: Moving](
    stage: Stage[P, M],
    taken: Taken,
    offsets: Mapping[int, int],
    low: Mapping[int, int] | None,
    question: Question,
) -> Case[P, M]:
    """Return the case of a stage whose tables reflect its topic up to `offsets`, by partition.

    `low` is the offset up to which the grid has everything; None where all has come to rest.
    """
    known = taken.up_to(offsets)
    partitions = stage.compute(known, question.rules)
    moving = None
    if low is not None:
        beyond = len(known.readings) < len(taken.readings)
        moving = stage.moving(
            stage.compute(taken, question.rules) if beyond else partitions, low, question.rules
        )
    return Case(partitions, moving, question)


def closed(partitions: Sequence[Partition], low: Mapping[int, int]) -> int:
    """Return the time up to which the grid has closed all windows that it was told up to the offsets `low`."""
    marks = [p.watermark_at(low.get(p.number, -1)) for p in partitions if len(p.clock)]
    return min(marks, default=0)
