"""How far live cells can come: until the last change of a cell, however long bikes report after it."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from sensors_sim.batch import AVAILABLE, NON_OPERATIONAL, Positions, ids
from sensors_sim.publish import Counts
from sensors_sim.run import Outcome
from sensors_sim.scenario import shipped
from sensors_sim.score.catching_up import Reached, Tables
from sensors_sim.score.command import _caught_up
from sensors_sim.score.last_change import LastChange
from sensors_sim.sources.contract import Report
from sensors_sim.truth.witness import Witness

MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class UpToDate(Tables):
    """A system that has stored everything, and whose live cells came so far."""

    live_ms: int

    def reached(self) -> Reached:
        return Reached(1_000, self.live_ms)


def watched() -> LastChange:
    return LastChange(Witness(shipped("commuter")))


def said(minute: int, lat: float = 50.0, state: int = AVAILABLE) -> Positions:
    return Positions(
        ("hello",),
        np.zeros(1, np.uint8),
        ids(["bike-1"]),
        np.array([minute * MINUTE]),
        np.array([lat]),
        np.array([8.0]),
        np.array([state], np.uint8),
        np.array([-1]),
    )


def test_a_bike_that_reports_where_it_was_changes_no_cell() -> None:
    changes = watched()
    assert changes.at_ms is None
    for minute in range(15):
        changes.look(said(minute))
    assert changes.at_ms == 0


def test_noise_within_a_cell_is_no_change_another_cell_or_state_is() -> None:
    changes = watched()
    changes.look(said(0))
    changes.look(said(1, lat=50.00001))
    assert changes.at_ms == 0
    changes.look(said(2, lat=50.1))
    assert changes.at_ms == 2 * MINUTE
    changes.look(said(3, lat=50.1, state=NON_OPERATIONAL))
    changes.look(said(4, lat=50.1, state=NON_OPERATIONAL))
    assert changes.at_ms == 3 * MINUTE


def test_a_system_that_has_seen_the_last_change_is_up_to_date_however_long_ago_it_was() -> None:
    counts = Counts(readings_acknowledged=1_000)
    outcome = Outcome(counts, Counter(vehicles=1_000), Report(), 0, 0, 15 * MINUTE, 1.0, False, Counter())
    assert not list(_caught_up(UpToDate("", 5 * MINUTE), Reached(0, 0), outcome, 5 * MINUTE, 10.0))
