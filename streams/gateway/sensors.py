"""Sensor readings as a kind of the gateway's input.

Whether metric, unit and value belong together is judged by the sensing stage, which alone has the table of metrics.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

from schemas import codec, envelope
from schemas.sensors import MAX_CODE, SensorFrame, SensorReading
from streams import topics
from streams.gateway.columns import collapse
from streams.gateway.kind import Allowed, Broken, Kind
from streams.gateway.rules import broken_text, measured_then, measured_there, quick_test


def _codes(reading: SensorReading, _allowed: Allowed) -> Broken | None:
    return (
        broken_text("kind", reading.kind, MAX_CODE)
        or broken_text("metric", reading.metric, MAX_CODE)
        or broken_text("unit", reading.unit, MAX_CODE)
    )


def _columns(readings: Sequence[SensorReading]) -> Sequence[list[Any]]:
    return (
        [reading.sensor_id for reading in readings],
        [reading.owner for reading in readings],
        [reading.ts for reading in readings],
        [reading.lat for reading in readings],
        [reading.lon for reading in readings],
        [reading.kind for reading in readings],
        [reading.metric for reading in readings],
        [reading.unit for reading in readings],
    )


def _codes_in_order(*columns: Sequence[str | None]) -> bool:
    codes = set().union(*columns)
    return all(code is None or (len(code) <= MAX_CODE and "\0" not in code) for code in codes)


def _frame(readings: Sequence[SensorReading], owner: str | list[str], received_at: int) -> SensorFrame:
    return SensorFrame(
        sensor_id=[reading.sensor_id for reading in readings],
        metric=collapse([reading.metric for reading in readings]),
        value=[reading.value for reading in readings],
        ts=[reading.ts for reading in readings],
        lat=collapse([reading.lat for reading in readings]),
        lon=collapse([reading.lon for reading in readings]),
        kind=collapse([reading.kind for reading in readings]),
        owner=owner,
        received_at=received_at,
        unit=collapse([reading.unit for reading in readings]),
        status=collapse([reading.status for reading in readings]),
        capacity=collapse([reading.capacity for reading in readings]),
    )


SENSORS = Kind(
    name="sensors",
    tail=(),
    id_field="sensor_id",
    owner_field="owner",
    kafka_topic=topics.SENSORS,
    envelope_type=envelope.SENSOR_FRAME,
    one=codec.sensor_reading,
    many=codec.sensor_readings,
    id_of=attrgetter("sensor_id"),
    rules=(measured_then, measured_there, _codes),
    all_sound=quick_test(_columns, _codes_in_order),
    frame=_frame,
)
