"""The short subset: one run under full load in which each process is killed once, and a worker frozen."""

from typing import LiteralString

import pytest

from tests.chaos.city import City
from tests.chaos.consumers import consumer_differences
from tests.chaos.drive import SEED, run
from tests.chaos.faults import PROCESSES
from tests.chaos.report import Report
from tests.chaos.schedule import one_by_one

pytestmark = pytest.mark.e2e

KINDS = ("kill worker", "kill gateway", "kill console", "kill mosquitto", "kill postgres", "freeze worker")
PLANTED: dict[str, LiteralString] = {
    "ub.cells, live: ": "UPDATE ub.cell_now SET available = available + 1",
    "ub.cells, window: ": "UPDATE ub.cell_window SET arrivals = arrivals + 1",
    "ub.cells, metrics: ": "UPDATE ub.sensor_window SET readings = readings + 1",
    "ub.cells, requests: ": "UPDATE ub.request_window SET opened = opened + 1",
    "incidents hold: ": "UPDATE ub.cell_now SET on_trip = on_trip + 1",
    "ub.alerts: ": "UPDATE ub.alert SET sequence = sequence + 1",
}
"""What is changed in the tables, and how the line begins that must come of it."""


def test_whatever_is_killed_the_tables_end_equal_to_the_batch_computation(report: Report) -> None:
    faults = {name: PROCESSES[name] for name in KINDS}
    schedule = one_by_one(SEED, {name: fault.hold for name, fault in faults.items()}, 1, (4.0, 7.0))
    with City() as city:
        report.judged("short", run(city, schedule, faults), city)
        for statement in PLANTED.values():
            city.query(statement)
        lines = consumer_differences(city)
        assert [begin for begin in PLANTED if not any(line.startswith(begin) for line in lines)] == []
