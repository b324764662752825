"""Where sensors stand: at places of the city, more of them at larger ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sensors_sim.batch import Floats, Ints
from sensors_sim.city import City
from sensors_sim.geo import inside


@dataclass(frozen=True, slots=True)
class Sites:
    """n sites: metres on the city's plane, and the place of the city that each belongs to."""

    x: Floats
    y: Floats
    place: Ints


def sites_at(city: City, n: int, kinds: Sequence[int], spread_m: float, rng: np.random.Generator) -> Sites:
    """Return `n` sites by lot at places of the given kinds, some `spread_m` around their centres.

    Ordered by place, so that sensors that are numbered one after the other stand near each other. A site that
    would lie outside the outline is moved onto its place.
    """
    places = np.flatnonzero(np.isin(city.kind, kinds))
    drawn = rng.choice(places, n, p=city.room[places] / city.room[places].sum())
    place = drawn[np.lexsort((city.y[drawn], np.round(city.x[drawn] / 2_000)))]
    x, y = city.x[place] + rng.normal(0, spread_m, n), city.y[place] + rng.normal(0, spread_m, n)
    out = ~inside(city.outline, x, y)
    x[out], y[out] = city.x[place][out], city.y[place][out]
    return Sites(x, y, place)


def sites_one_a_place(
    city: City, n: int, kinds: Sequence[int], spread_m: float, rng: np.random.Generator
) -> Sites:
    """Return `n` sites, one at each place of the first of `kinds`, then of the next, before any has a second one."""
    places = np.concatenate([rng.permutation(np.flatnonzero(city.kind == kind)) for kind in kinds])
    place = np.sort(np.resize(places, n))
    return Sites(
        city.x[place] + rng.normal(0, spread_m, n), city.y[place] + rng.normal(0, spread_m, n), place
    )
