"""What a rebalance costs: a worker more, a worker less, all workers restarted one after another."""

import asyncio
import time
from collections.abc import Iterable

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from streams import topics
from tests.chaos.city import City
from tests.chaos.drive import RATE, SEED
from tests.chaos.report import Report, exact
from tests.chaos.verdict import await_stillness, judge
from tests.chaos.watched import owners, restart_worker, watched
from tests.waiting import eventually

pytestmark = pytest.mark.chaos

EPOCHS = "SELECT stage, partition, epoch FROM ub.checkpoint ORDER BY stage, partition"
ROWS = (
    "SELECT * FROM ub.vehicle_state ORDER BY vehicle_id",
    "SELECT * FROM ub.cell_window ORDER BY window_start, cell, operator",
    "SELECT * FROM ub.sensor_state ORDER BY sensor_id, metric",
    "SELECT * FROM ub.sensor_window ORDER BY window_start, cell, metric",
    "SELECT * FROM ub.request ORDER BY service_request_id",
    "SELECT * FROM ub.request_window ORDER BY window_start, cell, service_code",
    # not as_of: it is the time of the newest reading of all, which a row is given when it is told again
    "SELECT cell, operator, available, non_operational, reserved, on_trip, non_contactable, occupancy "
    "FROM ub.cell_now ORDER BY cell, operator",
    "SELECT stage, partition, received, applied, superseded, rejected FROM ub.ledger ORDER BY stage, partition",
)
EXTRA = "worker-extra.0"
MOST_PAUSE_S = 25.0
"""Several times what is measured: beyond this a rebalance has become something else."""
MOST_EXIT_S = 10.0


def test_a_worker_more_and_a_worker_less_pause_partitions_for_seconds(report: Report) -> None:
    with City() as city:
        with watched(city, 150.0, seed=SEED, rate=RATE) as view:
            steady = time.time()
            begin = view.await_fresh(steady + 5.0)
            usual = view.longest_pause(steady, begin)

            extra = city.add_worker()
            eventually(lambda: EXTRA in owners(city), 60.0)
            more = view.longest_pause(begin, view.await_fresh(time.time()))

            begin = view.await_fresh(time.time() + 5.0)
            extra.stop()
            left_s = time.time() - begin
            eventually(lambda: EXTRA not in owners(city), 60.0)
            less = view.longest_pause(begin, view.await_fresh(time.time()))

            view.load.child.stop()
        join_wait = asyncio.run(join_wait_s(city.kafka_bootstrap))
        report.measure(
            "a worker more, a worker less",
            longest_pause_s={"usual": usual, "more": more, "less": less},
            leaving_took_s=round(left_s, 1),
            join_wait_of_tansu_s=round(join_wait, 1),
        )
        verdict = judge(city, [view.load.published])
        exact(verdict, city, "worker more and less")
        assert max(more, less) < MOST_PAUSE_S


def test_a_rolling_restart_delays_results_by_seconds_and_changes_no_row(report: Report) -> None:
    with City() as city:
        with watched(city, 150.0, seed=SEED, rate=RATE) as view:
            begin = time.time()
            exits, fresh_after = [], []
            for pid in city.worker_processes():
                told = time.time()
                exits.append(restart_worker(city, pid))
                fresh_after.append(round(view.await_fresh(told + exits[-1]) - told, 1))
            pause = view.longest_pause(begin, view.await_fresh(time.time()))
            view.load.child.stop()
        verdict = judge(city, [view.load.published])
        exact(verdict, city, "rolling restart")

        rows, epochs = [city.query(query) for query in ROWS], city.query(EPOCHS)
        for pid in city.worker_processes():
            restart_worker(city, pid)
        eventually(lambda: all_claimed_again(epochs, city.query(EPOCHS)), 60.0)
        await_stillness(city)
        for query, before in zip(ROWS, rows, strict=True):
            assert city.query(query) == before, query
        report.measure(
            "rolling restart of all workers", exit_s=exits, fresh_after_s=fresh_after, longest_pause_s=pause
        )
        assert max(exits) < MOST_EXIT_S
        assert max(fresh_after) < MOST_PAUSE_S


def all_claimed_again(before: list[dict[str, int]], now: list[dict[str, int]]) -> bool:
    return all(new["epoch"] > old["epoch"] for old, new in zip(before, now, strict=True))


async def join_wait_s(bootstrap: str) -> float:
    """Return for how long a plain consumer without any state has no partitions when a second one joins."""
    watching = _Revocations()
    first, second = (_consumer(bootstrap) for _ in range(2))
    first.subscribe([topics.REJECTED], listener=watching)
    second.subscribe([topics.REJECTED])
    await first.start()
    try:
        await asyncio.wait_for(watching.assigned.wait(), 30)
        watching.assigned.clear()
        await second.start()
        await asyncio.wait_for(watching.assigned.wait(), 30)
    finally:
        await asyncio.gather(first.stop(), second.stop())
    return watching.assigned_at - watching.revoked_at


def _consumer(bootstrap: str) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        group_id="join-wait",
        session_timeout_ms=6_000,  # as the workers' on Tansu (streams/wiring.py)
        heartbeat_interval_ms=1_000,
        enable_auto_commit=False,
    )


class _Revocations(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self) -> None:
        self.assigned = asyncio.Event()
        self.revoked_at = self.assigned_at = 0.0

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.revoked_at = time.monotonic()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.assigned_at = time.monotonic()
        self.assigned.set()
