"""Regions that all bikes of an operator have left: a feed that is told to be silent there is no false alarm."""

from datetime import datetime, timedelta

import numpy as np

from sensors_sim.batch import AVAILABLE, NON_CONTACTABLE, REMOVED
from sensors_sim.cells import region_of
from sensors_sim.scenario import Scenario
from sensors_sim.truth.entry import Entry
from sensors_sim.truth.standing import Standing
from sensors_sim.truth.unheard import LONG_MS, MINUTE_MS, TOLD_AFTER_MS, Unheard


def silences(*states: int, minutes: int = 10) -> tuple[int, list[Entry]]:
    """Return what is said of two operators with a bike each, of which that of `aa` has each state for ten minutes."""
    shares = {"aa": 0.5, "bb": 0.5}
    city = Scenario("x", "", datetime(2026, 3, 10, 6), timedelta(hours=1), bikes=2, operators=shares)
    fleet, standing = city.fleet(), Standing()
    unheard, start = Unheard(standing), fleet.now
    for minute in range(minutes * len(states)):
        fleet.now = start + minute * MINUTE_MS
        fleet.state = np.array([states[minute // minutes], AVAILABLE], np.uint8)
        standing.occupancy(fleet)
        unheard.look(fleet)
    return start, list(unheard.entries())


def test_who_is_carried_away_or_out_of_reach_is_unheard_until_back() -> None:
    start, [entry] = silences(AVAILABLE, REMOVED, NON_CONTACTABLE, AVAILABLE)
    assert (entry.verdict, entry.kind, entry.subject) == ("may", "feed_silent", "aa")
    assert entry.from_ms == start + 9 * MINUTE_MS
    assert entry.to_ms == start + 30 * MINUTE_MS + TOLD_AFTER_MS
    assert len({region_of(cell) for cell in entry.cells}) == 1


def test_who_does_not_come_back_is_unheard_to_the_end() -> None:
    start, [entry] = silences(AVAILABLE, REMOVED)
    assert entry.to_ms == start + 19 * MINUTE_MS + TOLD_AFTER_MS


def test_who_is_away_for_a_moment_is_heard() -> None:
    assert silences(AVAILABLE, REMOVED, AVAILABLE, minutes=LONG_MS // MINUTE_MS - 2)[1] == []
