"""The verdict over a city: its tables against a batch computation over what was published, row for row; its
ledger against its own log; and what `urbanbrain audit` says, which computes from the log, too."""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from schemas import codec
from streams import topics
from tests import oracle
from tests.chaos.city import City
from tests.chaos.expected import expected
from tests.chaos.history import history
from tests.e2e.tables import found
from tests.e2e.waiting import eventually

_LEDGER = """
SELECT partition, received, applied, superseded, rejected FROM ub.ledger WHERE stage = 'fleet' ORDER BY partition
"""
_OFFSETS = 'SELECT stage, topic, partition, "offset" FROM ub.checkpoint ORDER BY 1, 2, 3'
_STILL_S = 3.0
_POLL_S = 0.5
_LOG_QUIET_POLLS = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """`differences` is what counts; the rest says how much was compared."""

    differences: tuple[str, ...]
    published: int
    received: int
    vehicles: int
    windows: int
    revised: int
    latest_s: float
    """By how much the latest reading, at its first arrival, lay behind the newest of its partition; event time."""


def judge(city: City, published: Sequence[Path], timeout_s: float = 120.0) -> Verdict:
    """Wait until nothing moves any more, and compare; differences that go away in time are none."""
    wanted = expected(published, city.window_ms)
    deadline = time.monotonic() + timeout_s
    while True:
        city.tend()
        before = city.query(_OFFSETS)
        lines = _table_differences(city, wanted)
        if not lines and _stays(city, before):
            break
        if time.monotonic() > deadline:
            break
        time.sleep(_POLL_S)
    lines += _histories(city, wanted)
    log = read_log(city)
    (revised,) = city.query("SELECT count(*) AS n FROM ub.cell_window WHERE revision > 0")
    if log.latest_s > city.allowed_lateness_s:
        lines.append(
            f"the run itself: a reading came {log.latest_s:.1f} s behind, beyond the allowed lateness of "
            f"{city.allowed_lateness_s:g} s, where exactness is not promised; raise UB_ALLOWED_LATENESS_S"
        )
    lines += _ledger_differences(city, log)
    audit = city.command("audit", "--complete")
    if audit.returncode != 0:
        lines.append(f"urbanbrain audit says (exit code {audit.returncode}): {audit.stdout}{audit.stderr}")
    return Verdict(
        differences=tuple(lines),
        published=sum(row["readings"] for row in wanted.cell_window.values()),
        received=sum(counts["received"] for counts in log.ledger.values()),
        vehicles=len(wanted.vehicle_state),
        windows=len(wanted.cell_window),
        revised=revised["n"],
        latest_s=round(log.latest_s, 1),
    )


def _table_differences(city: City, wanted: oracle.Expected) -> list[str]:
    tables = found(city)  # type: ignore[arg-type]
    return [
        f"{name}: {line}"
        for name in ("vehicle_state", "cell_now", "cell_window")
        for line in oracle.differences(getattr(wanted, name), getattr(tables, name), limit=4)
    ]


def _histories(city: City, wanted: oracle.Expected, rows: int = 2) -> list[str]:
    """Say of the first rows of cell_window that differ how they came about."""
    held = found(city).cell_window  # type: ignore[arg-type]
    keys = sorted(wanted.cell_window.keys() | held.keys())
    wrong = [key for key in keys if wanted.cell_window.get(key) != held.get(key)]
    return [f"  {key}: {line}" for key in wrong[:rows] for line in history(city, *key)]


def await_stillness(city: City, timeout_s: float = 60.0) -> None:
    """Wait until all checkpoints stand still: everything that was published is in the tables."""
    eventually(lambda: _stays(city, city.query(_OFFSETS)), timeout_s)


def _stays(city: City, before: list[dict[str, Any]]) -> bool:
    """Whether all checkpoints stand still for a while: what is equal now is not overtaken later."""
    until = time.monotonic() + _STILL_S
    while time.monotonic() < until:
        time.sleep(_POLL_S)
        if city.query(_OFFSETS) != before:
            return False
    return True


# ---------------------------------------------------------------------- the log


@dataclass(slots=True)
class Log:
    """What ub.vehicles holds: the ledger that follows from it, by partition, and how late its readings came."""

    ledger: dict[int, dict[str, int]]
    ends: dict[int, int]
    latest_s: float


def read_log(city: City) -> Log:
    """Read the topic from its beginning until nothing more comes. Where it ends is not asked: Tansu errs."""
    partitions = range(city.settings().source_partitions)
    ledger = {p: {"received": 0, "applied": 0, "superseded": 0, "rejected": 0} for p in partitions}
    log = Log(ledger, dict.fromkeys(partitions, -1), 0.0)
    seen: dict[str, set[int]] = defaultdict(set)
    newest: dict[str, int] = {}
    clock = dict.fromkeys(partitions, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=city.kafka_bootstrap,
        enable_auto_commit=False,
        fetch_max_wait_ms=100,
        max_poll_records=100_000,
        max_partition_fetch_bytes=50_000_000,
    )
    try:
        consumer.assign([TopicPartition(topics.VEHICLES, p) for p in partitions])
        consumer.seek_to_beginning()
        quiet = 0
        while quiet < _LOG_QUIET_POLLS:
            batches = consumer.poll(timeout_ms=500)
            quiet = 0 if batches else quiet + 1
            for record in (record for records in batches.values() for record in records):
                p = record.partition
                log.ends[p] = record.offset
                frame = codec.vehicle_frame.decode(record.value)
                counts = ledger[p]
                for vehicle_id, ts in zip(frame.vehicle_id, frame.ts, strict=True):
                    counts["received"] += 1
                    applied = ts > newest.get(vehicle_id, -1)
                    counts["applied" if applied else "superseded"] += 1
                    if applied:
                        newest[vehicle_id] = ts
                    if ts not in seen[vehicle_id]:
                        seen[vehicle_id].add(ts)
                        log.latest_s = max(log.latest_s, (clock[p] - ts) / 1000)
                        clock[p] = max(clock[p], ts)
    finally:
        consumer.close()
    return log


def _ledger_differences(city: City, log: Log) -> list[str]:
    names = ("received", "applied", "superseded", "rejected")
    ledger = {row["partition"]: {name: row[name] for name in names} for row in city.query(_LEDGER)}
    offsets = {
        row["partition"]: row["offset"] for row in city.query(_OFFSETS) if row["topic"] == topics.VEHICLES
    }
    (refused,) = city.query("SELECT coalesce(sum(count), 0)::bigint AS n FROM ub.rejected_count")
    lines = [f"ledger: {line}" for line in oracle.differences(log.ledger, ledger, limit=4)]
    lines += [f"offset: {line}" for line in oracle.differences(log.ends, offsets, limit=4)]
    if refused["n"]:
        reasons = city.query("SELECT reason, sum(count)::bigint AS n FROM ub.rejected_count GROUP BY reason")
        lines.append(f"refused: {reasons}, although every reading is sound and within its time")
    return lines
