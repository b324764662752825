"""The audit's batch against the folds: two computations that share no code, over random cities.

`audit_equals_the_folds` once everything has come to rest; `a_running_city_is_never_blamed` at any moment before.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import polars as pl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams import topics
from streams.audit import books
from streams.audit.compare import Comparison
from streams.audit.fleet.stage import FLEET as STAGE
from streams.audit.records import LogRecord, Refusals
from streams.audit.rules import Rules
from streams.audit.schema import TABLES
from streams.audit.stage import Question, case_of
from tests.pipeline import FAR_FUTURE, FLEET, GRID, T0, City, frame

RULES = Rules(
    window_ms=60_000,
    lateness_ms=10_000,
    horizon_ms=120_000,
    stale_ms=900_000,
    most_vehicles=300_000,
    resolution=9,
    region_resolution=2,
)
SOURCES = 2
KEPT = {"cell_window": 90, "vehicle_event": 90}
STEP_MS = 15_000
Reading = dict[str, Any]


@dataclass
class Run:
    """A city with its frames still to come, and the dice that decide what happens next."""

    rng: random.Random
    city: City
    queues: dict[int, list[bytes]]

    def step(self) -> None:
        """Feed one frame, and let some things happen or fail."""
        partition = self.rng.choice([p for p, queue in self.queues.items() if queue])
        self.city.feed(partition, self.queues[partition].pop(0))
        for probability, act in (
            (0.3, self.city.publish),
            (0.2, self.checkpoint),
            (0.1, self.city.crash),
            (0.1, self.city.publish_without_commit),
            (0.3, self.city.deliver),
            (0.2, lambda _: self.city.run_grid()),
            (0.1, lambda _: self.city.checkpoint_grid()),
            (0.05, lambda _: self.city.crash_grid()),
            (0.05, lambda _: self.city.idle(self.rng.choice([100, 6_000]))),
        ):
            if self.rng.random() < probability:
                act(partition)

    def checkpoint(self, partition: int) -> None:
        self.city.checkpoint(partition)

    @property
    def over(self) -> bool:
        return not any(self.queues.values())


def a_run(seed: int) -> Run:
    """Return a city of 3 to 60 bikes: riding, falling silent, coming back, repeated, late, of the wrong operator."""
    rng = random.Random(seed)
    fleet = replace(FLEET, stale_after_ms=RULES.stale_ms, amend_horizon_ms=RULES.horizon_ms, sources=SOURCES)
    city = City(SOURCES, fleet=fleet, grid=replace(GRID, amend_horizon_ms=RULES.horizon_ms, portion=2))
    by_partition: dict[int, list[Reading]] = {p: [] for p in range(SOURCES)}
    for reading in _readings(rng):
        by_partition[sum(reading["vehicle_id"].encode()) % SOURCES].append(reading)
    queues = {p: _frames(rng, readings) for p, readings in by_partition.items()}
    return Run(rng, city, queues)


def _readings(rng: random.Random) -> list[Reading]:
    bikes = rng.choice([3, 20, 60])
    steps = rng.choice([40, 150])
    places = {bike: _place(rng) for bike in range(bikes)}
    silent = {bike: (rng.randrange(steps), rng.randrange(2 * steps)) for bike in range(bikes)}
    readings = []
    for step in range(steps):
        for bike in range(bikes):
            if rng.random() > 0.4 or silent[bike][0] < step < silent[bike][1]:
                continue
            if rng.random() < 0.3:
                places[bike] = _place(rng)
            readings.append(_reading(rng, bike, T0 + step * STEP_MS + rng.randrange(STEP_MS), places[bike]))
    spread = rng.choice([0, 9_000, 40_000])
    readings.sort(key=lambda reading: reading["ts"] + rng.uniform(0, spread))
    return [reading for reading in readings for _ in range(2 if rng.random() < 0.1 else 1)]


def _reading(rng: random.Random, bike: int, ts: int, place: tuple[float, float]) -> Reading:
    odd = rng.random() < 0.03
    return {
        "vehicle_id": f"b{bike}" if not odd or rng.random() < 0.8 else "no id",
        "operator": f"op{bike % 3}" if not odd else rng.choice(["op0", "op1", "no id"]),
        "ts": ts + (rng.choice([-200_000, -50_000, 100_000, 5]) if odd else 0),
        "lat": place[0] if not odd or rng.random() < 0.8 else 99.0,
        "lon": place[1],
        "vehicle_state": rng.choice(["available"] * 5 + ["on_trip", "reserved", "removed", "missing"]),
    }


def _place(rng: random.Random) -> tuple[float, float]:
    return 31.2 + rng.uniform(-0.01, 0.01), 121.5 + rng.uniform(-0.01, 0.01)


def _frames(rng: random.Random, readings: Sequence[Reading]) -> list[bytes]:
    frames = []
    while readings:
        size = rng.choice([1, 3, 10, 50])
        part, readings = readings[:size], readings[size:]
        newest = max(reading["ts"] for reading in part)
        frames.append(frame(part, newest + rng.choice([-60_000, 0, 1_000, 1_000_000])))
    if rng.random() < 0.5:
        frames.insert(rng.randrange(len(frames) + 1), b'{"neither": "frame nor reading"}')
    return frames


# ------------------------------------------------------------------ what the audit says


def tables_of(city: City) -> dict[str, pl.DataFrame]:
    """Return the tables as the audit reads them from a database."""
    rows: dict[str, list[Mapping[str, Any]]] = {
        n: list(city.database.tables.get(n, {}).values()) for n in TABLES
    }
    for row in rows["cell_window"]:
        assert row["window_s"] == RULES.window_ms // 1000
    rows["ledger"] = [
        {
            "stage": "fleet",
            "topic": topics.VEHICLES,
            "partition": int(name.partition("/")[2]),
            **asdict(ledger),
        }
        for name, ledger in city.database.ledgers.items()
        if name.startswith("fleet/")
    ]
    return {
        name: pl.DataFrame([{c: row[c] for c in table.schema} for row in rows[name]], schema=table.schema)
        for name, table in TABLES.items()
    }


def judged(
    city: City, tables: Mapping[str, pl.DataFrame], offsets: Mapping[int, int], low: Mapping[int, int] | None
) -> list[Comparison]:
    """Audit `tables`, which reflect the log up to `offsets`; all of them at rest where `low` is None."""
    vehicles = STAGE.intake()
    for partition, log in city.logs.items():
        for offset, value in enumerate(log):
            vehicles.add(LogRecord(topics.VEHICLES, partition, offset, FAR_FUTURE, value))
    refusals = Refusals()
    for offset, output in enumerate(city.refused):
        refusals.add(LogRecord(topics.REJECTED, 0, offset, 0, output.value))
    question = Question(tables, RULES, KEPT, limit=5)
    case = case_of(STAGE, vehicles.taken(), offsets, low, question)
    stages = [(STAGE.name, STAGE.topic, case.partitions)]
    own_and_grid = [judge(case) for judge in STAGE.tables.values()]
    done = [books.judge_ledger(stages, tables["ledger"], 5), *own_and_grid]
    done.append(books.judge_refusals(stages, {STAGE.topic: offsets}, refusals.frame(), 5))
    if low is None:
        done.append(books.judge_rejected_count(refusals.frame(), tables["rejected_count"], 5))
    return done


def differences(comparisons: Sequence[Comparison]) -> list[str]:
    return [str(difference) for comparison in comparisons for difference in comparison.differences]


def offsets_of(city: City) -> dict[int, int]:
    return {p: city.database.offsets.get(f"fleet/{p}", -1) for p in range(SOURCES)}


@given(st.integers(0, 10**9))
@settings(max_examples=25, deadline=None)
@example(7)  # the grid forgot which windows it had forgotten when it was killed
@example(30)  # a publisher's clock ran ahead, and the fleet's clock was not stored
def test_audit_equals_the_folds(seed: int) -> None:
    run = a_run(seed)
    while not run.over:
        run.step()
    run.city.settle()
    comparisons = judged(run.city, tables_of(run.city), offsets_of(run.city), None)
    assert differences(comparisons) == []
    assert sum(comparison.compared for comparison in comparisons) > 10


@given(st.integers(0, 10**9), st.floats(0.1, 0.9))
@settings(max_examples=25, deadline=None)
@example(456, 0.5)  # a window that was told provisionally waits until the watermark has passed its end
def test_a_running_city_is_never_blamed(seed: int, part: float) -> None:
    run, rng = a_run(seed), random.Random(seed)
    frames = sum(len(queue) for queue in run.queues.values())
    while sum(len(queue) for queue in run.queues.values()) > (1 - part) * frames:
        run.step()
    city = run.city
    low = offsets_of(city)
    for partition in range(SOURCES):
        city.deliver(partition)
    for _ in range(rng.randrange(20)):  # what goes on before the tables are read
        if not run.over:
            run.step()
    city.run_grid()
    city.checkpoint_grid()
    tables, offsets = tables_of(city), offsets_of(city)
    for _ in range(rng.randrange(20)):  # and before the log is
        if not run.over:
            run.step()
    assert differences(judged(city, tables, offsets, low)) == []
