"""A concert: a crowd at a place of leisure, and music that people complain about."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensors_sim.city import LEISURE
from sensors_sim.events.contract import Event, Name, People, Scene, minutes, place_of, since
from sensors_sim.sensors.gatherings import Gathering
from sensors_sim.truth.entry import Entry

HEARD_RINGS = 4
"""Cells around the stage in which meters hear it."""


@dataclass(frozen=True, slots=True)
class Concert(Event):
    """An audience that comes within an hour, listens, and leaves within half an hour.

    `place` is a place of leisure in the city.
    """

    key: ClassVar[str] = "concert"

    place: Name
    begins_s: float
    lasts_s: float
    people: People

    COMES_S: ClassVar[float] = 3_600.0
    LEAVES_S: ClassVar[float] = 1_800.0

    @property
    def where(self) -> str:
        """The place."""
        return self.place

    @property
    def place_kind(self) -> int:
        """Concerts are at places of leisure."""
        return LEISURE

    def audience(self, at_s: float) -> float:
        """Return how many people are there."""
        corners = (self.begins_s - self.COMES_S, self.begins_s, self.ends_s, self.ends_s + self.LEAVES_S)
        return float(np.interp(at_s, corners, (0.0, self.people, self.people, 0.0)))

    def playing(self, at_s: float) -> bool:
        """Say whether the music plays."""
        return self.begins_s <= at_s < self.ends_s

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} {self.people:,} people hear a concert of {minutes(self.lasts_s)} "
            f"at {self.place}"
        )

    def check(self, scene: Scene) -> None:
        """The place must exist."""
        place_of(scene.city, "place", self.place, (LEISURE,))

    def gatherings(self) -> tuple[Gathering, ...]:
        """Return the audience."""
        return (self,)

    def truth(self, scene: Scene) -> Iterable[Entry]:
        """Unusual crowds and levels around the stage may be called anomalies."""
        cells = scene.cells(place_of(scene.city, "place", self.place, (LEISURE,)), HEARD_RINGS)
        first, last = scene.at(self.begins_s - self.COMES_S), scene.at(self.ends_s + self.LEAVES_S)
        for kind in ("crowd", "noise"):
            yield Entry("may", "anomaly", kind, cells, first, last, f"concert at {self.place}")
        why = f"people complain about the music of {self.place}"
        yield Entry("may", "hot_spot", "requests", (), first, last, why, "noise")
