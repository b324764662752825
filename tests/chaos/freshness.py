"""How fresh the tables are, sampled while things break: when did each partition's newest reading move on?

By the readings' own times, which no fault touches: "fresh after t" means that a reading published after t has
come the whole road into the tables.
"""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

import psycopg

from tests.chaos.plan import TICK_MS

_EVERY_S = 0.15
_VEHICLES = """
SELECT partition, (extract(epoch FROM max(ts)) * 1000)::bigint FROM ub.vehicle_state GROUP BY partition
"""
_CELLS = "SELECT (extract(epoch FROM max(as_of)) * 1000)::bigint FROM ub.cell_now"


@dataclass(frozen=True, slots=True)
class Sample:
    """Newest event times (ms) at one moment (`time.time()`): by partition, and of the summed cells."""

    at: float
    newest: dict[int, int]
    cells: int


@dataclass(frozen=True, slots=True)
class EventTime:
    """How event time relates to the wall clock of the load: it began at `begin_ms` when that read `wall_ms`."""

    wall_ms: int
    begin_ms: int
    speed: float

    def at(self, wall_s: float) -> float:
        """Return the event time (ms) of the newest that can have been published by then: a tick's readings are
        from anywhere in the tick that begins."""
        return self.begin_ms + (wall_s * 1000 - self.wall_ms + TICK_MS) * self.speed


class Freshness:
    """Samples in a thread while the context lasts; while the database is away there are none."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._samples: list[Sample] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="freshness", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10)

    @property
    def samples(self) -> list[Sample]:
        """All samples so far, oldest first."""
        return list(self._samples)

    def _run(self) -> None:
        while not self._stop.is_set():
            with (
                suppress(psycopg.Error),
                psycopg.connect(self._url, autocommit=True, connect_timeout=2) as connection,
            ):
                self._follow(connection)
            self._stop.wait(_EVERY_S)

    def _follow(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stop.wait(_EVERY_S):
            newest = dict(connection.execute(_VEHICLES).fetchall())
            (cells,) = connection.execute(_CELLS).fetchone() or (0,)
            self._samples.append(Sample(time.time(), newest, cells or 0))


def first_fresh(samples: list[Sample], moment: float, event_time: EventTime) -> float | None:
    """Return when (`time.time()`) any partition held a reading published after `moment`; None: never."""
    wanted = event_time.at(moment)
    return next((s.at for s in samples if max(s.newest.values(), default=0) > wanted), None)


def all_fresh(samples: list[Sample], moment: float, event_time: EventTime, partitions: int) -> float | None:
    """Return when all partitions and the summed cells were that fresh; None: never."""
    wanted = event_time.at(moment)
    for s in samples:
        if len(s.newest) == partitions and s.cells > wanted and min(s.newest.values()) > wanted:
            return s.at
    return None


def shown_fresh(moments: list[tuple[float, int]], moment: float, event_time: EventTime) -> float | None:
    """Return when an onlooker (see onlooker.py) was told of cells that fresh; None: never."""
    wanted = event_time.at(moment)
    return next((at for at, newest in moments if newest > wanted), None)


def longest_gaps(samples: list[Sample], begin: float, end: float) -> dict[int, float]:
    """Return, for each partition, the longest time between two moves of its newest reading within begin..end."""
    gaps: dict[int, float] = {}
    moved: dict[int, tuple[int, float]] = {}
    for s in (s for s in samples if begin <= s.at <= end):
        for partition, newest in s.newest.items():
            before, at = moved.get(partition, (newest, s.at))
            if newest != before:
                gaps[partition] = max(gaps.get(partition, 0.0), s.at - at)
                at = s.at
            moved[partition] = newest, at
    for partition, (_, at) in moved.items():
        gaps[partition] = max(gaps.get(partition, 0.0), end - at)
    return gaps
