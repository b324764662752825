"""Every fault by itself, several times in a row under full load; each run ends with zero differences."""

import pytest

from tests.chaos.city import City
from tests.chaos.drive import ROUNDS, SEED, Outcome, run
from tests.chaos.faults import ALL, CLOCKS, DISK, LINK_NAMES, LINKS, PROCESSES
from tests.chaos.report import Report
from tests.chaos.schedule import one_by_one

pytestmark = pytest.mark.chaos

PAUSE_S = (4.0, 8.0)
DISK_MB = 700


@pytest.mark.parametrize("name", [*PROCESSES, *DISK])
def test_nothing_is_lost_or_counted_twice_after(name: str, report: Report) -> None:
    with City(disk_mb=DISK_MB if name in DISK else None) as city:
        report.judged(name, again_and_again(city, [name]), city)


@pytest.mark.parametrize("link", LINK_NAMES)
def test_nothing_is_lost_or_counted_twice_when_a_link_is_cut_silent_and_slow(
    link: str, report: Report
) -> None:
    with City() as city:
        report.judged(link, again_and_again(city, [name for name in LINKS if name.endswith(link)]), city)


@pytest.mark.parametrize("name", ["gateway", "worker"])
def test_nothing_is_lost_or_counted_twice_when_the_clock_is_stepped_of_a(name: str, report: Report) -> None:
    with City(clocks=(name,)) as city:
        names = [fault for fault, found in CLOCKS.items() if found.needs == name]
        report.judged(f"clock of {name}", again_and_again(city, names), city)


def again_and_again(city: City, names: list[str]) -> Outcome:
    faults = {name: ALL[name] for name in names}
    holds = {name: fault.hold for name, fault in faults.items()}
    return run(city, one_by_one(SEED, holds, ROUNDS, PAUSE_S), faults)
