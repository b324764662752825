"""The database away for longer than memory reaches: back-pressure goes up to the MQTT broker, and nothing is lost.

A rebalance in the middle of the outage makes the workers give up checkpoints that are under way: what waited
for those must not count as waiting for ever, or the stage would never take anything in again.
"""

import pytest

from tests.chaos.city import City
from tests.chaos.drive import SEED, run
from tests.chaos.faults import PROCESSES
from tests.chaos.report import Report
from tests.chaos.schedule import Planned

pytestmark = pytest.mark.chaos

SETTINGS = {"UB_ALLOWED_LATENESS_S": "60", "UB_MAX_UNACKED_RECORDS": "40"}
FAULTS = {name: PROCESSES[name] for name in ("kill postgres", "add and remove worker")}


def test_nothing_is_lost_when_the_database_is_away_for_a_minute_and_workers_come_and_go(
    report: Report,
) -> None:
    schedule = (
        Planned(3.0, 60.0, "kill postgres"),
        Planned(13.0, 20.0, "add and remove worker"),
        Planned(75.0, 15.0, "add and remove worker"),
    )
    with City(settings=SETTINGS) as city:
        report.judged("database away for a minute", run(city, schedule, FAULTS, seed=SEED), city)
