"""The verdict over a city: its tables against a batch computation over what was published, row for row; its
ledger against its own log; and what `urbanbrain audit` says, which computes from the log, too."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams import topics
from tests import oracle
from tests.chaos.city import City
from tests.chaos.expected import expected
from tests.chaos.history import history
from tests.chaos.log import Log, read_log, silence
from tests.e2e.tables import found
from tests.e2e.waiting import eventually

_LEDGER = """
SELECT partition, received, applied, superseded, rejected FROM ub.ledger WHERE stage = 'fleet' ORDER BY partition
"""
_OFFSETS = 'SELECT stage, topic, partition, "offset" FROM ub.checkpoint ORDER BY 1, 2, 3'
_STILL_S = 3.0
_POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class Verdict:
    """`differences` is what counts; the rest says how much was compared."""

    differences: tuple[str, ...]
    published: int
    received: int
    vehicles: int
    windows: int
    revised: int
    missing: int
    """Vehicles that fell silent for so long that ub.vehicle_event says so."""
    latest_s: float
    """By how much the latest reading, at its first arrival, lay behind the newest of its partition; event time."""


def judge(
    city: City, published: Sequence[Path], timeout_s: float = 120.0, *, vehicles_fall_silent: bool = False
) -> Verdict:
    """Wait until nothing moves any more, and compare; differences that go away in time are none.

    Where vehicles fall silent for so long that they are missing, it takes the log to say who is: then that must be
    complete once everything stands still for the first time.
    """
    if vehicles_fall_silent:
        await_stillness(city, timeout_s)
    wanted = expected(published, city.window_ms, silence(city) if vehicles_fall_silent else None)
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
    (missing,) = city.query("SELECT count(*) AS n FROM ub.vehicle_event")
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
        missing=missing["n"],
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
