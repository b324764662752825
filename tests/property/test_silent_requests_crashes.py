"""A feed of requests over real folds whose workers are killed again and again: silence is told, and nothing else is.

    time           0 ................. 32 h ....................................... 48 h
    requests       #####################  ########  #####  ########                ####
    vehicles       ####################################################################
    killed                            x  x x    x  xx   x  x x     x    x   x     x

The oracle knows when requests were made: in the first weeks, four times the longest gap so far is silence. A histogram
of half octaves may make half as much more of a gap, and gaps of less than five minutes are learned as longer ones.
"""

import copy
import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest

from schemas import codec
from schemas.alerts import Alert
from schemas.partials import FleetPartial, SlotCounts, WindowCounts
from streams import topics
from streams.fold.contract import Restored
from streams.grid import locate
from streams.grid.state import GridConfig, GridState
from streams.incidents.health.config import HealthConfig
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from streams.requests.districts import Districts
from streams.requests.state import RequestsConfig, RequestsState
from tests.pipeline import FAR_FUTURE, T0, geometry
from tests.sensor_road import Stage

MINUTE, STEP_MS = 60_000, 10_000
"""Event time and wall time of one step: half a minute of waiting is three minutes of the city."""
KNOWN = 32 * 60
LAT, LON = 31.23, 121.47
CELL = locate.Locator(9, 2).cells([LAT], [LON])[0]
REGION = locate.Locator(9, 2).region(CELL)


def opened(topic: str) -> Callable[[Restored, list[dict[str, Any]]], Any]:
    """Return what opens the fold of a topic."""

    def open_fold(restored: Restored, rows: list[dict[str, Any]]) -> Any:
        if topic == topics.PARTIALS:
            return GridState(GridConfig(MINUTE, 600_000, 5_000, 3_600_000), geometry, restored)
        if topic == topics.CELLS:
            policy = parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "default")
            return IncidentsState(policy, locate.centre, restored, health=HealthConfig())
        config = RequestsConfig(MINUTE, 10_000, 600_000, 86_400_000, 2)
        kept = rows[-300:]
        columns = {name: [row[name] for row in kept] for name in kept[0]} if kept else None
        return RequestsState(config, locate.Locator(9, 2), Districts.parse(None), restored, columns)

    return open_fold


def stage(topic: str, number: int) -> Stage:
    return Stage(topic, number, opened(topic), table="request", key=("service_request_id",))


class Road:
    """Two partitions of requests, vehicles that go on, the grid and incidents."""

    def __init__(self) -> None:
        self.sources = [stage(topics.REQUESTS, number) for number in range(2)]
        self.grid, self.incidents = stage(topics.PARTIALS, 0), stage(topics.CELLS, 0)
        self.stages = [*self.sources, self.grid, self.incidents]
        self.wall = 0
        self.told: dict[tuple[str, int], Alert] = {}

    def step(self, minute: int, made: list[int], killed: dict[int, bool]) -> None:
        """Live through a minute: requests are made in these partitions, and stages killed (True: before they store)."""
        for number in made:
            event = {"owner": "city", "service_request_id": f"r-{number}-{minute}", "event": "opened"}
            event |= {"ts": T0 + minute * MINUTE, "lat": LAT, "lon": LON, "service_code": "noise"}
            value = msgspec.json.encode({"events": [event], "received_at": FAR_FUTURE})
            self.sources[number].feed(value)
        self.wall += STEP_MS
        at = T0 + minute * MINUTE
        none, one = (
            SlotCounts([], [], [], [], [], [], []),
            WindowCounts([at], [f"{CELL:x}"], ["x"], [5], [0], [0]),
        )
        vehicles = FleetPartial(REGION, 0, 1, 0, minute, at + MINUTE, at + 50_000, MINUTE, none, one)
        self.grid.feed(codec.encode(vehicles))
        for number, one in enumerate(self.stages):
            one.fold.idle(self.wall)
            for output in one.fold.take_outputs(at_checkpoint=True):
                if output.topic == topics.PARTIALS:
                    self.grid.feed(output.value)
                elif output.topic == topics.CELLS:
                    self.incidents.feed(output.value)
                elif output.topic == topics.ALERTS:
                    event = codec.alert.decode(output.value)
                    assert self.told.setdefault((event.alert_id, event.sequence), event) == event
            if not killed.get(number):
                one.commit()
            if number in killed:
                one.crash()


@cache
def known() -> Road:
    """Return a road after 32 hours."""
    road, rng = Road(), np.random.default_rng(0)
    for minute in range(KNOWN):
        road.step(minute, [int(rng.integers(2))] if rng.random() < 0.5 or minute % 5 == 0 else [], {})
    assert road.told == {}
    return road


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(2))
def test_silence_of_requests_is_told_once_and_nothing_else_however_often_workers_are_killed(
    seed: int, share: float
) -> None:
    """`share`: of the minutes in which a stage is killed. At first silences are short, and then one is long."""
    road, rng = copy.deepcopy(known()), np.random.default_rng(seed)
    lengths = [int(rng.integers(low, high)) for _ in range(6) for low, high in ((20, 90), (5, 20))]
    minutes, minute = list[int](), KNOWN
    for number, length in enumerate([*lengths, 60, 400, 90]):
        for at in range(minute, minute + length):
            if number % 2 == 0 and (rng.random() < 0.5 or at % 5 == 0 or at == minute):
                minutes.append(at)
            killed = {stage: bool(rng.integers(2)) for stage in range(4) if rng.random() < share}
            road.step(at, [int(rng.integers(2))] if at in minutes[-1:] else [], killed)
        minute += length
    *gaps, silence = sorted(after - before for before, after in itertools.pairwise(minutes))
    began = max(at for at in minutes if at + silence in minutes) + 1
    raised, cleared = sorted(road.told.values(), key=lambda event: event.sequence)
    assert [(event.action, event.subject) for event in (raised, cleared)] == [
        ("raised", "requests"),
        ("cleared", "requests"),
    ]
    assert raised.starts_at == T0 + began * MINUTE
    told_after = (raised.updated_at - raised.starts_at) / MINUTE
    assert 4 * gaps[-1] < told_after < 8 * gaps[-1] + 30
