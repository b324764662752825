"""An operator whose lorries set down hundreds of bikes at one station."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sensors_sim.batch import AVAILABLE, Ints
from sensors_sim.bikes import Fleet
from sensors_sim.events.contract import Count, Event, Name, Scatter, Scene, minutes, place_of, since
from sensors_sim.tables import Refused, each

DRIVES_S = 2_400.0
"""From where bikes are taken to the station, at the least: 30 km at less than 60 km/h."""


@dataclass(frozen=True, slots=True)
class BikeDump(Event):
    """Lorries collect `bikes` of `operator` all over the city, and set them down at `station` `within_s` seconds.

    It begins when the first are set down; they are collected 40 minutes before, or at the start of the scenario if
    that is later. Fewer are set down where the operator has fewer that stand free.
    """

    key: ClassVar[str] = "bike-dump"
    expects: ClassVar[str] = "oversaturation at the station, if there are enough bikes"

    operator: Name
    station: Name
    begins_s: float
    bikes: Count = 800
    within_s: float = 1_200.0
    scatter_m: Scatter = 120.0

    @property
    def ends_s(self) -> float:
        """When the last one is set down; riders take them away as they like."""
        return self.begins_s + self.within_s

    @property
    def where(self) -> str:
        """The station."""
        return self.station

    def explain(self) -> str:
        """Say in one sentence what happens."""
        return (
            f"from {since(self.begins_s)} lorries of {self.operator} set down up to {self.bikes} bikes, as many as "
            f"stand free, at {self.station} within {minutes(self.within_s)}"
        )

    def check(self, scene: Scene) -> None:
        """Operator and station must exist, and the lorries need time to get there."""
        each(
            lambda: place_of(scene.city, "station", self.station),
            lambda: scene.operator(self.operator),
            self._check_time,
        )

    def _check_time(self) -> None:
        if self.begins_s < DRIVES_S:
            raise Refused(
                "begins",
                minutes(self.begins_s),
                f"lorries need {minutes(DRIVES_S)} after the start to get there",
            )

    def on_fleet(self, scene: Scene) -> "Lorries":
        """Return the lorries."""
        return Lorries(self, scene.start_ms)


class Lorries:
    """Collects the bikes once, each with the time at which it will be set down."""

    def __init__(self, dump: BikeDump, start: int) -> None:
        self._dump = dump
        self._collects_at = start + round((dump.begins_s - DRIVES_S) * 1000)
        self._done = False

    def act(self, fleet: Fleet, now: int) -> None:
        """Collect the bikes when it is time."""
        if self._done or now < self._collects_at:
            return
        self._done = True
        dump = self._dump
        station = fleet.city.place(dump.station)
        code = fleet.operators.index(dump.operator)
        free = (fleet.operator == code) & (fleet.state == AVAILABLE) & (fleet.place != station)
        bikes = fleet.some(np.flatnonzero(free), dump.bikes)
        first = now + round(DRIVES_S * 1000)
        arrive: Ints = first + np.linspace(0, dump.within_s * 1000, len(bikes)).astype(np.int64)
        fleet.carry_to(bikes, station, dump.scatter_m, arrive)
