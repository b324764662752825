"""The tables of sensors in a snapshot against the batch."""

from streams.audit import windows
from streams.audit.compare import Comparison, compare
from streams.audit.schema import TABLES, stacked
from streams.audit.sensing.batch import SensingPartition, sensor_window
from streams.audit.stage import Case, Moving

SensingCase = Case[SensingPartition, Moving]


def state(case: SensingCase) -> Comparison:
    """Compare ub.sensor_state."""
    table = TABLES["sensor_state"]
    expected = stacked(table, [partition.rows for partition in case.partitions])
    return compare(table, expected, case.found("sensor_state"), case.question.limit)


def window(case: SensingCase) -> Comparison:
    """Compare ub.sensor_window."""
    return windows.judge(TABLES["sensor_window"], sensor_window(case.partitions, case.question.rules), case)
