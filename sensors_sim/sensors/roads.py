"""Main roads of Pudong as chains of segments, each direction a chain of its own.

Drawn by hand from general knowledge as straight lines between corners, in WGS-84; it is no survey.
"""

from dataclasses import dataclass

import numpy as np

from sensors_sim.batch import Bools, Floats, Ints
from sensors_sim.city import City

ROADS: tuple[tuple[str, int, float, tuple[tuple[float, float], ...]], ...] = (
    ("Century Avenue", 3, 55, ((31.2375, 121.5040), (31.2287, 121.5272), (31.2185, 121.5445))),
    ("Pudong Avenue", 3, 55, ((31.2365, 121.5090), (31.2402, 121.5192), (31.2525, 121.5480), (31.2700, 121.5660))),
    ("Zhangyang Road", 2, 50, ((31.2270, 121.5160), (31.2352, 121.5345), (31.2572, 121.5752), (31.2760, 121.5890))),
    ("Yanggao Road", 3, 65, ((31.3350, 121.5880), (31.2850, 121.5950), (31.2480, 121.5690), (31.2250, 121.5480),
                             (31.1950, 121.5330), (31.1620, 121.5160), (31.1330, 121.5080))),
    ("Luoshan Road", 3, 65, ((31.2600, 121.5560), (31.2300, 121.5640), (31.1900, 121.5760), (31.1380, 121.5930))),
    ("Longdong Avenue", 3, 65, ((31.2120, 121.5600), (31.2090, 121.6000), (31.2080, 121.6500), (31.1990, 121.7100))),
    ("Jinke Road", 2, 50, ((31.2520, 121.6080), (31.2080, 121.6030), (31.1800, 121.6000))),
    ("Shenjiang Road", 3, 60, ((31.2950, 121.6150), (31.2500, 121.6250), (31.2000, 121.6330), (31.1400, 121.6380))),
    ("Huaxia Road", 3, 65, ((31.1560, 121.5050), (31.1640, 121.5500), (31.1720, 121.6000), (31.1880, 121.6800))),
    ("Chuansha Road", 2, 50, ((31.2700, 121.6750), (31.2300, 121.6950), (31.1870, 121.7000), (31.1450, 121.7060))),
    ("Shangnan Road", 2, 50, ((31.1960, 121.5060), (31.1700, 121.5020), (31.1330, 121.5040))),
    ("Hunan Road", 2, 55, ((31.1950, 121.5560), (31.1600, 121.5650), (31.1150, 121.5820), (31.0750, 121.6000))),
)  # fmt: skip
"""Name, lanes a direction, free speed in km/h, corners as (lat, lon)."""

SEGMENT_M = 400.0
"""Least length of a segment: a car that drives freely needs more than a substep of the flow for it."""

CENTRE = (31.2372, 121.5105)
"""Lujiazui: roads that lead there are full in the morning, those that lead away in the evening."""


@dataclass(frozen=True)
class Network:
    """s segments, chain by chain in driving direction, as columns.

    x, y       float64[s], metres, the middle of the segment
    length_km  float64[s]
    lanes      float64[s]
    free_kmh   float64[s], speed on an empty road
    inward     float64[s], 1 where the chain leads to the centre, 0 where away from it, between where across
    chain      int64[s], number of the chain
    first, last   bool[s], ends of a chain
    names      name of the road of each chain
    """

    x: Floats
    y: Floats
    length_km: Floats
    lanes: Floats
    free_kmh: Floats
    inward: Floats
    chain: Ints
    first: Bools
    last: Bools
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.x)


def network(city: City) -> Network:
    """Return the roads, both directions of each."""
    centre = np.ravel(city.plane.xy(np.array([CENTRE[0]]), np.array([CENTRE[1]])))
    columns: list[list[Floats]] = []
    names: list[str] = []
    for name, lanes, free_kmh, corners in ROADS:
        table = np.array(corners)
        there = np.stack(city.plane.xy(table[:, 0], table[:, 1]), axis=1)
        for line in (there, there[::-1]):
            x, y, length_m = _segments(line)
            gain = np.linalg.norm(line[0] - centre) - np.linalg.norm(line[-1] - centre)
            inward = 0.5 + 0.5 * gain / (length_m * len(x))
            columns.append([x, y, *(np.full(len(x), v) for v in (length_m / 1000, lanes, free_kmh, inward))])
            names.append(name)
    chain = np.repeat(np.arange(len(names)), [len(c[0]) for c in columns])
    edge = np.flatnonzero(np.diff(chain))
    first, last = np.zeros(len(chain), dtype=bool), np.zeros(len(chain), dtype=bool)
    first[[0, *(edge + 1)]] = True
    last[[*edge, -1]] = True
    x, y, length_km, lanes_of, free, inward_of = (np.concatenate(c) for c in zip(*columns, strict=True))
    return Network(x, y, length_km, lanes_of, free, inward_of, chain, first, last, tuple(names))


def _segments(line: Floats) -> tuple[Floats, Floats, float]:
    """Return the middles of equal segments along a line of corners (float64[c, 2]), and their length in metres."""
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    n = int(along[-1] / SEGMENT_M)
    middles = (np.arange(n) + 0.5) * along[-1] / n
    return np.interp(middles, along, line[:, 0]), np.interp(middles, along, line[:, 1]), float(along[-1] / n)
