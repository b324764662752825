import numpy as np
import pytest

from sensors_sim.requests.agencies import HOUR_MS, Agency
from sensors_sim.requests.catalogue import CATEGORIES
from tests.unit.sensors_sim.lived import when

OFFICE = Agency("office", median_h=5.0, opens=8, closes=17, weekends=False)
SHOP = Agency("shop", median_h=5.0, opens=8, closes=20)
ALWAYS = Agency("always", median_h=5.0)
FRIDAY = (2026, 3, 6)


@pytest.mark.parametrize(
    ("agency", "since", "hours", "until"),
    [
        (ALWAYS, (*FRIDAY, 23), 3, (2026, 3, 7, 2)),
        (SHOP, (*FRIDAY, 19), 3, (2026, 3, 7, 10)),
        (SHOP, (*FRIDAY, 5), 1, (*FRIDAY, 9)),
        (OFFICE, (*FRIDAY, 16), 1, (*FRIDAY, 17)),
        (OFFICE, (*FRIDAY, 16), 2, (2026, 3, 9, 9)),
        (OFFICE, (*FRIDAY, 18), 1, (2026, 3, 9, 9)),
        (OFFICE, (2026, 3, 7, 12), 10, (2026, 3, 10, 9)),
        (OFFICE, (*FRIDAY, 8), 20, (2026, 3, 10, 10)),
    ],
)
def test_work_goes_on_only_while_an_agency_is_open(
    agency: Agency, since: tuple[int, ...], hours: int, until: tuple[int, ...]
) -> None:
    assert agency.after(when(*since), hours * HOUR_MS) == when(*until)


@pytest.mark.parametrize(
    "agency", dict.fromkeys(category.agency for category in CATEGORIES.values()), ids=lambda a: a.name
)
def test_the_median_time_of_work_is_that_of_the_agency(agency: Agency) -> None:
    rng = np.random.default_rng(1)
    hours = np.array([agency.work_ms(rng) for _ in range(4_000)]) / HOUR_MS
    assert np.median(hours) == pytest.approx(agency.median_h, rel=0.05)
    assert np.std(np.log(hours)) == pytest.approx(agency.sigma, rel=0.05)
