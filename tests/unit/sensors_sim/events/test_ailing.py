"""An alert about a sensor is due where docs/semantics.md promises one; what cannot be seen yet is tolerated."""

from datetime import datetime, timedelta

import pytest

from sensors_sim.events.ailing import Ailing, SensorBroken, SensorDrifting, SensorSilent, SensorStuck
from sensors_sim.events.hotline_away import RequestsSilent
from sensors_sim.scenario import Scenario

MIN, H = 60.0, 3_600.0


@pytest.mark.parametrize(
    ("event", "verdict"),
    [
        (SensorSilent(("noise-00001",), 11 * MIN, 15 * MIN), "due"),
        (SensorSilent(("noise-00001",), 9 * MIN, 2 * H), "may"),  # ten gaps are not known yet
        (SensorSilent(("noise-00001",), 1 * H, 10 * MIN), "may"),  # no longer than ten minutes
        (SensorSilent(("waste-00001",), 3 * H, 3 * H), "due"),
        (SensorSilent(("waste-00001",), 3 * H, 1 * H), "may"),  # a few of its quarters of an hour
        (SensorStuck(("noise-00001",), 30 * MIN, 40 * MIN), "due"),
        (SensorStuck(("traffic-00001",), 30 * MIN, 40 * MIN), "may"),  # traffic may, for an hour
        (SensorStuck(("heating-00001",), 90 * MIN, 4 * H), "may"),  # has not changed 20 times
        (SensorStuck(("street-light-00001",), 5 * H, 5 * H), "may"),  # lamps do so all night
        (SensorDrifting(("air-00001",), 1 * H, 4 * H, 30.0), "due"),
        (SensorDrifting(("air-00001",), 1 * H, 2 * H, 30.0), "may"),
        (SensorDrifting(("weather-00001",), 1 * H, 4 * H, 30.0), "may"),  # seven are not enough to compare
        (SensorDrifting(("noise-00001",), 1 * H, 4 * H, 30.0), "may"),  # neighbours hear something else
        (SensorBroken(("water-00001",), 0.0, 15 * MIN), "due"),
        (SensorBroken(("water-00001",), 1 * H, 10 * MIN), "may"),  # two in a row
    ],
)
def test_what_cannot_be_seen_by_what_is_documented_is_not_due(event: Ailing, verdict: str) -> None:
    counts = {"air": 8, "weather": 7}
    city = Scenario(
        "x", "", datetime(2026, 3, 10, 6), timedelta(hours=12), bikes=1, sensors=counts, events=(event,)
    )
    entries = list(event.truth(city.scene()))
    assert [entry.verdict for entry in entries if entry.subject is not None] == [verdict]


@pytest.mark.parametrize(
    ("begins", "lasts", "verdict"),
    [(29 * H, 10 * H, "may"), (30 * H, 10 * H, "due"), (30 * H, 5 * H, "due"), (30 * H, H / 6, "may")],
)
def test_the_silence_of_requests_is_due_when_a_day_and_a_night_are_known_and_it_is_long(
    begins: float, lasts: float, verdict: str
) -> None:
    away = RequestsSilent(begins, lasts)
    city = Scenario(
        "x", "", datetime(2026, 3, 10, 6), timedelta(hours=48), bikes=1, sensors=60, events=(away,)
    )
    assert [entry.verdict for entry in away.truth(city.scene())] == [verdict]
