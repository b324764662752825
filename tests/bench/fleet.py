"""The fleet stage inside real workers: frames from Kafka in; partials, checkpoints and tables out.

What is measured is all that production does: Faust fetches, the fold decodes and counts, partials are published and
confirmed, vehicles and state are stored with their offset, once a second. The clock stops when the last
reading is in the database.
"""

import time
from bisect import bisect_left
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import accumulate
from typing import Any

import psycopg

from streams import topics
from tests.bench import kafka
from tests.bench.children import Child, wait_until
from tests.bench.expected import Verdict, compare, expected
from tests.bench.fleet_results import occupancy_of, window_counts
from tests.bench.frames import Frame, closing_frames, frames_of
from tests.bench.marks import Lap, Mark
from tests.bench.services import Database, Services, environment
from tests.bench.workload import Workload

_TIMEOUT_S = 240.0
_ASSIGN_S = 60.0


def run(services: Services, workload: Workload, *, workers: int = 1, warm_up: int = 0) -> dict[str, Any]:
    """Return the figures of one run; the first `warm_up` readings are folded and stored before the clock starts."""
    return _figures(*reports(services, workload, workers=workers, warm_up=warm_up))


def reports(
    services: Services, workload: Workload, *, workers: int = 1, warm_up: int = 0, layers: bool = False
) -> tuple[list[dict[str, Any]], float, Verdict]:
    """Return what each worker reported, when the clock started (0: at the first reading), and the verdict.

    One worker without a warm-up finds the readings in the topic. Otherwise the workers are let in first, so that each
    has its share of partitions when the readings come.
    """
    found = expected(workload)
    first, rest = _split(frames_of(workload), warm_up)
    at_once = workers == 1 and not first
    with (
        services.kafka(workload.partitions) as bootstrap,
        services.database() as database,
        ExitStack() as stack,
    ):
        if at_once:
            _fill(bootstrap, workload, rest)
        children = [
            stack.enter_context(_worker(services, workload, bootstrap, database, number, layers=layers))
            for number in range(workers)
        ]
        connection = stack.enter_context(psycopg.connect(database.owner_url, autocommit=True))
        begin = 0.0
        if not at_once:
            shares = workload.partitions, workers
            wait_until(lambda: _owners(connection) == shares, children[0], _ASSIGN_S, "assigned")
            kafka.fill(bootstrap, topics.VEHICLES, first)
            warm = sum(frame.readings for frame in first)
            wait_until(lambda: _received(connection) == warm, children[0], _TIMEOUT_S, "warm")
            begin = time.time()
            _fill(bootstrap, workload, rest)
        wait_until(lambda: _durable(children) == workload.total, children[0], _TIMEOUT_S, "finished")
        found_by = [report for child in children if (report := child.report())]
        verdict = compare(window_counts(bootstrap, workload), found.counts)
        verdict += compare(occupancy_of(connection, standing=False), found.present)
        verdict += compare(occupancy_of(connection, standing=True), found.standing)
    return found_by, begin, verdict


def _split(frames: Sequence[Frame], readings: int) -> tuple[Sequence[Frame], Sequence[Frame]]:
    """Return the frames that hold the first `readings`, and the others."""
    counted = list(accumulate(frame.readings for frame in frames))
    at = bisect_left(counted, readings) + 1 if readings else 0
    return frames[:at], frames[at:]


def _fill(bootstrap: str, workload: Workload, frames: Sequence[Frame]) -> None:
    kafka.fill(bootstrap, topics.VEHICLES, frames)
    # A batch of their own: the end that Tansu reports can be the start of the last batch.
    kafka.fill(bootstrap, topics.VEHICLES, closing_frames(workload))


def _worker(
    services: Services, workload: Workload, bootstrap: str, database: Database, number: int, *, layers: bool
) -> Child:
    settings = environment(
        bootstrap=bootstrap,
        database=database,
        partitions=workload.partitions,
        directory=services.directory,
        stages="fleet",
        worker_id=f"bench-{number}",
        h3_resolution=workload.resolution,
        max_vehicles_per_partition=max(300_000, workload.vehicles),
    )
    return Child("tests.bench.fleet_child", {"layers": layers}, services.directory, settings)


def _owners(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    query = "SELECT count(*), count(DISTINCT owner) FROM ub.checkpoint WHERE stage = 'fleet'"
    partitions, owners = connection.execute(query).fetchone() or (0, 0)
    return partitions, owners


def _durable(children: Sequence[Child]) -> int:
    reports = [child.report() for child in children]
    return sum(report["commits"][-1]["done"] for report in reports if report)


def _received(connection: psycopg.Connection[Any]) -> int:
    (received,) = connection.execute(
        "SELECT coalesce(sum(received), 0)::bigint FROM ub.ledger"
    ).fetchone() or (0,)
    return int(received)


def _figures(results: list[dict[str, Any]], begin_s: float, verdict: Verdict) -> dict[str, Any]:
    """Add up the workers: wall time from the first that began to the last that ended, CPU of all."""
    laps = [_marks(result, begin_s) for result in results]
    total = Lap(
        done=sum(end.done - begin.done for begin, end in laps),
        wall_s=max(end.wall_s for _, end in laps) - min(begin.wall_s for begin, _ in laps),
        cpu_s=sum(end.cpu_s - begin.cpu_s for begin, end in laps),
    )
    last = max(result["last_s"] for result in results)
    return {
        **total.figures(),
        "readings_per_core_s": total.done / total.cpu_s,
        "folding_s": last - min(begin.wall_s for begin, _ in laps),
        "peak_rss_mb": max(result["peak_rss_mb"] for result in results),
        "compared": verdict.compared,
        "wrong": verdict.wrong,
    }


def _marks(result: dict[str, Any], begin_s: float) -> tuple[Mark, Mark]:
    """Return when one worker folded its first frame after `begin_s`, and when all it ever folded was committed."""
    commits = [Mark(**commit) for commit in result["commits"]]
    begin = next(burst for burst in (Mark(**one) for one in result["bursts"]) if burst.wall_s >= begin_s)
    before = max((commit.done for commit in commits if commit.wall_s < begin.wall_s), default=0)
    everything = max(commit.done for commit in commits)
    end = next(commit for commit in commits if commit.done == everything)
    return replace(begin, done=before), end
