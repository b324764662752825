"""The tables of sensors in a snapshot against the batch."""

import polars as pl

from streams.audit import windows
from streams.audit.compare import Comparison, compare
from streams.audit.schema import TABLES, stacked
from streams.audit.sensing.batch import ADDED, SensingPartition, window_rows
from streams.audit.stage import Case, Moving

SensingCase = Case[SensingPartition, Moving]


def state(case: SensingCase) -> Comparison:
    """Compare ub.sensor_state."""
    table = TABLES["sensor_state"]
    expected = stacked(table, [partition.rows for partition in case.partitions])
    return compare(table, expected, case.found("sensor_state"), case.question.limit)


def window(case: SensingCase) -> Comparison:
    """Compare ub.sensor_window."""
    rules = case.question.rules
    counted = case.counted or ADDED.shelf(case.partitions, rules)

    def expected(day: int) -> pl.DataFrame:
        return window_rows(counted.take(day), rules)

    return windows.judge(TABLES["sensor_window"], {*counted.numbers()}, expected, case)
