"""What the city does of itself is tolerated from the readings on that show it first."""

from datetime import datetime, timedelta

import numpy as np

from sensors_sim.events.ailing import SensorDrifting
from sensors_sim.scenario import Scenario
from sensors_sim.truth.troubles import Troubles
from sensors_sim.truth.witness import truth_of

MINUTE_MS = 60_000


def test_a_trouble_is_tolerated_from_the_minute_on_whose_readings_show_it() -> None:
    """Of seed 5 a car crashes in minute 15 of this morning, and a lamp is out from the beginning on."""
    city = Scenario("x", "", datetime(2026, 2, 3, 6), timedelta(hours=1), bikes=1, seed=5)
    world = city.world()
    troubles = Troubles(world)
    crashed = 0
    for _ in range(30):
        minute = world.now
        world.step()
        troubles.look(world.now)
        if world.traffic.road.blocked(minute).any():
            crashed = crashed or minute
    found = list(troubles.entries(world.now))
    slow = [entry.from_ms for entry in found if entry.why.startswith("accident")]
    assert (crashed - city.start_ms) // MINUTE_MS == 15
    assert min(slow) == crashed
    dark = [entry for entry in found if entry.population == "street_light" and entry.why.endswith("is out")]
    assert len(dark) == np.count_nonzero(world.lights.out) > 0
    assert {entry.from_ms for entry in dark} == {city.start_ms}


def test_an_anomaly_is_dated_by_its_window_and_so_is_what_is_true_of_it() -> None:
    """It begins 40 seconds after the minute; the alert about it says when the minute began."""
    ill = SensorDrifting(("air-00001",), 600.0, 3_000.0, by_h=9.0)
    start = datetime(2026, 3, 10, 6, 0, 40)
    city = Scenario("x", "", start, timedelta(hours=1), bikes=1, sensors=60, events=(ill,))
    entries = truth_of(city, ["air"]).entries
    first = {(e.kind, e.from_ms - city.start_ms) for e in entries if "air-00001" in e.why}
    assert first == {("sensor_drifting", 600_000), ("anomaly", 560_000)}
