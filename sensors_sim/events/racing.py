"""Riders who race: they set out from around a place and are faster than a bike is allowed to be."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec
import numpy as np

from sensors_sim.batch import Ints
from sensors_sim.bikes import Fleet
from sensors_sim.city import LEISURE, METRO, OFFICE
from sensors_sim.events.contract import Count, Event, Name, Scene, minutes, place_of, since
from sensors_sim.tables import Refused
from sensors_sim.truth.entry import Entry

PLACES = (METRO, OFFICE, LEISURE)
FROM_M = 600.0
"""Bikes within that distance of the place are taken."""
RIDE_M = (1_200.0, 3_000.0)
"""How far they go."""
_CLOSEST_M = RIDE_M[0] + FROM_M


@dataclass(frozen=True, slots=True)
class Racing(Event):
    """Within `lasts_s` so many `riders` set out from around `near`, evenly, and ride at `kmh`."""

    key: ClassVar[str] = "racing"
    expects: ClassVar[str] = "speeding, where a policy limits speed"

    near: Name
    begins_s: float
    lasts_s: float
    riders: Count
    kmh: Annotated[float, msgspec.Meta(ge=25, le=50)] = 38.0

    @property
    def where(self) -> str:
        """The place."""
        return self.near

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} {self.riders} riders set out from around {self.near} within "
            f"{minutes(self.lasts_s)} and race at {self.kmh:g} km/h"
        )

    def check(self, scene: Scene) -> None:
        """The place must exist, and there must be places to race to."""
        if not len(self.goals(scene)):
            reach = f"{_CLOSEST_M / 1000:g} to {RIDE_M[1] / 1000:g} km"
            raise Refused("near", self.near, f"{scene.city.name} has no place {reach} from there to race to")

    def goals(self, scene: Scene) -> Ints:
        """Return the places that they race to: `RIDE_M` from wherever they set out."""
        city, near = scene.city, place_of(scene.city, "near", self.near, PLACES)
        away = np.hypot(city.x - city.x[near], city.y - city.y[near])
        goals: Ints = np.flatnonzero((away >= _CLOSEST_M) & (away <= RIDE_M[1]))
        return goals

    def on_fleet(self, scene: Scene) -> "Race":
        """Return the riders."""
        return Race(self, scene)

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """Who races is seen on the way (sensors_sim/truth/rides.py)."""
        return ()


class Race:
    """Sends riders out one by one; where no bike is left, the next one waits until there is."""

    def __init__(self, racing: Racing, scene: Scene) -> None:
        self._racing = racing
        self._begins, self._lasts = scene.at(racing.begins_s), racing.lasts_s * 1000
        self._place = place_of(scene.city, "near", racing.near, PLACES)
        self._goals = racing.goals(scene)
        self._gone = 0

    def act(self, fleet: Fleet, now: int) -> None:
        """Send out those whose time has come."""
        if not self._begins <= now <= self._begins + self._lasts:
            return
        share = (now - self._begins) / self._lasts
        wanted = min(self._racing.riders, 1 + int(share * self._racing.riders)) - self._gone
        if wanted <= 0:
            return
        x, y = float(fleet.city.x[self._place]), float(fleet.city.y[self._place])
        bikes = fleet.some(fleet.free_around(x, y, 0.0, FROM_M), wanted)
        goals = self._goals[np.arange(self._gone, self._gone + len(bikes)) % len(self._goals)]
        fleet.ride_to(bikes, goals, fleet.city.spread[goals], self._racing.kmh)
        self._gone += len(bikes)
