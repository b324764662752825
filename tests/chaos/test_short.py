"""The short subset: one run under full load in which each process is killed once, and a worker frozen."""

import pytest

from tests.chaos.city import City
from tests.chaos.drive import SEED, run
from tests.chaos.faults import PROCESSES
from tests.chaos.report import Report
from tests.chaos.schedule import one_by_one

pytestmark = pytest.mark.e2e

KINDS = ("kill worker", "kill gateway", "kill console", "kill mosquitto", "kill postgres", "freeze worker")


def test_whatever_is_killed_the_tables_end_equal_to_the_batch_computation(report: Report) -> None:
    faults = {name: PROCESSES[name] for name in KINDS}
    schedule = one_by_one(SEED, {name: fault.hold for name, fault in faults.items()}, 1, (4.0, 7.0))
    with City() as city:
        report.judged("short", run(city, schedule, faults), city)
