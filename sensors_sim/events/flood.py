"""A metro station that riders flood with bikes, and drain again."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from sensors_sim.batch import Ints
from sensors_sim.bikes import UNKNOWN, Fleet
from sensors_sim.events.contract import Count, Event, Name, Scatter, Scene, minutes, place_of, since
from sensors_sim.rhythm import demand
from sensors_sim.tables import Refused, each

BEYOND = 3
"""Bikes within so many standard deviations are those of the station: riders bring others."""


@dataclass(frozen=True, slots=True)
class Flood(Event):
    """Riders leave more and more bikes at one metro station, and later take them away again.

    Times are seconds of event time: it begins `begins_s` after the scenario, within `fill_s` riders
    have set out with `bikes` more than usual, the crowd stays for `hold_s`, and within `drain_s` they
    have left again. They come from `reach_m` metres around and park within some `scatter_m` of
    the entrance (one standard deviation).
    """

    key: ClassVar[str] = "flood"
    expects: ClassVar[str] = "oversaturation at the station, if there are enough bikes"

    station: Name
    begins_s: float
    fill_s: float
    hold_s: float
    drain_s: float
    bikes: Count
    reach_m: Annotated[float, msgspec.Meta(ge=300, le=5_000)] = 1_800.0
    scatter_m: Scatter = 90.0

    @property
    def ends_s(self) -> float:
        """Seconds after the start of the scenario when the last extra bike has been taken."""
        return self.begins_s + self.fill_s + self.hold_s + self.drain_s

    def level(self, at_s: float) -> float:
        """Return which share of the flood is due `at_s` seconds after the start of the scenario."""
        begins, ends = self.begins_s, self.ends_s
        corners = (begins, begins + self.fill_s, ends - self.drain_s, ends)
        return float(np.interp(at_s, corners, (0.0, 1.0, 1.0, 0.0)))

    @property
    def where(self) -> str:
        """The station."""
        return self.station

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} riders bring up to {self.bikes} bikes to {self.station} within "
            f"{minutes(self.fill_s)}, they stay {minutes(self.hold_s)} and are gone {minutes(self.drain_s)} later"
        )

    def check(self, scene: Scene) -> None:
        """The station must exist, and there must be room between those who park there and those who come."""
        each(lambda: place_of(scene.city, "station", self.station), self._check_scatter)

    def _check_scatter(self) -> None:
        if BEYOND * self.scatter_m >= self.reach_m:
            raise Refused(
                "scatter_m",
                self.scatter_m,
                f"bikes come from beyond {BEYOND} times as far, and from within reach_m = {self.reach_m:g}: "
                f"less than {self.reach_m / BEYOND:g} is expected, or a larger reach_m",
            )

    def on_fleet(self, scene: Scene) -> "FloodInProgress":
        """Return the riders."""
        return FloodInProgress(self, scene.start_ms)


class FloodInProgress:
    """Holds the bikes of a station at what the floods of it ask for together, counting those on their way."""

    def __init__(self, flood: Flood, start: int) -> None:
        self._flood = flood
        self._start = start
        self._asks = 0

    def act(self, fleet: Fleet, now: int) -> None:
        """Send riders to the station or away from it."""
        at_s = (now - self._start) / 1000
        station = fleet.city.place(self._flood.station)
        asks = round(self._flood.bikes * self._flood.level(at_s))
        fleet.asked[station] += asks - self._asks
        self._asks = asks
        if not self._flood.begins_s <= at_s <= self._flood.ends_s:
            if fleet.asked[station] == 0:
                fleet.usual[station] = UNKNOWN
            return
        if fleet.usual[station] == UNKNOWN:
            fleet.usual[station] = fleet.stock[station]
        missing = int(fleet.usual[station] + fleet.asked[station] - fleet.stock[station])
        if missing > 0 and at_s < self._flood.ends_s - self._flood.drain_s:
            self._bring(fleet, station, missing)
        elif missing < 0:
            fleet.ride_away(fleet.some(fleet.free_at(station), -missing), demand(now, fleet.calendar))

    def _bring(self, fleet: Fleet, station: int, n: int) -> None:
        x, y = float(fleet.city.x[station]), float(fleet.city.y[station])
        near = fleet.free_around(x, y, BEYOND * self._flood.scatter_m, self._flood.reach_m)
        bikes: Ints = fleet.some(near[fleet.place[near] != station], n)
        fleet.ride_to(bikes, np.full(len(bikes), station), np.full(len(bikes), self._flood.scatter_m))
