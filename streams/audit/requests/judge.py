"""The tables of citizens' requests in a snapshot against the batch."""

import polars as pl

from streams.audit import windows
from streams.audit.compare import Comparison, compare
from streams.audit.requests import batch
from streams.audit.requests.batch import RequestsPartition
from streams.audit.retention import still_kept
from streams.audit.schema import TABLES, stacked
from streams.audit.shelf import Shelf, by_day
from streams.audit.stage import Case, Moving

RequestsCase = Case[RequestsPartition, Moving]


def request(case: RequestsCase) -> Comparison:
    """Compare ub.request, as far back as it is kept; what is open is kept for ever."""
    table, found = TABLES["request"], case.found("request")
    expected = stacked(table, [partition.rows for partition in case.partitions])
    is_open = pl.col("status") == "open"
    over = still_kept(table, expected.filter(~is_open), found, "updated_at", case.question.kept["request"])
    return compare(table, pl.concat([expected.filter(is_open), over]), found, case.question.limit)


def request_window(case: RequestsCase) -> Comparison:
    """Compare ub.request_window; a row whose counts were taken back has the stocks of the row before it."""
    table, found = TABLES["request_window"], case.found("request_window")
    expected = batch.request_window(case.partitions, case.question.rules)
    counted = ("opened", "closed", "reopened", "rated")
    empty = pl.all_horizontal(pl.col(name) == 0 for name in counted)
    expected = windows.with_empty_rows(expected, found, empty, ("open_now", "overdue"))
    expected = batch.with_resolution_rate(expected).with_columns(
        pl.when(pl.col("closed") > 0).then("median_s").alias("median_s"),
        pl.when(pl.col("rated") > 0).then("resolved_rate").alias("resolved_rate"),
        pl.when(pl.col("rated") > 0).then("satisfaction").alias("satisfaction"),
    )
    by_days = Shelf(expected.schema)
    by_days.put(expected, by_day("window_start"))
    return windows.judge(table, {*by_days.numbers()}, by_days.take, case)
