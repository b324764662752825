"""A metro station that closes: people are stranded, take bikes, and leave them at the next stations."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from sensors_sim.batch import Ints
from sensors_sim.bikes import Fleet
from sensors_sim.city import METRO, City
from sensors_sim.events.contract import Count, Event, Name, People, Scene, minutes, place_of, since
from sensors_sim.sensors.gatherings import Gathering
from sensors_sim.truth.entry import Entry
from sensors_sim.truth.troubles import LINGERS_MS, SPOT_RINGS

SCATTER_M = 90.0
"""Bikes are left within some of these metres of the other station's entrance, one standard deviation."""

LINGERS_S = 900.0
"""After the station has opened again, the crowd takes so long to be gone."""


@dataclass(frozen=True, slots=True)
class MetroClosure(Event):
    """Nobody rides to `station`. `riders_h` people an hour find a bike within `reach_m` and go to the next stations.

    people    stranded at the entrance while it lasts
    stations  how many of the nearest stations they go to, in turn
    """

    key: ClassVar[str] = "metro-closure"
    expects: ClassVar[str] = "oversaturation at the next stations, if enough people ride"

    station: Name
    begins_s: float
    lasts_s: float
    riders_h: Count = 400
    people: People = 1_200
    stations: Annotated[int, msgspec.Meta(ge=1, le=5)] = 2
    reach_m: Annotated[float, msgspec.Meta(ge=100, le=3_000)] = 900.0

    @property
    def where(self) -> str:
        """The station."""
        return self.station

    @property
    def place(self) -> str:
        """Where people are stranded."""
        return self.station

    @property
    def place_kind(self) -> int:
        """Where people are stranded is a station."""
        return METRO

    def audience(self, at_s: float) -> float:
        """Return how many people are stranded."""
        corners = (self.begins_s, self.begins_s + 600, self.ends_s, self.ends_s + LINGERS_S)
        return float(np.interp(at_s, corners, (0.0, self.people, self.people, 0.0)))

    def playing(self, at_s: float) -> bool:
        """Nobody plays."""
        return False

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} {self.station} is closed for {minutes(self.lasts_s)}; "
            f"{self.people:,} people are stranded, {self.riders_h} an hour ride to the next {self.stations} stations"
        )

    def check(self, scene: Scene) -> None:
        """The station must exist."""
        place_of(scene.city, "station", self.station)

    def on_fleet(self, scene: Scene) -> "Detour":
        """Return the riders."""
        return Detour(self, scene.start_ms)

    def gatherings(self) -> tuple[Gathering, ...]:
        """Return those who are stranded."""
        return (self,)

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """The crowd is an anomaly if somebody counts people there; at the next stations bikes are in people's way."""
        place = place_of(scene.city, "station", self.station)
        first, last = scene.at(self.begins_s), scene.at(self.ends_s + LINGERS_S)
        yield Entry(
            "may", "anomaly", "crowd", scene.cells(place, 2), first, last, f"{self.station} is closed"
        )
        why = f"riders from {self.station}, which is closed, leave bikes there"
        for station in nearest_stations(scene.city, place, self.stations).tolist():
            near, until = scene.cells(station, SPOT_RINGS), scene.at(self.ends_s) + LINGERS_MS
            yield Entry("may", "hot_spot", "requests", near, first, until, why, "illegal_bike_parking")


class Detour:
    """Closes the station, and sends riders from there to the next ones."""

    def __init__(self, closure: MetroClosure, start: int) -> None:
        self._closure, self._start = closure, start
        self._closes = False
        self._sent = 0

    def act(self, fleet: Fleet, now: int) -> None:
        """Send the riders that have come to the entrance by now."""
        at_s, closure = (now - self._start) / 1000, self._closure
        closed = fleet.city.place(closure.station)
        closes = closure.begins_s <= at_s < closure.ends_s
        fleet.closed[closed] += int(closes) - int(self._closes)
        self._closes = closes
        if not closes:
            return
        came = int(closure.riders_h * (at_s - closure.begins_s) / 3_600)
        if came <= self._sent:
            return
        x, y = float(fleet.city.x[closed]), float(fleet.city.y[closed])
        bikes = fleet.some(fleet.free_around(x, y, 0.0, closure.reach_m), came - self._sent)
        others = nearest_stations(fleet.city, closed, closure.stations)
        turn = (self._sent + np.arange(len(bikes))) % len(others)
        fleet.bring(others[turn])
        fleet.ride_to(bikes, others[turn], np.full(len(bikes), SCATTER_M))
        self._sent = came


def nearest_stations(city: City, station: int, n: int) -> Ints:
    """Return the `n` stations nearest to one, nearest first."""
    others = np.flatnonzero(city.kind == METRO)
    others = others[others != station]
    nearest: Ints = others[np.argsort(city.distance[station][others], kind="stable")][:n]
    return nearest
