"""Riders: which bikes are taken in a tick, and where their riders go. Draws only from the Generator given."""

from typing import Final

import numpy as np

from sensors_sim.batch import Bools, Codes, Floats, Ints
from sensors_sim.city import KINDS, City
from sensors_sim.rhythm import Demand

LOOKS_PER_S = 1 / 600
"""Each bike is considered once in ten minutes at the mean: no bike can be taken more often than that."""

USUAL_RIDE_M: Final = 900.0
LEAST_RIDE_M: Final = 300.0
MOST_RIDE_M: Final = 5_000.0


class Riders:
    """Demand turned into departures and destinations.

    Attraction falls with distance as exp(-d / USUAL_RIDE_M) and grows with a place's room, and a
    place that is full attracts nobody: riders look for the next one, as they do in the street.
    """

    def __init__(self, city: City, bikes: int, rng: np.random.Generator) -> None:
        self._rng = rng
        self._bikes = bikes
        self._kind = city.kind
        self._room = city.room * (bikes / city.fleet)
        self._of_kind: Bools = city.kind == np.arange(len(KINDS))[:, None]
        distance = city.distance
        reachable = (distance >= LEAST_RIDE_M) & (distance <= MOST_RIDE_M)
        self._attraction = np.where(reachable, city.room * np.exp(-distance / USUAL_RIDE_M), 0.0)

    def take(
        self,
        demand: Demand,
        place: Ints,
        free: Bools,
        stock: Ints,
        operator: Codes,
        appetite: Floats,
        dt_s: float,
    ) -> Ints:
        """Return the bikes that riders take within `dt_s` seconds, in ascending order.

        place  int64[n], where each bike stands
        free   bool[n], whether it can be taken
        stock  int64[p], bikes at each place
        operator  uint8[n], whose each bike is
        appetite  float64[o], how many people want a bike of each operator, as a share of the usual number
        """
        looks = self._rng.poisson(self._bikes * LOOKS_PER_S * dt_s)
        if looks == 0:
            return np.empty(0, np.int64)
        looked_at: Ints = np.unique(self._rng.integers(0, self._bikes, looks))
        at_kind = np.bincount(self._kind, weights=stock, minlength=len(KINDS))
        wanted = self._bikes * demand.trips_per_s * demand.from_kind / np.maximum(at_kind, 1.0)
        chance = (wanted / LOOKS_PER_S)[self._kind[place[looked_at]]] * appetite[operator[looked_at]]
        taken = free[looked_at] & (self._rng.random(len(looked_at)) < chance)
        return looked_at[taken]

    def destinations(self, demand: Demand, origin: Ints, stock: Ints) -> Ints:
        """Return the place that each rider goes to, or -1 where nothing within reach has room.

        A rider who finds no room at any place of the kind that the hour suggests goes elsewhere.

        origin  int64[m], the places where the rides begin
        """
        if len(origin) == 0:
            return origin
        kinds = (self._rng.random(len(origin))[:, None] > demand.to_kind[self._kind[origin]]).sum(axis=1)
        kinds = np.minimum(kinds, len(KINDS) - 1)
        vacancy = np.clip(1.0 - stock / self._room, 0.0, 1.0)
        anywhere = self._attraction[origin] * vacancy
        wanted = anywhere * self._of_kind[kinds]
        content = wanted.sum(axis=1) > 0
        running: Floats = np.cumsum(np.where(content[:, None], wanted, anywhere), axis=1)
        total = running[:, -1]
        draw = self._rng.random(len(origin)) * total
        chosen = (running <= draw[:, None]).sum(axis=1)
        return np.where(total > 0, np.minimum(chosen, len(self._room) - 1), -1)
