"""Stations that are so full that people call: from when until when, and only where enough do."""

import numpy as np
import pytest

from sensors_sim.bikes import Fleet
from sensors_sim.city import METRO
from sensors_sim.scenario import shipped
from sensors_sim.truth.crowding import MINUTE_MS, Crowding
from sensors_sim.truth.troubles import LINGERS_MS

START = 1_772_000_000_000


def spans(full: str, times: float = 2.0, requests: float = 1.0) -> list[tuple[int, int]]:
    """Return from which minute to which a hot spot is no false alarm at a station that is full (#) or not (-)."""
    fleet = Fleet(shipped("metro-flood").city, 1_000, START, np.random.default_rng(1))
    place = int(np.flatnonzero(fleet.city.kind == METRO)[0])
    room = max(float(fleet.city.room[place]) * len(fleet) / fleet.city.fleet, 1.0)
    crowding = Crowding(requests)
    fleet.stock[:] = 0
    for minute, is_full in enumerate(full):
        fleet.now = START + minute * MINUTE_MS
        fleet.stock[place] = round(times * room) if is_full == "#" else 0
        crowding.look(fleet)
        fleet.now += MINUTE_MS // 2
        fleet.stock[place] = 0
        crowding.look(fleet)  # once a minute is enough
    found = list(crowding.entries(fleet.now))
    assert {(one.verdict, one.kind, one.subject) for one in found} <= {
        ("may", "hot_spot", "illegal_bike_parking")
    }
    return [
        ((one.from_ms - START) // MINUTE_MS, (one.to_ms - LINGERS_MS - START) // MINUTE_MS) for one in found
    ]


def test_a_station_that_is_full_for_a_time_is_told_once_for_that_time() -> None:
    assert spans("--####---") == [(1, 5)]


def test_one_that_is_full_again_is_told_again() -> None:
    assert spans("-###--##-") == [(0, 3), (5, 7)]


@pytest.mark.parametrize(
    ("times", "requests", "told"),
    [(1.2, 1.0, False), (1.5, 1.0, True), (1.5, 0.5, False), (1.2, 3.0, True), (2.0, 0.0, False)],
)
def test_it_is_told_where_so_many_call_that_it_may_be_noticed(
    times: float, requests: float, told: bool
) -> None:
    assert bool(spans("-###-", times, requests)) is told
