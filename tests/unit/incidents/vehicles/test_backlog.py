"""Alerts of single vehicles in a backlog whose partitions are read one after the other, through fleet, grid, incidents.

event time  0    1    2    3    4 h
bike-1      jj                         in partition 0, which waits to be read
bike-2      ####################       in partition 1
"""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from schemas import codec
from schemas.alerts import Alert
from streams import topics
from streams.fleet.jumps import JumpRule
from streams.fleet.news import NewsConfig
from streams.fleet.state import FleetState
from streams.fold.contract import Record
from streams.grid.locate import centre
from streams.grid.state import GridConfig, GridState
from streams.incidents.state import IncidentsState
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import FAR_FUTURE, T0, geometry, restored
from tests.unit.fleet.road import CELLS, CONFIG, HERE, at
from tests.watched_vehicles import POLICY

EAST = (HERE[0], HERE[1] + 0.0525)
HOUR = 3_600
GRID = GridConfig(
    window_ms=60_000, amend_horizon_ms=120_000, idle_timeout_ms=5_000, forget_source_ms=3_600_000
)


class Road:
    """Two partitions of ub.vehicles on the way to alerts."""

    def __init__(self) -> None:
        config = replace(CONFIG, sources=2, news=NewsConfig(jumps=JumpRule(60.0, 250.0)))
        self.fleets = [FleetState(config, CELLS, restored(partition)) for partition in (0, 1)]
        self.grid = GridState(GRID, geometry, restored())
        self.incidents = IncidentsState(POLICY, centre, restored(), vehicles=VehiclesConfig())
        self.alerts: list[Alert] = []
        self.wall = 1_000_000
        self._offsets = dict.fromkeys([*self.fleets, self.grid, self.incidents], -1)

    def _fold(self, fold: Any, topic: str, value: bytes) -> None:
        self._offsets[fold] += 1
        fold.apply(Record(topic, 0, self._offsets[fold], value, T0))

    def read(self, partition: int, *readings: dict[str, Any]) -> None:
        """Fold one record of a partition."""
        columns = {name: [reading[name] for reading in readings] for name in readings[0]}
        value = msgspec.json.encode({**columns, "received_at": FAR_FUTURE})
        self._fold(self.fleets[partition], topics.VEHICLES, value)

    def tick(self, wall_ms: int = 500, *, unread: bool = False) -> None:
        """Let wall time pass, and all say what they have to; `unread`: partition 0 is not read to its end."""
        self.wall += wall_ms
        for fleet in self.fleets:
            fleet.idle(self.wall)
            if unread and fleet is self.fleets[0]:
                fleet.wait_to_be_read()
            for checkpoint in (False, True):
                for output in fleet.take_outputs(at_checkpoint=checkpoint):
                    self._fold(
                        self.grid if output.topic == topics.PARTIALS else self.incidents,
                        output.topic,
                        output.value,
                    )
        self.grid.idle(self.wall)
        for output in self.grid.take_outputs(at_checkpoint=True):
            self._fold(self.incidents, output.topic, output.value)
        for output in self.incidents.take_outputs(at_checkpoint=True):
            if output.topic == topics.ALERTS:
                self.alerts.append(codec.alert.decode(output.value))

    def jump(self, second: float) -> None:
        """Have bike-1 be elsewhere for a minute."""
        self.read(0, at(second, EAST), at(second + 60))


def said(alerts: list[Alert]) -> list[tuple[str, str, int]]:
    return [(alert.action, alert.severity, (alert.updated_at - T0) // 1000) for alert in alerts]


@pytest.mark.parametrize("stopped_s", [4, 30])
def test_an_alert_is_not_cleared_while_the_partition_of_its_vehicle_waits_to_be_read(stopped_s: int) -> None:
    road = Road()
    road.read(0, at(0))
    road.read(1, at(0, bike="bike-2"))
    road.tick()
    road.jump(60)
    road.tick()
    for step in range(2 * stopped_s):
        road.read(1, at(120 + 4 * HOUR * (step + 1) / (2 * stopped_s), bike="bike-2"))
        road.tick(unread=True)
    road.jump(600)
    road.tick()
    assert said(road.alerts) == [("raised", "warning", 60), ("updated", "minor", 660)]


def test_a_partition_that_is_read_to_its_end_stops_the_time_of_nobody() -> None:
    road = Road()
    road.read(0, at(0))
    road.read(1, at(0, bike="bike-2"))
    road.jump(60)
    road.tick()
    for step in range(20):
        road.read(1, at(120 + 100 * step, bike="bike-2"))
        road.tick()
    assert said(road.alerts)[0] == ("raised", "warning", 60)
    assert said(road.alerts)[-1][0] == "cleared"
