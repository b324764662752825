"""A fleet fold that looks at single vehicles, and the incidents fold that hears of it: for unit and property tests."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsNow, CellsVehicles
from schemas.partials import SlotCounts
from streams import topics
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.news import NewsConfig
from streams.fleet.speeds import SpeedLimits
from streams.fleet.state import FleetState
from streams.fold.contract import Output, Record
from streams.grid import locate
from streams.incidents.damping import NEVER, FlapConfig
from streams.incidents.policy import Policy, Rule, parse
from streams.incidents.speeds.rules import least_limits, states_of
from streams.incidents.state import IncidentsState
from streams.incidents.stays.ground import Ground, ground_of
from streams.incidents.vehicles.config import VehiclesConfig
from tests.pipeline import FAR_FUTURE, T0, Database, restored

FLEET = FleetConfig(
    window_ms=60_000,
    allowed_lateness_ms=10_000,
    amend_horizon_ms=120_000,
    stale_after_ms=6 * 3_600_000,
    sources=1,
)
LOCATOR = locate.Locator(9, 2)
CELLS = Cells(LOCATOR)
POLICY = parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "default")


def region(place: tuple[float, float]) -> str:
    """Return the region at (lat, lon)."""
    return LOCATOR.region(LOCATOR.cells([place[0]], [place[1]])[0])


def ground(policy: Policy) -> Ground | None:
    """Return the areas of a policy, as the composition root makes them."""
    return ground_of(policy, _outline)


def limits(policy: Policy) -> SpeedLimits | None:
    """Return the speed limits of a policy, as the composition root makes them."""
    if not policy.speeds:
        return None
    watched = Ground(policy.speed_areas, states_of(policy.speeds), _outline)
    return SpeedLimits(watched, least_limits(policy.speeds))


def _outline(cell: str) -> dict[str, Any]:
    return locate.boundary_in_one_piece(locate.from_hex(cell))


class Watched:
    """Readings in, alerts of vehicles out; either fold may crash."""

    def __init__(
        self,
        news: NewsConfig,
        vehicles: VehiclesConfig,
        *,
        fleet: FleetConfig = FLEET,
        policy: Policy = POLICY,
        flaps: FlapConfig = NEVER,
    ) -> None:
        self._news = replace(news, ground=ground(policy), speeds=limits(policy))
        self._fleet_config = replace(fleet, news=self._news)
        self._vehicles, self._policy, self._flaps = vehicles, policy, flaps
        self.database = Database()
        self.log: list[bytes] = []
        self.cells: list[bytes] = []
        self.told: list[CellsVehicles] = []
        self.alerts: list[Alert] = []
        self._heard = -1
        self.fleet = FleetState(self._fleet_config, CELLS, restored())
        self.incidents = self._open()

    def _open(self) -> IncidentsState:
        start = self.database.restored("incidents", 0)
        return IncidentsState(self._policy, locate.centre, start, vehicles=self._vehicles, flaps=self._flaps)

    def feed(self, *readings: dict[str, Any], received_at: int = FAR_FUTURE) -> None:
        """Fold one record of readings."""
        columns = {name: [reading[name] for reading in readings] for name in readings[0]}
        self.log.append(msgspec.json.encode({**columns, "received_at": received_at}))
        self._fold(len(self.log) - 1)

    def _fold(self, offset: int) -> None:
        self.fleet.apply(Record(topics.VEHICLES, 0, offset, self.log[offset], T0))

    def publish(self, *, at_checkpoint: bool = False) -> None:
        """Let the fleet say what it has to say, and the incidents hear it."""
        for output in self.fleet.take_outputs(at_checkpoint=at_checkpoint):
            if output.topic == topics.CELLS:
                self.told.append(msgspec.json.decode(output.value, type=CellsVehicles))
                self.hear(output.value)

    def hear(self, value: bytes) -> list[Alert]:
        """Append a message to ub.cells, and fold it; returns the alerts that come of it."""
        self.cells.append(value)
        return self._listen()

    def _listen(self) -> list[Alert]:
        outputs: list[Output] = []
        while self._heard + 1 < len(self.cells):
            self._heard += 1
            self.incidents.apply(Record(topics.CELLS, 0, self._heard, self.cells[self._heard], T0))
            outputs += self.incidents.take_outputs(at_checkpoint=False)
        assert {output.topic for output in outputs} <= {topics.ALERTS}
        alerts = [codec.alert.decode(output.value) for output in outputs]
        self.alerts += alerts
        return alerts

    def time(self, seconds: float, where: str) -> list[Alert]:
        """Let event time of a region reach so many seconds after T0."""
        as_of = T0 + round(seconds * 1000)
        return self.hear(codec.encode(CellsNow(where, as_of, as_of, SlotCounts([], [], [], [], [], [], []))))

    def checkpoint(self) -> None:
        """Publish the fleet, and store it."""
        self.publish(at_checkpoint=True)
        self.database.commit("fleet", len(self.log) - 1, self.fleet.take_changes())

    def take(self, policy: Policy) -> None:
        """Go by another policy from now on, without a crash."""
        self.take_in_fleet(policy)
        self._policy = policy
        self.incidents.take_policy(policy)

    def take_in_fleet(self, policy: Policy) -> None:
        """Let the fleet look for what another policy speaks of from now on."""
        news = replace(self._news, ground=ground(policy), speeds=limits(policy))
        self._fleet_config = replace(self._fleet_config, news=news)
        self.fleet.take_news(news)

    def look_for(self, news: NewsConfig) -> None:
        """Let the fleet look for something else from its next crash on: settings are read at the start."""
        self._news = replace(self._news, jumps=news.jumps, battery=news.battery, trips=news.trips)
        self._fleet_config = replace(self._fleet_config, news=self._news)

    def crash(self) -> None:
        """Lose the fleet's memory; it folds the log from its checkpoint on again."""
        start = self.database.restored("fleet", 0)
        self.fleet = FleetState(self._fleet_config, CELLS, start, self.database.vehicles(0))
        for offset in range(start.offset + 1, len(self.log)):
            self._fold(offset)

    def checkpoint_incidents(self) -> None:
        """Store the incidents."""
        self.database.commit("incidents", self._heard, self.incidents.take_changes())

    def crash_incidents(self, vehicles: VehiclesConfig | None = None) -> list[Alert]:
        """Lose the memory of the incidents; they hear ub.cells from their checkpoint on again."""
        self._vehicles = vehicles or self._vehicles
        self.incidents = self._open()
        self._heard = self.database.restored("incidents", 0).offset
        return self._listen()

    def live_through(self, log: Sequence[dict[str, Any]], size: int, data: st.DataObject) -> None:
        """Fold readings, so many a record; after each of them either fold may be stored, crash or hear a repeat."""
        for begin in range(0, len(log), size):
            self.feed(*log[begin : begin + size])
            what = data.draw(
                st.sampled_from(
                    ["", "publish", "checkpoint", "crash", "publish crash", "repeat", "save", "listen again"]
                )
            )
            if "publish" in what:
                self.publish()
            if what == "checkpoint":
                self.checkpoint()
            if "crash" in what:
                self.crash()
            if what == "repeat" and self.cells:
                self.hear(data.draw(st.sampled_from(self.cells)))
            if what == "save":
                self.checkpoint_incidents()
            if what == "listen again":
                self.crash_incidents()
        self.publish()

    def rows(self) -> dict[str, dict[str, Any]]:
        """Return ub.alert by id, as the last checkpoint of the incidents left it."""
        return {row["alert_id"]: row for row in self.database.tables["alert"].values()}
