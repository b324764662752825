"""Rides that are faster than riders are: seen in where each ride began, where it ends and when."""

from collections.abc import Iterator

import numpy as np

from sensors_sim.batch import ON_TRIP
from sensors_sim.bikes import RIDING_PING_MS, SPEED_KMH, Fleet
from sensors_sim.truth.entry import Entry

FAST_KMH = SPEED_KMH[1] * 1.5
"""Nobody rides so fast by the way; limits of policies that score with this truth lie above the usual and below that."""
CERTAIN_KMH = 33.0
"""A limit of 25, 7 for errors of GPS (30 m in 15 s) and 1 to spare: what is slower may be seen, or not."""
SHOWN_MS = 4 * RIDING_PING_MS
"""A ride this long has two moves, from one reading to the next, at the least."""


class Rides:
    """Looks at a fleet again and again, at least once a ride."""

    def __init__(self) -> None:
        self._fast: dict[tuple[str, int], Entry] = {}

    def look(self, fleet: Fleet) -> None:
        """Take note of who is too fast now."""
        for bike in np.flatnonzero((fleet.state == ON_TRIP) & (fleet.kmh() > FAST_KMH)).tolist():
            name, left, due = str(fleet.vehicle_id[bike]), int(fleet.left[bike]), int(fleet.due[bike])
            why = f"{name} rides at {fleet.kmh()[bike]:.0f} km/h"
            certain = due - left >= SHOWN_MS and fleet.kmh()[bike] >= CERTAIN_KMH
            verdict = "due" if certain else "may"
            self._fast[name, left] = Entry(
                verdict,  # type: ignore[arg-type]
                "speeding",
                "bikes",
                (),
                left,
                due + RIDING_PING_MS,
                why,
                name,
            )

    def entries(self, end: int) -> Iterator[Entry]:
        """Yield what was seen; of a ride that goes on, when it will be over."""
        yield from self._fast.values()
