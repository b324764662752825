"""Concerts and their like as the sensors notice them: a crowd at a place, and music while it plays."""

from dataclasses import dataclass

import numpy as np

from sensors_sim.batch import Floats
from sensors_sim.city import LEISURE, City


@dataclass(frozen=True, slots=True)
class Concert:
    """An audience that comes within an hour, listens, and leaves within half an hour.

    Times are seconds of event time after the scenario's start; `place` is a place of leisure in the city.
    """

    place: str
    begins_s: float
    lasts_s: float
    people: int

    COMES_S = 3_600.0
    LEAVES_S = 1_800.0

    def audience(self, at_s: float) -> float:
        """Return how many people are there."""
        ends = self.begins_s + self.lasts_s
        corners = (self.begins_s - self.COMES_S, self.begins_s, ends, ends + self.LEAVES_S)
        return float(np.interp(at_s, corners, (0.0, self.people, self.people, 0.0)))

    def playing(self, at_s: float) -> bool:
        """Say whether the music plays."""
        return self.begins_s <= at_s < self.begins_s + self.lasts_s

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from minute {self.begins_s / 60:g} {self.people:,} people hear a concert of {self.lasts_s / 60:g} min "
            f"at {self.place}"
        )


class Gatherings:
    """All concerts of a scenario, in the city.

    x, y    float64[g], metres
    people  float64[g], how many are there
    music   float64[g], 1 while it plays, else 0
    """

    def __init__(self, concerts: tuple[Concert, ...], city: City, start: int) -> None:
        self._concerts = concerts
        self._start = start
        places = [city.place(concert.place, LEISURE) for concert in concerts]
        self.x, self.y = city.x[places], city.y[places]
        self.people: Floats = np.zeros(len(concerts))
        self.music: Floats = np.zeros(len(concerts))

    def step(self, now: int) -> None:
        """Live until `now`, milliseconds since the epoch."""
        at_s = (now - self._start) / 1000
        self.people = np.array([concert.audience(at_s) for concert in self._concerts])
        self.music = np.array([float(concert.playing(at_s)) for concert in self._concerts])
