"""Main roads of a city as chains of segments, each direction a chain of its own."""

from dataclasses import dataclass

import numpy as np

from sensors_sim.batch import Bools, Floats, Ints
from sensors_sim.city import City

SEGMENT_M = 400.0
"""Least length of a segment: a car that drives freely needs more than a substep of the flow for it."""


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
    """Return the roads, both directions of each; those that lead to the centre are full in the morning."""
    centre = np.ravel(city.plane.xy(np.array([city.centre[0]]), np.array([city.centre[1]])))
    columns: list[list[Floats]] = []
    names: list[str] = []
    for road in city.roads:
        table = np.array(road.line)
        there = np.stack(city.plane.xy(table[:, 0], table[:, 1]), axis=1)
        for line in (there, there[::-1]):
            x, y, length_m = _segments(line)
            gain = np.linalg.norm(line[0] - centre) - np.linalg.norm(line[-1] - centre)
            inward = 0.5 + 0.5 * gain / (length_m * len(x))
            columns.append(
                [x, y, *(np.full(len(x), v) for v in (length_m / 1000, road.lanes, road.kmh, inward))]
            )
            names.append(road.name)
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
    n = max(1, int(along[-1] / SEGMENT_M))  # on the plane a road may be a little shorter than where it lies
    middles = (np.arange(n) + 0.5) * along[-1] / n
    return np.interp(middles, along, line[:, 0]), np.interp(middles, along, line[:, 1]), float(along[-1] / n)
