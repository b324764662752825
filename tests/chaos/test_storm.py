"""Many faults at once, several times in a row; and all faults one after another in a city that goes on."""

import pytest

from tests.chaos.city import City
from tests.chaos.drive import ROUNDS, SEED, run
from tests.chaos.faults import LINKS, PROCESSES, Fault
from tests.chaos.report import Report
from tests.chaos.schedule import one_by_one, storms

pytestmark = pytest.mark.chaos

# One fault for each process and each link: two faults of one process would undo each other.
AT_ONCE = {
    name: {**PROCESSES, **LINKS}[name]
    for name in (
        "kill worker",
        "kill gateway",
        "kill console",
        "kill mosquitto",
        "shut postgres down",
        "freeze kafka",
        "add and remove worker",
        "silent alpha-mosquitto",
        "cut worker-kafka",
        "slow worker-postgres",
    )
}
IN_TURN: dict[str, Fault] = {**PROCESSES, **LINKS}
STORM_PAUSE_S = (8.0, 12.0)


def holds(faults: dict[str, Fault]) -> dict[str, tuple[float, float]]:
    return {name: fault.hold for name, fault in faults.items()}


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_nothing_is_lost_or_counted_twice_when_everything_breaks_at_once_again_and_again(
    seed: int, report: Report
) -> None:
    schedule = storms(seed, holds(AT_ONCE), ROUNDS, STORM_PAUSE_S)
    with City(settings={"UB_ALLOWED_LATENESS_S": "60"}) as city:
        report.judged(f"storm {seed}", run(city, schedule, AT_ONCE, seed=seed), city)


def test_nothing_is_lost_or_counted_twice_when_one_fault_follows_another(report: Report) -> None:
    """Shorter pauses than most recoveries take: faults meet a city that has not recovered from the last one."""
    schedule = one_by_one(SEED, holds(IN_TURN), 1, (1.0, 6.0))
    with City(settings={"UB_ALLOWED_LATENESS_S": "60"}) as city:
        report.judged("one after another", run(city, schedule, IN_TURN), city)


def test_nothing_is_lost_or_counted_twice_at_ten_times_real_time(report: Report) -> None:
    """An outage of ten seconds is a hundred of event time, and so is the lateness that has to be allowed."""
    faults = {
        name: PROCESSES[name] for name in ("kill worker", "kill gateway", "kill mosquitto", "kill postgres")
    }
    schedule = one_by_one(SEED, holds(faults), 1, (4.0, 7.0))
    settings = {"UB_ALLOWED_LATENESS_S": "300", "UB_AMEND_HORIZON_S": "3000", "UB_WINDOW_S": "60"}
    with City(settings=settings) as city:
        report.judged("ten times real time", run(city, schedule, faults, speed=10.0), city)
