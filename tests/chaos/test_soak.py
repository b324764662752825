"""A long run under full load, with ids that rotate as in real feeds: neither a process of ours nor a table grows
without bound, and the tables are exact at its end.

A quarter of 20,000 bikes gets a new id every 10 s: 500 ids a second, 43 million a day. Each is missing 65 s after it
was heard of last, and forgotten 60 s later.
"""

import os
from math import exp

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.chaos.city import City
from tests.chaos.drive import RATE, SEED, run
from tests.chaos.growth import Growth, Sampler, course, growth
from tests.chaos.memory import resident
from tests.chaos.report import Report
from tests.chaos.tables import content, on_disk

pytestmark = pytest.mark.soak

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
ROTATING = 0.25
IDS_A_SECOND = 500 * (1 - exp(-RATE / 2_000))
"""Ids that are heard of at all: of 20,000 bikes each reports every 20,000 / RATE s on average, a poll is 10 s."""
LATENESS_S, HORIZON_S, STALE_AFTER_S = 30, 30, 65
FORGOTTEN_AFTER_S = LATENESS_S + STALE_AFTER_S + HORIZON_S
WARM_UP_S = max(FORGOTTEN_AFTER_S + 15.0, MINUTES * 30)
"""Half the run. Ids and windows are kept for a while, and the gateway remembers the partition of 500,000 ids, some
75 MB, before it forgets them: after 17 minutes of new ids. What is kept can be judged afterwards only."""
SETTINGS = {
    "UB_ALLOWED_LATENESS_S": str(LATENESS_S),
    "UB_AMEND_HORIZON_S": str(HORIZON_S),
    "UB_STALE_AFTER_S": str(STALE_AFTER_S),
    # Tansu lists all records of a partition at every fetch, so there must not be many.
    "UB_FRAME_LINGER_MS": "500",
    "UB_PUBLISH_INTERVAL_MS": "500",
    "UB_KAFKA_FETCH_WAIT_MS": "250",
}
MOST_GROWTH = 0.15
MOST_GROWTH_BYTES = 30_000_000
"""Of memory and disk either is allowed: allocators keep what they once had, and so do tables."""
NOT_JUDGED = ("kafka", "postgres")
"""Tansu keeps its log in memory; PostgreSQL's shared memory counts once it was touched."""


def test_neither_memory_nor_tables_grow_while_ids_rotate_and_the_tables_are_exact(report: Report) -> None:
    with City(settings=SETTINGS) as city:
        city.start()
        with (
            psycopg.connect(city.postgres.url, autocommit=True, row_factory=dict_row) as connection,
            Sampler(lambda: resident(city)) as memory,
            Sampler(lambda: on_disk(connection)) as disk,
            Sampler(lambda: content(connection)) as tables,
        ):
            outcome = run(
                city, (), {}, rate=RATE, seed=SEED, rotating=ROTATING, started=True, seconds=MINUTES * 60
            )
        end_s = outcome.load["seconds"]  # what follows the load is the verdict over it
        too_much: dict[str, Growth] = {}
        for kind, sampled, unit, allowed in (
            ("memory of {} (MB)", memory, 1_000_000, MOST_GROWTH_BYTES),
            ("{} (MB)", disk, 1_000_000, MOST_GROWTH_BYTES),
            ("{}", tables, 1, 0),
        ):
            for name, series in sampled.series.items():
                found = growth(series, WARM_UP_S, end_s)
                report.measure(
                    kind.format(name),
                    after_warm_up=found.first // unit,
                    at_end=found.last // unit,
                    most=found.most // unit,
                    course=[size // unit for size in course(series, end_s)],
                )
                if name not in NOT_JUDGED and found.grown > max(allowed, MOST_GROWTH * found.first):
                    too_much[name] = found
        report.judged("soak", outcome, city)
    assert not too_much
    least_missing = 0.9 * IDS_A_SECOND * (end_s - FORGOTTEN_AFTER_S)
    assert outcome.verdict.missing >= least_missing, "ids rotated, and the old ones were missed"
