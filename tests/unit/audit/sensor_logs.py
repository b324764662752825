"""Small logs of sensors for the audit's tests, and what the audit makes of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from streams import topics
from streams.audit.records import LogRecord, Taken
from streams.audit.sensing.batch import SensingPartition, compute, sensor_window
from streams.audit.sensing.records import intake
from tests.unit.audit.audit_logs import HERE, MINUTE, RULES, T0

FAR = T0 + 10**11


def measured(
    sensor_id: str,
    at_s: float,
    value: float,
    metric: str = "temperature",
    kind: str = "weather",
    place: tuple[float, float] = HERE,
    **more: Any,
) -> dict[str, Any]:
    """Return a reading `at_s` seconds after T0."""
    return {
        "sensor_id": sensor_id,
        "kind": kind,
        "metric": metric,
        "value": value,
        "ts": T0 + int(at_s * 1000),
        "lat": place[0],
        "lon": place[1],
        "owner": "city",
        **more,
    }


def frame(readings: Sequence[Mapping[str, Any]], received_at: int = FAR) -> bytes:
    """Return a frame of readings; what only some of them say is null for the others."""
    names = {name: None for reading in readings for name in reading}
    columns = {name: [reading.get(name) for reading in readings] for name in names}
    return msgspec.json.encode({**columns, "received_at": received_at})


def taken(values: Sequence[bytes], partition: int = 0) -> Taken:
    """Return a partition's log as columns."""
    sensors = intake()
    for offset, value in enumerate(values):
        sensors.add(LogRecord(topics.SENSORS, partition, offset, FAR, value))
    return sensors.taken()


def one(*readings: Mapping[str, Any]) -> SensingPartition:
    """Return what the batch makes of one partition whose records hold one reading each."""
    (partition,) = compute(taken([frame([reading]) for reading in readings]), RULES)
    return partition


def windows(*partitions: SensingPartition) -> list[dict[str, Any]]:
    """Return sensor_window in order, `minute` instead of window_start."""
    rows = sensor_window(partitions, RULES).sort("window_start", "cell", "metric").to_dicts()
    return [{"minute": (row["window_start"] - T0) // MINUTE, **row} for row in rows]
