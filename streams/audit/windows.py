"""Window tables of the grid: what of them is compared, whatever they count."""

from collections.abc import Sequence

import polars as pl

from streams.audit.compare import Comparison, compare
from streams.audit.retention import still_kept
from streams.audit.schema import WINDOWS, Table
from streams.audit.stage import Case, Moving, Partition
from streams.audit.values import moment, newest
from streams.errors import CannotAudit

FOREVER = 2**62
"""`upto` of rows whose figures run on into all later windows."""
_END = pl.col("window_start") + pl.col("window_s") * 1000


def judge[P: Partition, M: Moving](table: Table, expected: pl.DataFrame, case: Case[P, M]) -> Comparison:
    """Compare a window table with the rows expected, as far back as it is kept, and up to `case.until`."""
    all_found = found = case.found(table.name)
    question, moving = case.question, case.moving
    expected = still_kept(table, expected, found, "window_start", question.kept[table.name])
    if question.until is not None:
        expected, found = (frame.filter(question.until >= _END) for frame in (expected, found))
    if moving is None:
        return compare(table, expected, found, question.limit)

    def may_move(unequal: pl.DataFrame) -> pl.DataFrame:
        slot = [name for name in table.key if name not in ("window_start", "window_s")]
        told = all_found.group_by("region").agg(_END.max().alias("told"))
        with_bounds = unequal.join(moving.windows, on=slot, how="left", maintain_order="left").join(
            told, left_on="region_e", right_on="region", how="left", maintain_order="left"
        )
        concerned = pl.col("window_start").is_between("since", "upto").fill_null(False)
        # Windows close in order: where a later one of the region is in the table, this one was closed.
        was_closed = pl.max_horizontal(pl.lit(moving.closed), pl.col("told").fill_null(0)) >= _END
        return with_bounds.filter(concerned | (~pl.col("in_f") & ~was_closed))

    return compare(table, expected, found, question.limit, may_move)


def reached[P: Partition, M: Moving](table: Table, case: Case[P, M]) -> int:
    """Return the time up to which the windows of a table were certainly closed, ms."""
    told = newest(case.found(table.name).select(_END).to_series())
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
    expected: pl.DataFrame, found: pl.DataFrame, empty: pl.Expr, running: tuple[str, ...]
) -> pl.DataFrame:
    """Add the rows that the table has although nothing counts in them any more: late data took it back.

    They are right where they are `empty` and their `running` figures are those of the row before them.
    """
    slot = [name for name in ("cell", "operator", "service_code") if name in found.columns]
    key = ["window_start", "window_s", *slot]
    left = found.filter(empty).join(expected, on=key, how="anti")
    if not len(left):
        return expected
    carried = (
        left.drop(running)
        .sort("window_start")
        .join_asof(
            expected.sort("window_start").select("window_start", *slot, *running),
            on="window_start",
            by=slot,
            strategy="backward",
            check_sortedness=False,
        )
        .with_columns(pl.col(running).fill_null(0))
    )
    return pl.concat([expected, carried.select(expected.columns)])
