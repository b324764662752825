"""The verdict over a city: its tables against a batch computation over what was published, row for row; its
ledgers and refusals against its own log; what its console says, what consumers of Kafka hold and what stands retained
on MQTT, against its tables; and what `urbanbrain audit` says, which computes from the log, too."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streams import topics
from tests import oracle
from tests.chaos.board import board_differences
from tests.chaos.city import City
from tests.chaos.console import console_differences
from tests.chaos.consumers import consumer_differences
from tests.chaos.expected import expected
from tests.chaos.expected_requests import RequestTables, expected_requests
from tests.chaos.expected_sensors import SensorTables, expected_sensors
from tests.chaos.found import found_requests, found_sensors
from tests.chaos.history import history
from tests.chaos.log import Log, read_log, silence
from tests.chaos.published import files
from tests.e2e.tables import found
from tests.waiting import eventually

_LEDGER = """
SELECT stage, partition, received, applied, superseded, rejected FROM ub.ledger
WHERE stage IN ('fleet', 'sensing', 'requests') ORDER BY stage, partition
"""
_REVISED = """
SELECT (SELECT count(*) FROM ub.cell_window WHERE revision > 0)
     + (SELECT count(*) FROM ub.sensor_window WHERE revision > 0)
     + (SELECT count(*) FROM ub.request_window WHERE revision > 0) AS n
"""
_REFUSED = "SELECT topic, reason, sum(count)::bigint AS n FROM ub.rejected_count GROUP BY topic, reason"
_OFFSETS = 'SELECT stage, topic, partition, "offset" FROM ub.checkpoint ORDER BY 1, 2, 3'
_SOURCES = (topics.VEHICLES, topics.SENSORS, topics.REQUESTS)
_STILL_S = 3.0
_PATIENCE_S = 60.0
_POLL_S = 0.5

Tables = Mapping[str, Mapping[Any, Any]]
"""Rows by key, by the name of the table."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`differences` is what counts; the rest says how much was compared, of vehicles, sensors and requests together
    where it does not say otherwise.
    """

    differences: tuple[str, ...]
    published: int
    """Readings and events that count."""
    received: int
    vehicles: int
    sensors: int
    """Series: a sensor and one of its metrics."""
    requests: int
    windows: int
    revised: int
    refused: int
    shown: int
    """Rows and open alerts of the console, each told twice: on request and in the live stream."""
    retained: int
    """Topics of MQTT on which an open alert or an active incident stands."""
    missing: int
    """Vehicles that fell silent for so long that ub.vehicle_event says so."""
    latest_s: float
    """By how much the latest reading, at its first arrival, lay behind the newest of its partition; event time."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What all tables must hold."""

    fleet: oracle.Expected
    sensors: SensorTables
    requests: RequestTables

    def tables(self, held: Tables) -> Tables:
        """Return the tables; of windows that late events may have emptied, those that `held` has."""
        emptied = held["request_window"].keys() - self.requests.request_window.keys()
        return {
            "vehicle_state": self.fleet.vehicle_state,
            "cell_now": self.fleet.cell_now,
            "cell_window": self.fleet.cell_window,
            "sensor_state": self.sensors.sensor_state,
            "sensor_window": self.sensors.sensor_window,
            "request": self.requests.request,
            "request_window": {
                **self.requests.request_window,
                **{key: self.requests.standing(key) for key in emptied},
            },
        }


def judge(
    city: City, published: Sequence[Path], timeout_s: float = 600.0, *, vehicles_fall_silent: bool = False
) -> Verdict:
    """Wait until nothing moves any more, and compare; differences that go away while checkpoints move, or within a
    minute of the last that did, are none. `published` are the directories of all loads.

    Where vehicles fall silent for so long that they are missing, it takes the log to say who is: then that must be
    complete once everything stands still for the first time.
    """
    if vehicles_fall_silent:
        await_stillness(city, timeout_s)
    silent = silence(city) if vehicles_fall_silent else None
    wanted = _Wanted(
        expected(files(published, "vehicles"), city.window_ms, silent),
        expected_sensors(files(published, "sensors"), city.window_ms),
        expected_requests(files(published, "requests"), city.window_ms),
    )
    deadline = time.monotonic() + timeout_s
    newest, moved_at = city.query(_OFFSETS), time.monotonic()
    while True:
        city.tend()
        before = city.query(_OFFSETS)
        lines = _table_differences(city, wanted)
        if not lines and _stays(city, before):
            break
        now = time.monotonic()
        if before != newest:
            newest, moved_at = before, now
        elif now - moved_at > _PATIENCE_S:
            break
        if now > deadline:
            break
        time.sleep(_POLL_S)
    lines += _histories(city, wanted)
    log = read_log(city)
    (revised,) = city.query(_REVISED)
    (missing,) = city.query("SELECT count(*) AS n FROM ub.vehicle_event")
    if log.latest_s > city.allowed_lateness_s:
        lines.append(
            f"the run itself: a reading came {log.latest_s:.1f} s behind, beyond the allowed lateness of "
            f"{city.allowed_lateness_s:g} s, where exactness is not promised; raise UB_ALLOWED_LATENESS_S"
        )
    lines += _ledger_differences(city, log)
    shown, differing = console_differences(city)
    lines += differing
    lines += consumer_differences(city)
    retained, differing = board_differences(city)
    lines += differing
    audit = city.command("audit", "--complete")
    if audit.returncode != 0:
        lines.append(f"urbanbrain audit says (exit code {audit.returncode}): {audit.stdout}{audit.stderr}")
    return Verdict(
        differences=tuple(lines),
        published=_published(wanted, log),
        received=sum(counts["received"] for counts in log.ledger.values()),
        vehicles=len(wanted.fleet.vehicle_state),
        sensors=len(wanted.sensors.sensor_state),
        requests=len(wanted.requests.request),
        windows=sum(
            map(
                len,
                (wanted.fleet.cell_window, wanted.sensors.sensor_window, wanted.requests.request_window),
            )
        ),
        revised=revised["n"],
        refused=log.refused.total(),
        shown=shown,
        retained=retained,
        missing=missing["n"],
        latest_s=round(log.latest_s, 1),
    )


def _published(wanted: _Wanted, log: Log) -> int:
    """Return how many readings of vehicles and sensors, and events of requests, count."""
    events = sum(counts["applied"] for (stage, _), counts in log.ledger.items() if stage == "requests")
    windows = (*wanted.fleet.cell_window.values(), *wanted.sensors.sensor_window.values())
    readings: int = sum(row["readings"] for row in windows)
    return readings + events


def _held(city: City) -> Tables:
    fleet, sensors, requests = found(city), found_sensors(city), found_requests(city)  # type: ignore[arg-type]
    return {
        "vehicle_state": fleet.vehicle_state,
        "cell_now": fleet.cell_now,
        "cell_window": fleet.cell_window,
        "sensor_state": sensors.sensor_state,
        "sensor_window": sensors.sensor_window,
        "request": requests.request,
        "request_window": requests.request_window,
    }


def _table_differences(city: City, wanted: _Wanted) -> list[str]:
    held = _held(city)
    return [
        f"{name}: {line}"
        for name, rows in wanted.tables(held).items()
        for line in oracle.differences(rows, held[name], limit=4)
    ]


def _histories(city: City, wanted: _Wanted, rows: int = 2) -> Iterator[str]:
    """Yield of the first rows of windows that differ how they came about."""
    held = _held(city)
    for name, right in wanted.tables(held).items():
        if name.endswith("_window"):
            keys = sorted(right.keys() | held[name].keys())
            wrong = [key for key in keys if right.get(key) != held[name].get(key)]
            for key in wrong[:rows]:
                yield from (f"  {name} {key}: {line}" for line in history(city, name, key))


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
    ledger = {
        (row["stage"], row["partition"]): {name: row[name] for name in names} for row in city.query(_LEDGER)
    }
    offsets = {
        (row["topic"], row["partition"]): row["offset"]
        for row in city.query(_OFFSETS)
        if row["topic"] in _SOURCES
    }
    refused = {(row["topic"], row["reason"]): row["n"] for row in city.query(_REFUSED)}
    return [
        *(f"ledger: {line}" for line in oracle.differences(log.ledger, ledger, limit=4)),
        *(f"offset: {line}" for line in oracle.differences(log.ends, offsets, limit=4)),
        *(f"refused: {line}" for line in oracle.differences(log.refused, refused, limit=4)),
    ]
