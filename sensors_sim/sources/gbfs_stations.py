"""Stations of a GBFS poll (station_status 1.1 to 3.0) as sensors of kind parking.

https://github.com/MobilityData/gbfs/blob/v3.0/gbfs.md#station_statusjson. A station is a sensor with two metrics:
`occupied_spaces` counts the vehicles that stand there, those for rent and those out of order, `free_spaces` the docks
that take one. 3.0 renamed num_bikes_... to num_vehicles_...; stations without docks have no free spaces to count.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.sensors import SensorStatus
from sensors_sim.sources.contract import BadRow, Report, as_object
from sensors_sim.sources.gbfs_reference import Reference, Station, number, objects
from sensors_sim.sources.gbfs_vehicles import yes
from sensors_sim.sources.instants import instant
from sensors_sim.sources.names import owned_id
from sensors_sim.sources.polls import Poll
from sensors_sim.sources.seen import Claim, Seen
from sensors_sim.told import Reading

OCCUPIED, FREE = "occupied_spaces", "free_spaces"
_STATUS = ("num_vehicles_available", "num_bikes_available", "num_docks_available", "is_renting")


Status = tuple[float | str, ...]
"""What a row says of a station, besides its time: its counts and its condition."""


def rows(data: Mapping[str, Any]) -> list[object] | None:
    """Return the statuses of a document, or None when it is about something else (station_information, too)."""
    stations = data.get("stations")
    told = any(name in station for station in objects(stations) for name in _STATUS)
    return stations if isinstance(stations, list) and told else None


def readings(
    stations: list[object], poll: Poll, reference: Reference, owner: str, seen: Seen[Status], report: Report
) -> list[Reading]:
    """Return what is new in a poll, by time; every other row is counted in `report`."""
    out: list[Reading] = []
    for row, status in enumerate(stations, 1):
        report.rows += 1
        try:
            out += _readings(as_object(status), poll.at, reference, owner, seen, report)
        except BadRow as bad:
            report.skip(bad.reason, f"{poll.where} station {row}: {bad.value[:80]}")
    seen.close(poll.at)
    out.sort(key=lambda reading: reading.ts)
    return out


def _readings(
    status: Mapping[str, Any], at: int, reference: Reference, owner: str, seen: Seen[Status], report: Report
) -> Iterator[Reading]:
    raw = status.get("station_id")
    if not isinstance(raw, str | int) or raw == "":
        raise BadRow("id_missing", f"station_id {raw!r}")
    station = reference.stations.get(str(raw))
    if station is None:
        raise BadRow("station_unknown", f"station_id {raw!r} is not in station_information")
    values = dict(_values(status, report))
    if not values:
        raise BadRow("nothing_counted", f"station_id {raw!r} has neither vehicles nor docks")
    sensor_id, condition = owned_id(owner, str(raw)), _condition(status)
    claim = Claim(instant(status.get("last_reported")), (*values.values(), condition))
    ts = seen.date(sensor_id, claim, at)
    lat, lon = station.place
    for metric, value in values.items():
        yield Reading(
            sensor_id, "parking", metric, value, ts, lat, lon,
            status=condition, capacity=_capacity(metric, value, station, report),
        )  # fmt: skip


def _values(status: Mapping[str, Any], report: Report) -> Iterator[tuple[str, float]]:
    for prefix in ("num_vehicles", "num_bikes"):
        available = _count(status, f"{prefix}_available", report)
        if available is not None:
            yield OCCUPIED, available + (_count(status, f"{prefix}_disabled", report) or 0)
            break
    docks = _count(status, "num_docks_available", report)
    if docks is not None:
        yield FREE, docks


def _count(status: Mapping[str, Any], name: str, report: Report) -> float | None:
    """Return a count; one that is none, or below zero, is noted."""
    value = status.get(name)
    count = number(value)
    if count is None and value is not None:
        report.note("value_unreadable", f"station_id {status['station_id']!r}: {name} {value!r:.40}")
    return count


def _capacity(metric: str, value: float, station: Station, report: Report) -> float | None:
    """Return the capacity, unless the reading refutes it: docks are added before it is."""
    if metric == FREE and station.capacity is not None and value > station.capacity:
        report.note(
            "above_capacity", f"{value:g} free docks of {station.capacity:g}; sent without the capacity"
        )
        return None
    return station.capacity


def _condition(status: Mapping[str, Any]) -> SensorStatus:
    """`maintenance`: not installed; `degraded`: it does not rent or takes nothing back; left out, it does."""
    if not yes(status.get("is_installed", True)):
        return "maintenance"
    return (
        "ok" if yes(status.get("is_renting", True)) and yes(status.get("is_returning", True)) else "degraded"
    )
