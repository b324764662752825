"""Whom a sensor is compared with: the nearest of a whole region, found without looking at all of them."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.incidents.health.drift import residuals
from streams.incidents.health.neighbours import nearest

COUNT = 8


def distances(at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return squared distances of all places, by place: as if the Earth was flat around it."""
    north, east = at.T[:, None, :] - at.T[:, :, None]
    east = (np.remainder(east + np.pi, 2 * np.pi) - np.pi) * np.cos(at[:, 0])[:, None]
    found: NDArray[np.float64] = north**2 + east**2
    np.fill_diagonal(found, np.inf)
    return found


def towns(n: int, seed: int = 1) -> NDArray[np.float64]:
    """Return places in radians: most in towns, the others somewhere in a country."""
    rng = np.random.default_rng(seed)
    centres = rng.random((20, 2)) * [6, 9] + [47, 6]
    at = centres[rng.integers(0, 20, n)] + rng.normal(0, 0.05, (n, 2))
    far = rng.random(n) < 0.2
    at[far] = rng.random((int(far.sum()), 2)) * [6, 9] + [47, 6]
    return np.radians(at)


def somewhere(n: int, south: float, west: float, degrees: float, digits: int = 9) -> NDArray[np.float64]:
    at = np.random.default_rng(2).random((n, 2)) * degrees + [south, west]
    at[:, 1] = (at[:, 1] + 180) % 360 - 180
    return np.radians(np.round(at, digits))


@pytest.mark.parametrize(
    "at",
    [
        *(towns(n) for n in (9, 25, 60, 700)),
        somewhere(500, -18, 178, 4),
        somewhere(500, 86, -180, 3.9),
        somewhere(300, 50, 8, 0.5, digits=1),
        np.radians(np.full((200, 2), 50.0)),
        np.radians(np.column_stack([np.full(300, 50.0), np.linspace(0, 9, 300)])),
    ],
    ids=[
        *(
            "fewest",
            "two groups",
            "a few",
            "towns",
            "the antimeridian",
            "the pole",
            "many in a place",
            "one place",
        ),
        "in a row",
    ],
)
def test_nobody_is_nearer_than_those_that_are_found(at: NDArray[np.float64]) -> None:
    found, of_all = nearest(at, COUNT), distances(at)
    assert all(len(set(near)) == COUNT and number not in near for number, near in enumerate(found.tolist()))
    theirs = np.sort(np.take_along_axis(of_all, found, axis=1), axis=1)
    assert np.array_equal(theirs, np.sort(of_all, axis=1)[:, :COUNT])


def test_twice_as_many_sensors_are_far_less_than_four_times_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 of a metric in one region held their worker up for minutes, every twenty minutes."""
    looked_at, argpartition = 0, np.argpartition

    def counted(array: NDArray[Any], *args: Any, **options: Any) -> Any:
        nonlocal looked_at
        looked_at += array.size
        return argpartition(array, *args, **options)

    monkeypatch.setattr(np, "argpartition", counted)

    def work(n: int) -> int:
        nonlocal looked_at
        looked_at = 0
        places = {str(number): (lat, lon) for number, (lat, lon) in enumerate(np.degrees(towns(n)).tolist())}
        residuals(dict.fromkeys(places, 1.0), places)
        return looked_at

    few, twice = work(2_000), work(4_000)
    assert twice < 3 * few
