"""A city under load, watched: for tests that wait for results and measure pauses."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.chaos.city import City, Load
from tests.chaos.freshness import EventTime, Freshness, all_fresh, longest_gaps
from tests.waiting import eventually

_OWNERS = "SELECT DISTINCT owner FROM ub.checkpoint ORDER BY owner"


@dataclass(slots=True)
class Watched:
    """Made by `watched`."""

    city: City
    load: Load
    freshness: Freshness
    event_time: EventTime

    def await_fresh(self, since: float) -> float:
        """Wait until all partitions hold readings published after `since`; return when that was."""
        partitions = self.city.settings().source_partitions
        found = eventually(
            lambda: all_fresh(self.freshness.samples, since, self.event_time, partitions), 90.0
        )
        assert found is not None
        return found

    def longest_pause(self, begin: float, end: float) -> float:
        """Return for how long at most the newest reading of any partition stood still, seconds."""
        return round(max(longest_gaps(self.freshness.samples, begin, end).values()), 1)


@contextmanager
def watched(city: City, seconds: float, *, seed: int, rate: int) -> Iterator[Watched]:
    """Start a city and its load; return when every worker owns partitions and all of them are fresh."""
    city.start()
    load = city.start_load(seconds, seed=seed, rate=rate)
    with Freshness(city.postgres.url) as freshness:
        view = Watched(city, load, freshness, EventTime(**load.began()))
        eventually(lambda: len(owners(city)) == len(city.worker_processes()), 60.0)
        view.await_fresh(time.time())
        yield view


def owners(city: City) -> list[str]:
    """Return the workers that own partitions."""
    return [row["owner"] for row in city.query(_OWNERS)]


def restart_worker(city: City, pid: int) -> float:
    """SIGTERM to one worker process; return after how many seconds it had ended, once its successor lives."""
    count = len(city.worker_processes())
    begin = time.monotonic()
    os.kill(pid, signal.SIGTERM)
    eventually(lambda: pid not in city.worker_processes(), 40.0)
    ended = time.monotonic() - begin
    eventually(lambda: len(city.worker_processes()) == count, 40.0)
    return round(ended, 1)
