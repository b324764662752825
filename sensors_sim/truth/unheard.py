"""Regions in which no bike of an operator is left that reports: lorries, or riders, took them all, and nobody is wrong.

The pipeline judges each region (an H3 cell of resolution 2) by itself: a city may have a corner in the next one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sensors_sim.batch import NON_CONTACTABLE
from sensors_sim.bikes import Fleet
from sensors_sim.cells import region_of
from sensors_sim.truth.entry import Entry
from sensors_sim.truth.standing import STANDS, Standing

MINUTE_MS = 60_000
LONG_MS = 5 * MINUTE_MS
"""A bike that stands reports once a minute."""
TOLD_AFTER_MS = 5 * MINUTE_MS
"""What is silent is told by the clock of others, which may be behind."""

Place = tuple[str, str]
"""Operator and region."""


@dataclass(slots=True)
class Unheard:
    """Looks at where bikes stand, once a minute."""

    standing: Standing
    _regions: dict[str, int] = field(default_factory=dict)
    """Regions by name, numbered as they come up."""
    _region: list[int] = field(default_factory=list)
    """Of each cell of `standing`."""
    _there: dict[Place, int] = field(default_factory=dict)
    _silences: list[tuple[Place, int, int]] = field(default_factory=list)
    _now: int = -MINUTE_MS

    def look(self, fleet: Fleet) -> None:
        """Take note of who stands where; `standing` has seen the same fleet."""
        if fleet.now - self._now < MINUTE_MS:
            return
        self._now = fleet.now
        new = self.standing.names[len(self._region) :]
        self._region += [self._regions.setdefault(region_of(cell), len(self._regions)) for cell in new]
        reports = STANDS[fleet.state] & (fleet.state != NON_CONTACTABLE)
        regions = np.array(self._region, dtype=np.int64)[self.standing.cell[reports]]
        found = np.bincount(regions * len(fleet.operators) + fleet.operator[reports])
        names = [*self._regions]
        for pair in np.flatnonzero(found).tolist():
            region, operator = divmod(pair, len(fleet.operators))
            place = fleet.operators[operator], names[region]
            since = self._there.get(place, fleet.now)
            if fleet.now - since >= LONG_MS:
                self._silences.append((place, since, fleet.now))
            self._there[place] = fleet.now

    def entries(self) -> Iterator[Entry]:
        """Yield when no bike of an operator stood in a region where some did before."""
        going_on = [(place, since, self._now) for place, since in self._there.items()]
        for (operator, region), since, until in (*self._silences, *going_on):
            if until - since >= LONG_MS:
                number = self._regions[region]
                named = zip(self.standing.names, self._region, strict=False)
                cells = tuple(name for name, where in named if where == number)
                why = f"no bike of {operator} that reports stands in that region"
                yield Entry("may", "feed_silent", "bikes", cells, since, until + TOLD_AFTER_MS, why, operator)
