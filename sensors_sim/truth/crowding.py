"""Stations at which so many bikes stand that people call: whatever brought them, a hot spot is no false alarm."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sensors_sim.bikes import Fleet
from sensors_sim.cells import cells_around
from sensors_sim.requests.causes import CROWDED_STATION, crowding
from sensors_sim.truth.entry import Entry
from sensors_sim.truth.troubles import LINGERS_MS, SPOT_RINGS

ENOUGH_CALLS_H = 3.0
"""So many an hour may be noticed within the two hours that are looked back at."""
MINUTE_MS = 60_000


@dataclass(slots=True)
class Crowding:
    """Looks at a fleet once a minute. `requests`: how many people call, as a share of the usual number."""

    requests: float
    _looked: int = 0
    _spans: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    _around: dict[int, tuple[str, tuple[str, ...]]] = field(default_factory=dict)

    def look(self, fleet: Fleet) -> None:
        """Take note of where people call."""
        if fleet.now - self._looked < MINUTE_MS:
            return
        calls = CROWDED_STATION * self.requests * crowding(fleet)
        for place in np.flatnonzero(calls >= ENOUGH_CALLS_H).tolist():
            spans = self._spans.setdefault(place, [])
            goes_on = bool(spans) and spans[-1][1] == self._looked
            spans.append((spans.pop()[0] if goes_on else fleet.now - MINUTE_MS, fleet.now))
            if place not in self._around:
                at = fleet.city.plane.latlon(fleet.city.x[place : place + 1], fleet.city.y[place : place + 1])
                lat, lon = (float(degrees[0]) for degrees in at)
                self._around[place] = fleet.city.names[place], cells_around(lat, lon, SPOT_RINGS)
        self._looked = fleet.now

    def entries(self, end: int) -> Iterator[Entry]:
        """Yield where people called about bikes."""
        for place, spans in self._spans.items():
            name, cells = self._around[place]
            for first, last in spans:
                why = f"bikes stand in people's way at {name}"
                yield Entry(
                    "may",
                    "hot_spot",
                    "requests",
                    cells,
                    first,
                    last + LINGERS_MS,
                    why,
                    "illegal_bike_parking",
                )
