"""A road accident: few vehicles pass, and a jam grows against the flow."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from sensors_sim.batch import Bools, Ints
from sensors_sim.cells import distinct
from sensors_sim.city import LEISURE, METRO, OFFICE, City
from sensors_sim.events.contract import Event, Name, Scene, Share, minutes, place_of, since
from sensors_sim.sensors.roads import Network, network
from sensors_sim.sensors.traffic import loops
from sensors_sim.sensors.world import World
from sensors_sim.tables import Refused, choice, each
from sensors_sim.truth.entry import Entry

UPSTREAM = 4
"""Segments behind the accident in which the jam is seen for certain: 1.6 km."""

DISSOLVES_S = 1_800.0
PLACES = (METRO, OFFICE, LEISURE)


@dataclass(frozen=True, slots=True)
class Accident(Event):
    """An accident on `road` where it is nearest to the place `near`; the share `passes` of the capacity is left.

    direction   of the lanes: to the city's centre, or away from it
    """

    key: ClassVar[str] = "accident"
    expects: ClassVar[str] = "an anomaly of flow and speed behind it"

    road: Name
    near: Name
    begins_s: float
    lasts_s: float
    direction: Literal["inward", "outward"] = "inward"
    passes: Share = 0.2

    @property
    def where(self) -> str:
        """The road and the place."""
        return f"{self.road} near {self.near}"

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} an accident blocks {self.where}, {self.direction}, "
            f"for {minutes(self.lasts_s)}; {self.passes:.0%} of the traffic can pass"
        )

    def check(self, scene: Scene) -> None:
        """Road and place must exist."""
        each(
            lambda: self._check_road(scene.city),
            lambda: place_of(scene.city, "near", self.near, PLACES),
        )

    def _check_road(self, city: City) -> None:
        names = [road.name for road in city.roads]
        if self.road not in names:
            raise Refused("road", self.road, f"{city.name} has no such road; {choice(self.road, names)}")

    def segment(self, city: City, roads: Network) -> int:
        """Return the segment that it happens in."""
        place = place_of(city, "near", self.near, PLACES)
        chains = [chain for chain, name in enumerate(roads.names) if name == self.road]
        inward = [float(roads.inward[roads.chain == chain].mean()) for chain in chains]
        chain = chains[int(np.argmax(inward) if self.direction == "inward" else np.argmin(inward))]
        rows = np.flatnonzero(roads.chain == chain)
        away = np.hypot(roads.x[rows] - city.x[place], roads.y[rows] - city.y[place])
        return int(rows[away.argmin()])

    def on_world(self, scene: Scene) -> "Blocked":
        """Return the blockage."""
        return Blocked(self, scene)

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """The jam is due where there are loops close behind it, and may be seen on the whole road."""
        roads = network(scene.city)
        at = self.segment(scene.city, roads)
        same: Bools = roads.chain == roads.chain[at]
        behind: Ints = np.flatnonzero(same)
        behind = behind[(behind <= at) & (behind >= at - UPSTREAM)]
        table = scene.table("traffic")
        seen: Bools = np.isin(loops(len(roads), len(table)), behind)
        first, last = scene.at(self.begins_s), scene.at(self.ends_s + DISSOLVES_S)
        why = f"accident on {self.where}"
        if seen.any():
            cells = distinct(table.lat[seen], table.lon[seen])
            yield Entry("due", "anomaly", "traffic", cells, first, scene.at(self.ends_s), why)
        lat, lon = scene.city.plane.latlon(roads.x[same], roads.y[same])
        for kind in ("traffic", "noise", "air"):
            yield Entry("may", "anomaly", kind, distinct(lat, lon), first, last, why)


class Blocked:
    """Blocks the segment once."""

    def __init__(self, accident: Accident, scene: Scene) -> None:
        self._accident, self._begins = accident, scene.at(accident.begins_s)
        self._until = scene.at(accident.ends_s)
        self._done = False

    def act(self, world: World, now: int) -> None:
        """Block it when it is time."""
        if self._done or now < self._begins:
            return
        self._done = True
        road = world.traffic.road
        road.block(self._accident.segment(world.city, road.roads), self._until, self._accident.passes)
