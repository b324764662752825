"""An alert about a sensor is due where docs/semantics.md promises one; what cannot be seen yet is tolerated."""

from datetime import datetime, timedelta

import pytest

from sensors_sim.events.ailing import Ailing, SensorBroken, SensorDrifting, SensorSilent, SensorStuck
from sensors_sim.events.dump import BikeDump
from sensors_sim.events.hotline_away import RequestsSilent
from sensors_sim.scenario import Scenario
from sensors_sim.sources.simulated import SimulatedCity

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
        (SensorStuck(("traffic-00001",), 2 * H, 2 * H), "due"),
        (
            SensorStuck(("traffic-00001",), 15.5 * H, 3 * H),
            "may",
        ),  # at half past nine: on an empty road they may too
        (SensorStuck(("heating-00001",), 90 * MIN, 4 * H), "may"),  # has not changed 20 times
        (SensorStuck(("street-light-00001",), 5 * H, 5 * H), "may"),  # lamps do so all night
        (SensorDrifting(("air-00001",), 1 * H, 4 * H, 30.0), "due"),
        (SensorDrifting(("air-00001",), 1 * H, 2 * H, 30.0), "may"),
        (SensorDrifting(("air-00001",), 1 * H, 8 * H, 5.0), "may"),  # as air does by itself
        (SensorDrifting(("air-00001",), 1 * H, 8 * H, -30.0), "may"),  # soon it is 0, and falls no more
        (SensorDrifting(("weather-00001",), 1 * H, 4 * H, 30.0), "may"),  # seven are not enough to compare
        (SensorDrifting(("noise-00001",), 1 * H, 4 * H, 30.0), "may"),  # neighbours hear something else
        (SensorBroken(("water-00001",), 0.0, 15 * MIN), "due"),
        (SensorBroken(("water-00001",), 1 * H, 10 * MIN), "may"),  # two in a row
    ],
)
def test_what_cannot_be_seen_by_what_is_documented_is_not_due(event: Ailing, verdict: str) -> None:
    counts = {"air": 8, "weather": 7}
    city = Scenario(
        "x", "", datetime(2026, 3, 10, 6), timedelta(hours=20), bikes=1, sensors=counts, events=(event,)
    )
    entries = list(event.truth(city.scene()))
    assert [entry.verdict for entry in entries if entry.subject is not None] == [verdict]


@pytest.mark.parametrize(
    ("by_h", "verdict"), [(2.0, "may"), (3.0, "due"), (-3.0, "due"), (50.0, "due"), (51.0, "may")]
)
def test_a_temperature_drifts_if_it_is_neither_as_slow_as_others_nor_leaps_out_of_range(
    by_h: float, verdict: str
) -> None:
    drift = SensorDrifting(("weather-00001",), 1 * H, 4 * H, by_h)
    city = Scenario(
        "x",
        "",
        datetime(2026, 3, 10, 6),
        timedelta(hours=20),
        bikes=1,
        sensors={"weather": 8},
        events=(drift,),
    )
    assert [entry.verdict for entry in drift.truth(city.scene()) if entry.subject is not None] == [verdict]


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


def test_a_car_park_that_drifts_never_has_more_free_spaces_than_spaces() -> None:
    """Such a reading would be refused as out of range: another alert than the one about drift."""
    drift = SensorDrifting(("parking-00001",), 60.0, 3 * H, 400.0)
    city = Scenario(
        "x", "", datetime(2026, 3, 10, 6), timedelta(hours=2), bikes=1, sensors=60, events=(drift,)
    )
    table = city.scene().table("parking")
    said = [
        value
        for batch in SimulatedCity(city, ["parking"]).batches()
        for part in batch.parts  # type: ignore[attr-defined]
        for sensor, value in zip(part.sensor.tolist(), part.value.tolist(), strict=True)
        if sensor == 1
    ]
    assert max(said) == table.capacity[1]


def test_a_dump_does_not_promise_more_bikes_than_stand_free() -> None:
    dump = BikeDump("didi", "Century Avenue", 2_400.0, bikes=800)
    assert "up to 800 bikes, as many as stand free, at Century Avenue" in dump.explain()
