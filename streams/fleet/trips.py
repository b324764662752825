"""Trips that began in cells that somebody asks about: a vehicle that stood is on a trip with its next reading.

It began where and how it stood last. One that was not to be reached, or came from elsewhere, was on its trip already.
"""

from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VEHICLE_STATES
from streams.columnar.arrays import grown
from streams.fleet.looks import HOUR_MS
from streams.fleet.slots import Slots
from streams.fleet.steps import Steps

_ON_TRIP = VEHICLE_STATES.index("on_trip")
_STOOD = np.array([name in ("available", "non_operational", "reserved") for name in VEHICLE_STATES])
_UNKNOWN, _NO, _YES = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Begun:
    """A trip that began: a row of schemas.cells.VehicleTrips, told in `region` (a number)."""

    region: int
    offset: int
    operator: str
    cell: str
    ts: int


class Trips:
    """Looks at the steps of one partition's vehicles. It remembers nothing of them."""

    def __init__(self, areas: Mapping[str, frozenset[str]], slots: Slots) -> None:
        """`areas` are those that are asked about: hex strings of their cells, by id."""
        self._cells = frozenset[str]().union(*areas.values())
        self._slots = slots
        self._asked = np.full(1024, _UNKNOWN, np.int8)
        """By number of cell."""

    def look(self, steps: Steps) -> Iterator[Begun]:
        """Yield the trips that began."""
        begun = (steps.now("state") == _ON_TRIP) & _STOOD[steps.before("state")] & (steps.before("ts") > 0)
        some = np.flatnonzero(begun)
        if not len(some):
            return
        steps = steps.of(some[self._are_asked(self._slots.cell_of[steps.slots_before()[some]])])
        slots = steps.slots_before()
        cells, operators = self._slots.names(slots)
        regions, ts = self._slots.region_of(slots).tolist(), steps.now("ts").tolist()
        yield from map(Begun, regions, steps.offsets(), operators, cells, ts)

    def _are_asked(self, numbers: NDArray[np.int32]) -> NDArray[np.bool_]:
        names = self._slots.cells.hex
        self._asked = grown(self._asked, len(names), _UNKNOWN)
        for number in np.unique(numbers[self._asked[numbers] == _UNKNOWN]).tolist():
            self._asked[number] = _YES if names[number].decode() in self._cells else _NO
        asked: NDArray[np.bool_] = self._asked[numbers] == _YES
        return asked


class AskedSince:
    """From when on all trips are told, by area that is asked about: who reads of a day must know whether it is whole.

    It is said to each region that is met, with each change, and again each hour of event time.
    """

    def __init__(self, by_area: Mapping[str, int]) -> None:
        self.by_area = dict(by_area)
        self._asked = bool(by_area)
        """Whether there is anything to say: also that nobody asks any more."""
        self._hour = 0
        self._said: set[int] = set()

    def take(self, areas: Iterable[str], reached: int) -> None:
        """Be asked about other areas; of one that is new no trip was told up to the event time that was reached."""
        self.by_area = {area: self.by_area.get(area, reached) for area in areas}
        self._asked |= bool(self.by_area)
        self._said.clear()

    def due(self, regions: AbstractSet[int], now: int) -> list[int]:
        """Return the regions that it is to be said to, at an event time."""
        if not self._asked:
            return []
        if now // HOUR_MS != self._hour:
            self._hour = now // HOUR_MS
            self._said.clear()
        due = sorted(regions - self._said)
        self._said.update(due)
        return due
