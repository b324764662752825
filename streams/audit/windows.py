"""Window tables of the grid: what of them is compared, whatever they count."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

import polars as pl

from streams.audit.compare import Comparison, compare, together
from streams.audit.retention import still_kept
from streams.audit.schema import WINDOWS, Table
from streams.audit.shelf import DAY_MS, Shelf
from streams.audit.stage import Case, Moving, Partition
from streams.audit.values import moment, newest
from streams.errors import CannotAudit

FOREVER = 2**62
"""`upto` of rows whose figures run on into all later windows."""
_NEVER = -(2**62)
_END = pl.col("window_start") + pl.col("window_s") * 1000


@dataclass(frozen=True, slots=True)
class _Told:
    """Of a table as it was found: the newest beginning of a window, also by region (`told`), and the newest end."""

    newest: int
    end: int
    by_region: pl.DataFrame

    @classmethod
    def of(cls, found: Shelf) -> "_Told":
        parts = [pl.DataFrame(schema={"region": pl.String, "told": pl.Int64})]
        start = end = 0
        for day in found.numbers():
            rows = found.take(day)
            start = max(start, newest(rows["window_start"]))
            end = max(end, newest(rows.select(_END).to_series()))
            parts.append(rows.group_by("region").agg(pl.col("window_start").max().alias("told")))
        return cls(start, end, pl.concat(parts).group_by("region").agg(pl.col("told").max()))


def judge[P: Partition, M: Moving](
    table: Table, days: Set[int], expected_of: Callable[[int], pl.DataFrame], case: Case[P, M]
) -> Comparison:
    """Compare a window table, day by day, with the rows expected.

    As far back as it is kept, and up to `case.until`. `expected_of` is asked once for each of `days`, and of those in
    which there are rows: ascending.
    """
    found = case.found_by_day(table.name)
    told = _Told.of(found)
    done = []
    for day in sorted(days | {*found.numbers()}):
        case.question.say(f"comparing {table.name}: {moment(day * DAY_MS)[:10]}")
        done.append(_judge_day(table, expected_of(day), found.take(day), told, case))
    return together(table.name, done, case.question.limit)


def _judge_day[P: Partition, M: Moving](
    table: Table, expected: pl.DataFrame, found: pl.DataFrame, told: _Told, case: Case[P, M]
) -> Comparison:
    question, moving = case.question, case.moving
    expected = still_kept(table, expected, found, "window_start", question.kept[table.name], told.newest)
    if question.until is not None:
        expected, found = (frame.filter(question.until >= _END) for frame in (expected, found))
    if moving is None:
        return compare(table, expected, found, question.limit)

    def may_move(unequal: pl.DataFrame) -> pl.DataFrame:
        slot = [name for name in table.key if name not in ("window_start", "window_s")]
        with_bounds = unequal.join(moving.windows, on=slot, how="left", maintain_order="left").join(
            told.by_region, left_on="region_e", right_on="region", how="left", maintain_order="left"
        )
        concerned = pl.col("window_start").is_between("since", "upto").fill_null(False)
        # Windows are told in order, a large one in portions: only where a later one of the region is in the table, this
        # one certainly was told to its end.
        was_told = pl.col("told").fill_null(0) >= _END
        return with_bounds.filter(concerned | (~pl.col("in_f") & ~was_told))

    return compare(table, expected, found, question.limit, may_move)


def reached[P: Partition, M: Moving](table: Table, case: Case[P, M]) -> int:
    """Return the time up to which the windows of a table were certainly closed, ms."""
    told = _Told.of(case.found_by_day(table.name)).end
    return max(case.moving.closed if case.moving else 0, told)


def check_compared(comparisons: Sequence[Comparison], until: int) -> None:
    """Check that an `until` (ms) left rows of the window tables to judge; CannotAudit where it left none.

    Differences that other tables have are a verdict, though.
    """
    if any(c.differing for c in comparisons):
        return
    seen = {c.table: c.compared + c.moving for c in comparisons if c.table in WINDOWS}
    if seen and not any(seen.values()):
        raise CannotAudit(
            f"--until {moment(until)}: {', '.join(seen)} {'has' if len(seen) == 1 else 'have'} no window that ends by "
            "then, so none was compared; give a later time, or leave --until out"
        )


def with_empty_rows(
    expected: pl.DataFrame,
    found: pl.DataFrame,
    empty: pl.Expr,
    running: tuple[str, ...],
    before: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Add the rows that the table has although nothing counts in them any more: late data took it back.

    They are right where they are `empty` and their `running` figures are those of the row before them. `before` has the
    figures of what went before all of these rows.
    """
    slot = [name for name in ("cell", "operator", "service_code") if name in found.columns]
    key = ["window_start", "window_s", *slot]
    left = found.filter(empty).join(expected, on=key, how="anti")
    if not len(left):
        return expected
    rows = expected.select("window_start", *slot, *running)
    if before is not None:
        rows = pl.concat(
            [before.select(pl.lit(_NEVER, pl.Int64).alias("window_start"), *slot, *running), rows]
        )
    carried = (
        left.drop(running)
        .sort("window_start")
        .join_asof(
            rows.sort("window_start"),
            on="window_start",
            by=slot,
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(pl.col(running).fill_null(0))
    )
    return pl.concat([expected, carried.select(expected.columns)])
