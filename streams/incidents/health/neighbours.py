"""The nearest neighbours of many places, without looking from each at all others.

Places are halved by latitude and longitude in turn until a few lie together (J. L. Bentley: Multidimensional binary
search trees used for associative searching, CACM 1975). Those look at the places of the groups around them, and once
more where another group may hold a nearer one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TOGETHER = 24
"""Places of a group, at most."""
_GROUPS = 9
"""That are looked at first."""


def nearest(at: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Return by place the numbers (n, count) of the nearest others, in no order; 0 < count < n.

    `at` (n, 2) is latitude and longitude in radians; of the equally near ones any may be left out.
    """
    groups = _halved(at, np.arange(len(at)), 0)
    boxes = _Boxes.of(at, groups)
    found = np.empty((len(at), count), np.intp)
    for number, group in enumerate(groups):
        bound = boxes.bounds(number)
        bound[number] = -1.0  # before all others, where many lie in one place
        first = np.argpartition(bound, min(_GROUPS, len(groups)) - 1)[:_GROUPS]
        near, farthest = _nearest_of(
            at, group, np.concatenate([groups[one] for one in first.tolist()]), count
        )
        others = np.flatnonzero(bound < farthest)
        if len(np.setdiff1d(others, first)):
            near, _ = _nearest_of(at, group, np.concatenate([groups[one] for one in others.tolist()]), count)
        found[group] = near
    return found


def _halved(at: NDArray[np.float64], some: NDArray[np.intp], axis: int) -> list[NDArray[np.intp]]:
    if len(some) <= _TOGETHER:
        return [some]
    half = len(some) // 2
    some = some[np.argpartition(at[some, axis], half)]
    return _halved(at, some[:half], 1 - axis) + _halved(at, some[half:], 1 - axis)


@dataclass(frozen=True, slots=True)
class _Boxes:
    """South-west and north-east corners of groups, radians."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def of(cls, at: NDArray[np.float64], groups: list[NDArray[np.intp]]) -> "_Boxes":
        """Return the boxes of groups of places."""
        return cls(
            np.array([at[one].min(axis=0) for one in groups]),
            np.array([at[one].max(axis=0) for one in groups]),
        )

    def bounds(self, number: int) -> NDArray[np.float64]:
        """Return squared distances that no place of a box is nearer to any of this one than, by box."""
        low, high = self.low[number], self.high[number]
        north, east = np.maximum(0.0, np.maximum(self.low, low) - np.minimum(self.high, high)).T
        around = 2 * np.pi - (np.maximum(self.high[:, 1], high[1]) - np.minimum(self.low[:, 1], low[1]))
        narrowest = np.cos(np.abs([low[0], high[0]]).max())
        bound: NDArray[np.float64] = north**2 + (np.minimum(east, np.maximum(0.0, around)) * narrowest) ** 2
        return bound * (1 - 1e-9)  # rounding must not leave anybody out


def _nearest_of(
    at: NDArray[np.float64], group: NDArray[np.intp], among: NDArray[np.intp], count: int
) -> tuple[NDArray[np.intp], float]:
    """Return the nearest of some, by place of a group that is among them, and the greatest squared distance."""
    among = np.sort(among)
    north, east = at[among].T[:, None, :] - at[group].T[:, :, None]
    east = (np.remainder(east + np.pi, 2 * np.pi) - np.pi) * np.cos(at[group, 0])[:, None]
    distance = east**2 + north**2
    distance[np.arange(len(group)), np.searchsorted(among, group)] = np.inf
    near = np.argpartition(distance, count - 1, axis=1)[:, :count]
    return among[near], float(np.take_along_axis(distance, near, axis=1).max())
