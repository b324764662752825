"""A long run under full load: no process of ours grows without bound, and the tables are exact at its end."""

import os

import pytest

from tests.chaos.city import City
from tests.chaos.drive import RATE, SEED, run
from tests.chaos.memory import Memory, growth
from tests.chaos.report import Report

pytestmark = pytest.mark.soak

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
WARM_UP_S = min(300.0, MINUTES * 30)
SETTINGS = {
    # Windows are kept for as long as they may be amended: the warm-up must be longer than that.
    "UB_AMEND_HORIZON_S": "120",
    # Tansu lists all records of a partition at every fetch, so there must not be many.
    "UB_FRAME_LINGER_MS": "500",
    "UB_PUBLISH_INTERVAL_MS": "500",
    "UB_KAFKA_FETCH_WAIT_MS": "250",
}
MOST_GROWTH = 0.15
MOST_GROWTH_BYTES = 30_000_000
"""Either is allowed: allocators keep what they once had."""
NOT_JUDGED = ("kafka (keeps its log in memory)", "postgres")


def processes(city: City) -> dict[str, int]:
    workers = {f"worker {number}": pid for number, pid in enumerate(city.worker_processes())}
    return {
        "gateway": city.gateway.pid,
        "supervisor": city.worker.pid,
        **workers,
        "mosquitto": city.mosquitto.pid,
        NOT_JUDGED[0]: city.tansu.pid,
        NOT_JUDGED[1]: city.postgres.pid,
    }


def test_no_process_grows_without_bound_and_the_tables_are_exact(report: Report) -> None:
    with City(settings=SETTINGS) as city:
        city.start()
        with Memory(lambda: processes(city)) as memory:
            outcome = run(city, (), {}, rate=RATE, seed=SEED, started=True, seconds=MINUTES * 60)
        grown = {name: growth(series, WARM_UP_S) for name, series in memory.series.items()}
        for name, found in grown.items():
            report.measure(
                f"memory of {name}",
                after_warm_up_mb=found.first // 1_000_000,
                at_end_mb=found.last // 1_000_000,
                most_mb=found.most // 1_000_000,
            )
        report.judged("soak", outcome, city)
        too_much = {
            name: found
            for name, found in grown.items()
            if name not in NOT_JUDGED and found.grown > max(MOST_GROWTH_BYTES, MOST_GROWTH * found.first)
        }
        assert not too_much
