"""Hot spots in the simulated city: the burst main of the scenario is found, and nothing is that did not happen.

Windows are counted here, from the hotline's events; how requests become windows is tested elsewhere.
"""

import itertools
from collections.abc import Iterator

import msgspec
import numpy as np
import pytest

from schemas import codec
from sensors_sim.cells import cells_at
from sensors_sim.requests.events import Events
from sensors_sim.scenario import Scenario, parse
from sensors_sim.score.figures import figures
from sensors_sim.score.files import parse_truth
from sensors_sim.score.lives import AlertEvent, lives
from sensors_sim.score.matching import Judged, judge
from sensors_sim.sources.simulated import SimulatedCity
from sensors_sim.truth.witness import Witness
from tests.pipeline import T0
from tests.unit.incidents.hotspot.calls import MINUTE, Call, Desk

SHOWN = ("requests", "heating")


def judged(scenario: Scenario) -> Judged:
    """Return what became of the hot spots of a scenario."""
    witness = Witness(scenario, SHOWN)
    desk = Desk()
    desk.feed(sorted(calls(scenario, witness)))
    truth = parse_truth(msgspec.json.encode(witness.truth().to_dict()), scenario.name).only(["hot_spot"])
    events = [msgspec.json.decode(codec.encode(alert), type=AlertEvent) for alert in desk.told]
    return judge(truth, lives(events))


def calls(scenario: Scenario, witness: Witness) -> Iterator[Call]:
    """Yield the first opening of each request."""
    parts = itertools.chain.from_iterable(
        batch.parts  # type: ignore[attr-defined]
        for batch in SimulatedCity(scenario, SHOWN, witness).batches()
    )
    seen = set()
    for part in parts:
        for event in part.event if isinstance(part, Events) else ():
            if event.event == "opened" and event.service_request_id not in seen:
                seen.add(event.service_request_id)
                (cell,) = cells_at(np.array([event.lat]), np.array([event.lon]))
                yield (event.ts - T0) // MINUTE, cell, event.service_code


@pytest.mark.parametrize("seed", [1, 2])
def test_the_burst_main_is_found_and_nothing_else(seed: int) -> None:
    """On the first evening of a system that has never heard of this city."""
    scenario = parse(
        b'summary = "x"\n[calendar]\nstart = 2026-02-04T16:00:00\nduration = "8 h"\n[populations]\nbikes = 300\n'
        b'[[events]]\nevent = "burst-pipe"\nnear = "Yuanshen Stadium"\nbegins = "18:20"\nlasts = "5 h"\n',
        "burst.toml",
    ).with_(seed=seed)
    result = judged(scenario)
    found = figures(result)
    assert (found.due, found.recall, found.precision) == (1, 1.0, 1.0), result
    assert found.delay_max_s is not None
    assert found.delay_max_s <= 3 * 3_600  # an hour until flats are cold, and two in which people call


def test_a_quiet_day_raises_nothing() -> None:
    result = judged(
        parse(
            b'summary = "x"\n[calendar]\nstart = 2026-02-04T07:00:00\nduration = "14 h"\n[populations]\nbikes = 300',
            "quiet.toml",
        )
    )
    assert result.due == ()
    assert result.false == ()
