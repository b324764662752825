"""The fleet stage inside real workers: frames from Kafka in; partials, checkpoints and tables out.

What is measured is all that production does: Faust fetches, the fold decodes and counts, partials are published and
confirmed, vehicles and state are stored with their offset, once a second. The clock stops when the last
reading is in the database.
"""

import math
import statistics
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import Any

import psycopg

from streams import topics
from tests.bench import kafka
from tests.bench.children import Child, wait_until
from tests.bench.expected import Expected, Verdict, compare, expected
from tests.bench.fleet_results import occupancy_of, window_counts
from tests.bench.frames import Frame, closing_frames, frames_of
from tests.bench.marks import Lap, Mark
from tests.bench.services import Database, Services, environment
from tests.bench.workload import Workload

_TIMEOUT_S = 240.0
_ASSIGN_S = 60.0

Connection = psycopg.Connection[Any]
Span = tuple[float, float]
"""Seconds since the epoch."""


def run(services: Services, workload: Workload) -> dict[str, Any]:
    """Return the figures of one worker that finds all readings in the topic."""
    report, verdict = report_of(services, workload)
    return _figures([report], [(0.0, math.inf)], verdict)


def report_of(
    services: Services, workload: Workload, *, layers: bool = False
) -> tuple[dict[str, Any], Verdict]:
    """Return what one worker reported that finds all readings in the topic, and the verdict."""
    found = expected(workload)
    with services.kafka(workload.partitions) as bootstrap, services.database() as database:
        kafka.fill(bootstrap, topics.VEHICLES, frames_of(workload))
        _close(bootstrap, workload)
        with (
            _worker(services, workload, bootstrap, database, "bench", layers=layers) as child,
            psycopg.connect(database.owner_url, autocommit=True) as connection,
        ):
            (report,) = _reports([child], workload.total)
            return report, _verdict(bootstrap, connection, workload, found)


class Laps:
    """Workers at work that were given some of a workload; the rest comes lap by lap."""

    def __init__(
        self,
        workload: Workload,
        laps: Sequence[Sequence[Frame]],
        bootstrap: str,
        connection: Connection,
        children: Sequence[Child],
    ) -> None:
        self._workload = workload
        self._expected = expected(workload)
        self._left = list(laps)
        self._bootstrap = bootstrap
        self._connection = connection
        self._children = children
        self._spans: list[Span] = []

    def run(self) -> None:
        """Run the next lap, until all its readings are stored."""
        begin, frames = time.time(), self._left.pop(0)
        kafka.fill(self._bootstrap, topics.VEHICLES, frames)
        left = sum(frame.readings for lap in self._left for frame in lap)
        _reports(self._children, self._workload.readings - left)
        self._spans.append((begin, time.time()))

    def figures(self) -> dict[str, Any]:
        """Return the medians of all laps, once these are run."""
        _close(self._bootstrap, self._workload)
        reports = _reports(self._children, self._workload.total)
        verdict = _verdict(self._bootstrap, self._connection, self._workload, self._expected)
        return _figures(reports, self._spans, verdict)


@contextmanager
def warm(services: Services, workload: Workload, *, workers: int, warm_up: int, laps: int) -> Iterator[Laps]:
    """Give workers that have stored the first `warm_up` readings; the others are parted into `laps` of equal size."""
    first, *rest = split(frames_of(workload), warm_up, laps)
    with (
        services.kafka(workload.partitions) as bootstrap,
        services.database() as database,
        ExitStack() as stack,
    ):
        children = [
            stack.enter_context(
                _worker(
                    services, workload, bootstrap, database, f"bench-{workload.vehicles}x{workers}-{number}"
                )
            )
            for number in range(workers)
        ]
        connection = stack.enter_context(psycopg.connect(database.owner_url, autocommit=True))
        # Before anything is to be read, so that each has its share of partitions.
        shares = workload.partitions, workers
        wait_until(lambda: _owners(connection) == shares, children[0], _ASSIGN_S, "assigned")
        kafka.fill(bootstrap, topics.VEHICLES, first)
        _reports(children, sum(frame.readings for frame in first))
        yield Laps(workload, rest, bootstrap, connection, children)


def split(frames: Sequence[Frame], readings: int, laps: int) -> list[Sequence[Frame]]:
    """Return the frames that hold the first `readings`, and those of each lap."""
    counted = list(accumulate((frame.readings for frame in frames), initial=0))
    left = counted[-1] - readings
    ends = [bisect_left(counted, readings + left * lap // laps) for lap in range(laps + 1)]
    return [frames[begin:end] for begin, end in pairwise([0, *ends])]


def _close(bootstrap: str, workload: Workload) -> None:
    # A batch of their own: the end that Tansu reports can be the start of the last batch.
    kafka.fill(bootstrap, topics.VEHICLES, closing_frames(workload))


def _worker(
    services: Services,
    workload: Workload,
    bootstrap: str,
    database: Database,
    name: str,
    *,
    layers: bool = False,
) -> Child:
    settings = environment(
        bootstrap=bootstrap,
        database=database,
        partitions=workload.partitions,
        directory=services.directory,
        stages="fleet",
        worker_id=name,
        h3_resolution=workload.resolution,
        max_vehicles_per_partition=max(300_000, workload.vehicles),
    )
    return Child("tests.bench.fleet_child", {"layers": layers}, services.directory, settings)


def _owners(connection: Connection) -> tuple[int, int]:
    query = "SELECT count(*), count(DISTINCT owner) FROM ub.checkpoint WHERE stage = 'fleet'"
    partitions, owners = connection.execute(query).fetchone() or (0, 0)
    return partitions, owners


def _reports(children: Sequence[Child], readings: int) -> list[dict[str, Any]]:
    """Wait until so many readings are stored, and return what the workers that stored any reported."""
    found: list[dict[str, Any]] = []

    def stored() -> bool:
        found[:] = [report for child in children if (report := child.report())]
        return sum(report["commits"][-1]["done"] for report in found) == readings

    wait_until(stored, children[0], _TIMEOUT_S, f"at {readings:,} readings")
    return found


def _verdict(bootstrap: str, connection: Connection, workload: Workload, found: Expected) -> Verdict:
    verdict = compare(window_counts(bootstrap, workload), found.counts)
    verdict += compare(occupancy_of(connection, standing=False), found.present)
    return verdict + compare(occupancy_of(connection, standing=True), found.standing)


def _figures(reports: Sequence[dict[str, Any]], spans: Sequence[Span], verdict: Verdict) -> dict[str, Any]:
    """Return the medians of laps; `folding_s` is from the last one's first reading to the last that was folded."""
    laps = [[_marks(report, *span) for report in reports] for span in spans]
    every = [_together(lap).figures() for lap in laps]
    medians = {name: statistics.median(figures[name] for figures in every) for name in every[0]}
    return {
        **medians,
        "readings_per_core_s": 1e6 / medians["cpu_s_per_million"],
        "laps_cpu_s_per_million": [figures["cpu_s_per_million"] for figures in every],
        "folding_s": max(report["last_s"] for report in reports) - min(begin.wall_s for begin, _ in laps[-1]),
        "peak_rss_mb": max(report["peak_rss_mb"] for report in reports),
        "compared": verdict.compared,
        "wrong": verdict.wrong,
    }


def _together(marks: Sequence[tuple[Mark, Mark]]) -> Lap:
    """Add up a lap's workers: wall time from the first that began to the last that ended, CPU of all."""
    return Lap(
        done=sum(end.done - begin.done for begin, end in marks),
        wall_s=max(end.wall_s for _, end in marks) - min(begin.wall_s for begin, _ in marks),
        cpu_s=sum(end.cpu_s - begin.cpu_s for begin, end in marks),
    )


def _marks(report: dict[str, Any], begin_s: float, until_s: float) -> tuple[Mark, Mark]:
    """Return when one worker folded its first frame after `begin_s`, and when all before `until_s` was committed."""
    commits = [mark for commit in report["commits"] if (mark := Mark(**commit)).wall_s < until_s]
    begin = next(burst for burst in (Mark(**one) for one in report["bursts"]) if burst.wall_s >= begin_s)
    before = max((commit.done for commit in commits if commit.wall_s < begin.wall_s), default=0)
    everything = max(commit.done for commit in commits)
    end = next(commit for commit in commits if commit.done == everything)
    return replace(begin, done=before), end
