"""A bike with a fake GPS: it says now that it is here, and now that it is far away."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from sensors_sim.batch import Positions
from sensors_sim.bikes import vehicle_name
from sensors_sim.city import LEISURE, METRO, OFFICE
from sensors_sim.events.contract import ChangesPositions, Event, Name, Scene, minutes, place_of, since
from sensors_sim.tables import Refused, each
from sensors_sim.truth.entry import Entry
from sensors_sim.truth.jumps import JUMP

_NUMBER = re.compile("[0-9]{1,9}")
PLACES = (METRO, OFFICE, LEISURE)


@dataclass(frozen=True, slots=True)
class FakeGps(Event):
    """`vehicle` is where it is, and every `every_s` seconds it says for as long that it stands at `claims`."""

    key: ClassVar[str] = "fake-gps"
    expects: ClassVar[str] = JUMP

    vehicle: Name
    claims: Name
    begins_s: float
    lasts_s: float
    every_s: float = 180.0

    @property
    def where(self) -> str:
        """The bike."""
        return self.vehicle

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} {self.vehicle} claims every other {minutes(self.every_s)} to be "
            f"at {self.claims}, for {minutes(self.lasts_s)}"
        )

    def check(self, scene: Scene) -> None:
        """Bike and place must exist, and each claim must last."""
        each(
            lambda: place_of(scene.city, "claims", self.claims, PLACES),
            self._check_every,
            lambda: self._check_vehicle(scene),
        )

    def _check_every(self) -> None:
        if self.every_s < 60:
            raise Refused(
                "every", f"{self.every_s:g} s", "60 s at the least: a parked bike reports once a minute"
            )

    def _check_vehicle(self, scene: Scene) -> None:
        operator, _, number = self.vehicle.rpartition("-")
        there = _NUMBER.fullmatch(number) and int(number) < scene.bikes.get(operator, 0)
        if not there or vehicle_name(operator, int(number)) != self.vehicle:
            some = [
                f"{vehicle_name(name, 0)} to {vehicle_name(name, bikes - 1)}"
                for name, bikes in scene.bikes.items()
                if bikes
            ]
            raise Refused("vehicle", self.vehicle, f"there is no such bike; there are {', '.join(some)}")

    def on_positions(self, scene: Scene) -> ChangesPositions:
        """Return the claim."""
        first, last, every = scene.at(self.begins_s), scene.at(self.ends_s), round(self.every_s * 1000)
        place = place_of(scene.city, "claims", self.claims, PLACES)
        at = slice(place, place + 1)
        lat, lon = scene.city.plane.latlon(scene.city.x[at], scene.city.y[at])

        def change(positions: Positions) -> Positions:
            lies = (positions.ts >= first) & (positions.ts < last)
            if not lies.any():
                return positions
            lies &= (positions.vehicle_id == self.vehicle) & ((positions.ts - first) // every % 2 == 0)
            return replace(
                positions, lat=np.where(lies, lat, positions.lat), lon=np.where(lies, lon, positions.lon)
            )

        return change

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """The jump is due wherever it is noticed: where the bike is, or where it claims to be."""
        first, last = scene.at(self.begins_s), scene.at(self.ends_s + self.every_s)
        why = f"{self.vehicle} claims to be at {self.claims}"
        yield Entry("due", JUMP, "bikes", (), first, last, why, self.vehicle)
