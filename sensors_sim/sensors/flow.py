"""Traffic on a network of roads: the cell transmission model, in which jams form, travel and dissolve by themselves.

C. F. Daganzo, "The cell transmission model", Transportation Research B 28 (1994): between two segments flows what
the upstream one can send or what the downstream one can take, whichever is less. Where less can leave than comes,
a jam grows against the flow, some 17 km/h at the most; it dissolves from its head when the cause is gone.
"""

import numpy as np

from sensors_sim.batch import Bools, Floats
from sensors_sim.sensors.roads import Network

SUBSTEPS = 3
"""A minute is calculated in thirds: nobody crosses a whole segment in one of them."""

LANE_CAPACITY = 1_800.0
"""Vehicles an hour and lane at the most."""

JAM_DENSITY = 140.0
"""Vehicles a kilometre and lane that stand bumper to bumper."""

SLOWS_BY = 0.2
"""On a road that is full but flows, vehicles are slower by this share than on an empty one."""

LEAVES = 0.06
"""Share of the vehicles that turn off the road at the end of a segment; about as many come in."""

LONGEST_QUEUE = 120.0
"""Vehicles that wait to enter a road; the others take another one."""


class Flow:
    """State of all segments. The figures of the last minute may be read between steps.

    present   float64[s], vehicles a kilometre, all lanes, at its end
    density   float64[s], the same, mean over it
    flow      float64[s], vehicles an hour that left the segment
    speed     float64[s], km/h; flow = density x speed
    """

    def __init__(self, roads: Network, weakness: Floats) -> None:
        """`weakness` float64[s] is the share of its capacity that a segment lacks: bends, crossings, narrows."""
        self.roads = roads
        self.capacity: Floats = roads.lanes * LANE_CAPACITY * (1 - weakness)
        self._jam: Floats = roads.lanes * JAM_DENSITY
        self.present: Floats = np.full(len(roads), 1.0)
        self._queue: Floats = np.zeros(len(roads))
        self._blocks: list[tuple[int, int, float]] = []
        self.density, self.flow, self.speed = self.present.copy(), np.zeros(len(roads)), roads.free_kmh.copy()

    def block(self, segment: int, until: int, passes: float) -> None:
        """Let only the share `passes` of its capacity leave a segment until that time: an accident.

        Where there are several at once, the worst of them counts.
        """
        self._blocks.append((segment, until, passes))

    def blocked(self, now: int) -> Bools:
        """Say which segments are blocked."""
        blocked = np.zeros(len(self.roads), dtype=bool)
        blocked[[segment for segment, until, _ in self._blocks if until > now]] = True
        return blocked

    def step(self, now: int, wanted: Floats, wet: float) -> None:
        """Live through the minute that ends at `now`.

        wanted  float64[s], vehicles an hour that want to drive on the chain, past each segment
        wet     0 on a dry road to 1 in heavy rain: drivers are slower and keep their distance
        """
        roads = self.roads
        free = roads.free_kmh * (1 - 0.12 * wet)
        capacity = self.capacity * (1 - 0.10 * wet)
        critical = capacity / (free * (1 - SLOWS_BY))
        wave = capacity / (self._jam - critical)
        self._blocks = [block for block in self._blocks if block[1] > now]
        leaving = capacity.copy()
        for segment, _, passes in self._blocks:
            leaving[segment] = min(leaving[segment], capacity[segment] * passes)
        onto = np.where(roads.first, wanted, wanted * LEAVES)
        stays = np.where(roads.last, 1.0, 1 - LEAVES)
        hours = 1 / 60 / SUBSTEPS
        density, flow = np.zeros(len(roads)), np.zeros(len(roads))
        for _ in range(SUBSTEPS):
            k = self.present
            sends = np.where(k < critical, k * free * (1 - SLOWS_BY * k / critical), leaving)
            takes = np.clip(wave * (self._jam - k), 0.0, capacity)
            ahead = np.where(roads.last, np.inf, np.roll(takes, -1)) / stays
            out = np.minimum(np.minimum(sends, leaving), ahead)
            through = np.where(roads.first, 0.0, np.roll(out * stays, 1))
            pressing = onto + self._queue / hours
            enters = np.minimum(pressing, np.maximum(takes - through, 0.0))
            self._queue = np.minimum((pressing - enters) * hours, LONGEST_QUEUE)
            density += k
            flow += out
            self.present = np.maximum(k + (through + enters - out) * hours / roads.length_km, 0.0)
        self.density, self.flow = density / SUBSTEPS, flow / SUBSTEPS
        self.speed = self.flow / np.maximum(self.density, 1e-9)
