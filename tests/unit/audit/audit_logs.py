"""Small logs for the audit's tests, and what the audit makes of them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from streams import topics
from streams.audit.fleet import batch
from streams.audit.fleet.batch import FleetPartition
from streams.audit.fleet.records import intake
from streams.audit.records import LogRecord, Taken
from streams.audit.rules import Rules

T0 = 1_767_225_600_000
"""2026-01-01T00:00:00Z, the start of a window."""
MINUTE = 60_000
RULES = Rules(
    window_ms=MINUTE,
    lateness_ms=10_000,
    horizon_ms=120_000,
    stale_ms=600_000,
    most_vehicles=1_000,
    resolution=9,
    region_resolution=2,
)
HERE, THERE = (31.2345, 121.5055), (31.2005, 121.4505)
"""Two places that lie in cells of their own."""


def reading(
    vehicle_id: str,
    at_s: float,
    place: tuple[float, float] = HERE,
    state: str = "available",
    operator: str = "alpha",
    **more: Any,
) -> dict[str, Any]:
    """Return a reading `at_s` seconds after T0."""
    lat, lon = place
    return {
        "vehicle_id": vehicle_id,
        "operator": operator,
        "ts": T0 + int(at_s * 1000),
        "lat": lat,
        "lon": lon,
        "vehicle_state": state,
        **more,
    }


def frame(readings: Sequence[Mapping[str, Any]], received_s: float = 10**8) -> bytes:
    """Return a frame of readings that have the same fields, received so many seconds after T0."""
    columns: dict[str, Any] = {name: [r[name] for r in readings] for name in readings[0]}
    return msgspec.json.encode({**columns, "received_at": T0 + int(received_s * 1000)})


def records(values: Iterable[bytes], partition: int = 0) -> list[LogRecord]:
    """Return a partition's log."""
    return [LogRecord(topics.VEHICLES, partition, offset, 0, value) for offset, value in enumerate(values)]


def taken_in(log: Iterable[LogRecord]) -> Taken:
    """Return readings and bad frames."""
    vehicles = intake()
    for record in log:
        vehicles.add(record)
    return vehicles.taken()


def computed(log: Iterable[LogRecord], rules: Rules = RULES) -> list[FleetPartition]:
    """Return what the batch makes of a log."""
    return batch.compute(taken_in(log), rules)


def one(*readings: Mapping[str, Any], rules: Rules = RULES) -> FleetPartition:
    """Return what the batch makes of one partition whose records hold one reading each."""
    (partition,) = computed(records(frame([r]) for r in readings), rules)
    return partition


def windows(partitions: Sequence[FleetPartition], rules: Rules = RULES) -> list[tuple[Any, ...]]:
    """Return cell_window as (minute, cell, operator, readings, arrivals, departures, occupancy), sorted."""
    rows = batch.cell_window([partition.entries for partition in partitions], rules).sort(
        "window_start", "cell", "operator"
    )
    names = ("cell", "operator", "readings", "arrivals", "departures", "occupancy")
    return [
        ((row["window_start"] - T0) // MINUTE, *(row[name] for name in names))
        for row in rows.iter_rows(named=True)
    ]
