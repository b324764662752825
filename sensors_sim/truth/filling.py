r"""Which cells fill so fast that whoever sees it may expect them to be full: the bikes that really came, and left.

Written from docs/semantics.md ("Saturation that is expected"), with its defaults; it shares no code with the pipeline.

    54 - - - - - - - - - - - -/- - - -     at this pace it is near its capacity within half an hour,
                           _ /
                        _ /    ______      whether or not the inflow stops before
    ___________________/------/
                       |<---->|            8 more or so within 3 to 20 minutes: more than chance brings
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sensors_sim.batch import Ints
from sensors_sim.truth.saturation import NEAR

MINUTE_MS = 60_000
SPANS = (3, 5, 10, 20)
"""Minutes looked back at."""
AHEAD = 30
"""Minutes within which the cell would be full."""
LEAST = 8
"""Bikes more that are no chance."""
TOLD_AFTER_MS = 5 * MINUTE_MS
"""So long after the pace was there it may be told: a minute is known when it is over, and one may miss the pace."""


@dataclass(frozen=True, slots=True)
class Inflow:
    """One cell from when it began to fill; times in milliseconds. `pace`: the most bikes a minute."""

    cell: int
    from_ms: int
    to_ms: int
    pace: float


@dataclass(slots=True)
class Filling:
    """Looks at the occupancy of all cells again and again; cells are numbered densely, from 0, as they come up."""

    _minutes: deque[tuple[int, Ints]] = field(default_factory=lambda: deque(maxlen=SPANS[-1] + 1))
    _now: dict[int, Inflow] = field(default_factory=dict)
    _over: list[Inflow] = field(default_factory=list)

    def look(self, now: int, occupancy: Ints) -> None:
        """Take note of the bikes that stand in each cell, int64[c], at `now`; once a minute is enough."""
        if self._minutes and now - self._minutes[-1][0] < MINUTE_MS:
            return
        self._minutes.append((now, occupancy.copy()))
        for span in SPANS:
            if len(self._minutes) > span:
                since, before = self._minutes[-1 - span]
                gain = occupancy - np.pad(before, (0, len(occupancy) - len(before)))
                fills = (gain >= LEAST) & (occupancy + gain * AHEAD // span >= NEAR)
                for cell in np.flatnonzero(fills).tolist():
                    self._fills(cell, since, now, float(gain[cell]) / span)

    def inflows(self) -> Iterator[Inflow]:
        """Yield what was found so far."""
        yield from self._over
        yield from self._now.values()

    def _fills(self, cell: int, since: int, now: int, pace: float) -> None:
        before = self._now.get(cell)
        if before is not None and before.to_ms >= since:
            since, pace = min(before.from_ms, since), max(before.pace, pace)
        elif before is not None:
            self._over.append(before)
        self._now[cell] = Inflow(cell, since, now + TOLD_AFTER_MS, pace)
