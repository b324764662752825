"""Sensor readings: the single reading of a publisher and the columnar frame on Kafka.

Kinds, metrics and their canonical units stand in schemas/metrics.py. Units are UCUM codes: https://ucum.org/ucum
"""

from typing import Literal

import msgspec

SensorStatus = Literal["ok", "degraded", "fault", "maintenance"]
SENSOR_STATUSES: tuple[SensorStatus, ...] = ("ok", "degraded", "fault", "maintenance")

MAX_CODE = 64
"""Characters of a kind, a metric or a unit."""


class SensorReading(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One value that one sensor measured, as its owner publishes it on MQTT.

    A sensor may measure several metrics: one reading each. `owner` may be left out: the MQTT topic names
    it. `unit` may be left out where the value is in the metric's canonical unit. `capacity` is for metrics that count
    places or people: the most that the value can be.
    """

    sensor_id: str
    kind: str
    metric: str
    value: float
    ts: int
    lat: float
    lon: float
    unit: str | None = None
    status: SensorStatus = "ok"
    capacity: float | None = None
    owner: str | None = None


class SensorFrame(msgspec.Struct, frozen=True):
    """Many readings of one Kafka partition, as columns of equal length n.

    A column whose n values are all the same may be written as that one value. `received_at` is when the gateway
    had the newest of them in hand. Readings keep the order in which the gateway received them.
    """

    sensor_id: list[str]
    metric: str | list[str]
    value: list[float]
    ts: list[int]
    lat: float | list[float]
    lon: float | list[float]
    kind: str | list[str]
    owner: str | list[str]
    received_at: int
    unit: str | list[str | None] | None = None
    status: str | list[str] = "ok"
    capacity: float | list[float | None] | None = None
