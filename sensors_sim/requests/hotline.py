"""The city's hotline: takes what people call about, and tells what becomes of it."""

from collections.abc import Sequence
from heapq import heappop, heappush

import numpy as np

from sensors_sim.city import METRO, City
from sensors_sim.requests.catalogue import CATEGORIES
from sensors_sim.requests.causes import Cause
from sensors_sim.requests.events import Event, Events
from sensors_sim.requests.life import MINUTE_MS, Complaint, life
from sensors_sim.rhythm import local

OWNER = "hotline"


class Hotline:
    """Requests of one run in a city. Ids carry start and seed: those of runs that differ in one never meet."""

    def __init__(self, city: City, start: int, seed: int, readiness: float = 1.0) -> None:
        """`readiness`: how many people call, as a share of the usual number."""
        self._city = city
        self._readiness = readiness
        self._rng = np.random.default_rng([seed, *b"requests"])
        self._prefix = f"req-{local(start, city.zone):%Y%m%d%H%M%S}-{seed}"
        self._opened = 0
        self._told = 0
        self._ahead: list[tuple[int, int, Event]] = []

    def step(self, now: int, causes: Sequence[Cause]) -> Events:
        """Return the events of the minute from `now` on (milliseconds since the epoch), by time."""
        for cause in causes:
            calls = self._rng.poisson(cause.rate * self._readiness / 60)
            for site in np.repeat(np.arange(len(calls)), calls).tolist():
                self._open(self._complaint(cause, site, now + int(self._rng.integers(MINUTE_MS))))
        due: list[Event] = []
        while self._ahead and self._ahead[0][0] < now + MINUTE_MS:
            due.append(heappop(self._ahead)[2])
        return Events.of(OWNER, due)

    def _open(self, complaint: Complaint) -> None:
        self._opened += 1
        for event in life(f"{self._prefix}-{self._opened:06d}", complaint, self._rng):
            self._told += 1
            heappush(self._ahead, (event.ts, self._told, event))

    def _complaint(self, cause: Cause, site: int, ts: int) -> Complaint:
        x, y = np.array([[cause.x[site]], [cause.y[site]]]) + self._rng.normal(0, cause.spread_m, (2, 1))
        city = self._city
        stations = np.flatnonzero(city.kind == METRO)
        lat, lon = (float(degrees[0]) for degrees in city.plane.latlon(x, y))
        away = np.hypot(city.x[stations] - x, city.y[stations] - y)
        return Complaint(
            CATEGORIES[cause.service_code],
            ts,
            lat,
            lon,
            city.names[stations[away.argmin()]],
            city.districts.of(lat, lon),
            city.zone,
            None if cause.solved_at is None else int(cause.solved_at[site]),
        )
