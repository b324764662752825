"""Expected rows against found ones: every row that differs, and in what."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from streams.audit.schema import TABLES, Table
from streams.audit.values import moment

_TIMES = frozenset({"window_start", "at", "last_ts"}).union(*(table.times for table in TABLES.values()))
_CELLS = ("cell", "settled_cell")
_NEAR = 1e-9


@dataclass(frozen=True, slots=True)
class Difference:
    """One row that is not as it must be: only the columns that differ; None where there is no such row."""

    table: str
    key: dict[str, Any]
    expected: dict[str, Any] | None
    found: dict[str, Any] | None

    def __str__(self) -> str:
        where = " ".join(f"{name} {shown(name, value)}" for name, value in self.key.items())
        if self.found is None:
            return f"{self.table}: {where}: the row is missing; expected {_values(self.expected)}"
        if self.expected is None:
            return f"{self.table}: {where}: this row must not exist; found {_values(self.found)}"
        return f"{self.table}: {where}: expected {_values(self.expected)}; found {_values(self.found)}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One table: rows compared and equal or not, rows that may still move and were not judged."""

    table: str
    compared: int
    moving: int
    differing: int
    differences: tuple[Difference, ...]


def shown(name: str, value: Any) -> str:
    """Return a value as a person reads it: cells as hex, times in UTC."""
    if value is None:
        return "none"
    if name in _CELLS:
        return f"{value:x}"
    if name in _TIMES:
        return moment(value)
    return str(value)


def _values(row: dict[str, Any] | None) -> str:
    return ", ".join(f"{name} {shown(name, value)}" for name, value in (row or {}).items())


def compare(
    table: Table,
    expected: pl.DataFrame,
    found: pl.DataFrame,
    limit: int,
    may_move: Callable[[pl.DataFrame], pl.DataFrame] | None = None,
) -> Comparison:
    """Compare two frames that have the columns of `table`; describe at most `limit` differences.

    `may_move` is asked about the rows that differ (key columns; values with the suffixes _e for expected and _f
    for found; `in_e` and `in_f`) and returns those of them that may still move: they are not judged.
    """
    key, values = list(table.key), list(table.values)
    joined = _side(table, expected, "_e", "in_e").join(
        _side(table, found, "_f", "in_f"), on=key, how="full", coalesce=True, nulls_equal=True
    )
    joined = joined.with_columns(pl.col("in_e", "in_f").fill_null(False))
    joined = joined.with_columns(_differs(v, near=v in table.near).alias(f"{v}_d") for v in values)
    unequal = joined.filter(
        pl.any_horizontal(~pl.col("in_e"), ~pl.col("in_f"), *(pl.col(f"{v}_d") for v in values))
    )
    wrong = unequal
    if may_move is not None and len(unequal):
        wrong = unequal.join(may_move(unequal).select(key), on=key, how="anti", nulls_equal=True)
    excused = len(unequal) - len(wrong)
    return Comparison(
        table=table.name,
        compared=len(joined) - excused,
        moving=excused,
        differing=len(wrong),
        differences=tuple(_described(table, wrong.sort(key).head(limit), values)),
    )


def together(table: str, parts: Sequence[Comparison], limit: int) -> Comparison:
    """Return the comparison of a table of which parts were compared, in the order of its key."""
    return Comparison(
        table=table,
        compared=sum(part.compared for part in parts),
        moving=sum(part.moving for part in parts),
        differing=sum(part.differing for part in parts),
        differences=tuple(difference for part in parts for difference in part.differences)[:limit],
    )


def _differs(name: str, *, near: bool) -> pl.Expr:
    expected, found = pl.col(f"{name}_e"), pl.col(f"{name}_f")
    unequal = expected.ne_missing(found)
    if not near:
        return unequal
    most = pl.max_horizontal(expected.abs(), found.abs()) * _NEAR
    return unequal & ((expected - found).abs() > most).fill_null(True)


def _side(table: Table, frame: pl.DataFrame, suffix: str, mark: str) -> pl.DataFrame:
    return frame.select(
        *(pl.col(name).cast(dtype) for name, dtype in zip(table.key, table.key_types, strict=True)),
        *(pl.col(name).cast(dtype).alias(name + suffix) for name, dtype in table.values.items()),
        pl.lit(True).alias(mark),
    )


def _described(table: Table, wrong: pl.DataFrame, values: Sequence[str]) -> Iterator[Difference]:
    for row in wrong.iter_rows(named=True):
        both = row["in_e"] and row["in_f"]
        differing = [name for name in values if not both or row[f"{name}_d"]]
        yield Difference(
            table=table.name,
            key={name: row[name] for name in table.key},
            expected={name: row[f"{name}_e"] for name in differing} if row["in_e"] else None,
            found={name: row[f"{name}_f"] for name in differing} if row["in_f"] else None,
        )
