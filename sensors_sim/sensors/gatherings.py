"""Crowds that a scenario draws together, as the sensors notice them: people at a place, and music while it plays."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sensors_sim.batch import Floats
from sensors_sim.city import City


class Gathering(Protocol):
    """People who come together at a place. Times are seconds of event time after the scenario's start."""

    @property
    def place(self) -> str:
        """Name of the place."""
        ...

    @property
    def place_kind(self) -> int:
        """What kind of place it is (sensors_sim.city.KINDS)."""
        ...

    def audience(self, at_s: float) -> float:
        """Return how many people are there."""
        ...

    def playing(self, at_s: float) -> bool:
        """Say whether music plays."""
        ...


class Gatherings:
    """All gatherings of a scenario, in the city.

    x, y    float64[g], metres
    people  float64[g], how many are there
    music   float64[g], 1 while it plays, else 0
    """

    def __init__(self, gatherings: Sequence[Gathering], city: City, start: int) -> None:
        self._gatherings = tuple(gatherings)
        self._start = start
        places = [city.place(one.place, one.place_kind) for one in gatherings]
        self.x, self.y = city.x[places], city.y[places]
        self.people: Floats = np.zeros(len(places))
        self.music: Floats = np.zeros(len(places))

    def step(self, now: int) -> None:
        """Live until `now`, milliseconds since the epoch."""
        at_s = (now - self._start) / 1000
        self.people = np.array([one.audience(at_s) for one in self._gatherings])
        self.music = np.array([float(one.playing(at_s)) for one in self._gatherings])
