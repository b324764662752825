"""Days of the simulator with crowds of many sizes at once: some fill a cell, many stop before."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import numpy as np

from sensors_sim.city import METRO, City, pudong_city
from sensors_sim.events.contract import Event
from sensors_sim.events.dump import BikeDump
from sensors_sim.events.flood import Flood
from sensors_sim.scenario import Scenario

APART_M = 1_200.0
"""Between stations where something happens: one crowd is then no part of another."""

MINUTE_S, HOUR_S = 60.0, 3_600.0


def crowds(seed: int) -> Scenario:
    """Crowds that come within minutes or an hour at noon, stay, and leave."""
    return _floods("crowds", datetime(2026, 3, 3, 11), seed, fill=(5, 60), drain=(15, 60))


def slow(seed: int) -> Scenario:
    """Stations that fill over hours in the afternoon, and drain as slowly."""
    return _floods("slow", datetime(2026, 3, 4, 13), seed, fill=(60, 120), drain=(60, 120))


def lorries(seed: int) -> Scenario:
    """A night in which lorries set down bikes in many places."""
    rng = np.random.default_rng([seed, 3])
    events = tuple(
        BikeDump(
            operator="hello",
            station=name,
            begins_s=45 * MINUTE_S + rng.uniform(0, 1.5) * HOUR_S,
            bikes=_size(rng),
            within_s=rng.uniform(3, 40) * MINUTE_S,
            scatter_m=rng.uniform(40, 120),
        )
        for name in _stations(pudong_city(), rng)
    )
    return _day("lorries", datetime(2026, 3, 5, 1), 3.5, seed, events)


def rush(seed: int) -> Scenario:
    """A morning's rush hour without an event."""
    return _day("rush", datetime(2026, 3, 2, 6, 30), 3, seed, ())


def evening(seed: int) -> Scenario:
    """An evening's rush hour without an event."""
    return _day("evening", datetime(2026, 3, 5, 16, 30), 3, seed, ())


DAYS: dict[str, Callable[[int], Scenario]] = {
    day.__name__: day for day in (crowds, slow, lorries, rush, evening)
}


def _floods(
    name: str, start: datetime, seed: int, fill: tuple[float, float], drain: tuple[float, float]
) -> Scenario:
    rng = np.random.default_rng([seed, int(fill[0])])
    events = tuple(
        Flood(
            station=station,
            begins_s=10 * MINUTE_S + rng.uniform(0, 1) * HOUR_S,
            fill_s=rng.uniform(*fill) * MINUTE_S,
            hold_s=rng.uniform(20, 60) * MINUTE_S,
            drain_s=rng.uniform(*drain) * MINUTE_S,
            bikes=_size(rng),
            scatter_m=rng.uniform(40, 120),
        )
        for station in _stations(pudong_city(), rng)
    )
    return _day(name, start, 3.5, seed, events)


def _size(rng: np.random.Generator) -> int:
    return round(float(np.exp(rng.uniform(np.log(12), np.log(150)))))


def _day(name: str, start: datetime, hours: float, seed: int, events: tuple[Event, ...]) -> Scenario:
    return Scenario(name, "", start, timedelta(hours=hours), seed=seed, events=events)


def _stations(city: City, rng: np.random.Generator) -> Iterator[str]:
    """Yield names of stations that lie apart, in an order by chance."""
    chosen: list[int] = []
    for place in rng.permutation(np.flatnonzero(city.kind == METRO)).tolist():
        if all(city.distance[place, other] > APART_M for other in chosen):
            chosen.append(place)
            yield city.names[place]
