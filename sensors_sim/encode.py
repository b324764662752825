"""Columns to MQTT messages: topics and JSON payloads as docs/mqtt-and-kafka.md has them of operators and owners."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np

from schemas.sensors import SENSOR_STATUSES
from schemas.vehicles import VEHICLE_STATES
from sensors_sim.batch import NO_BATTERY, Positions
from sensors_sim.columns import Columns, Mixed
from sensors_sim.requests.events import Events
from sensors_sim.sensors.contract import Readings
from sensors_sim.told import Told


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message and the number of readings (or events) in it."""

    topic: str
    payload: bytes
    readings: int
    retain: bool = False

    def with_payload(self, payload: bytes) -> "Message":
        """Return a copy with another payload."""
        return replace(self, payload=payload)

    @property
    def about(self) -> str:
        """Return what it tells of: `vehicles`, `sensors` or `requests`."""
        return self.topic.split("/")[3]


@dataclass(frozen=True, slots=True)
class _Stream:
    """Rows of one publisher, in order; `own_topic` names the topic of a row that is sent alone."""

    topic: str
    rows: Sequence[Any]
    own_topic: Callable[[Any], str]


class _Position(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A schemas.vehicles.VehiclePosition without what the topic (operator) or its defaults (bicycle) say."""

    vehicle_id: str
    ts: int
    lat: float
    lon: float
    vehicle_state: str
    battery_percent: int | None = None


class _Reading(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A schemas.sensors.SensorReading without what the topic (owner) or its defaults (canonical unit, ok) say."""

    sensor_id: str
    kind: str
    metric: str
    value: float
    ts: int
    lat: float
    lon: float
    status: str = "ok"
    capacity: float | None = None


_encoder = msgspec.json.Encoder()


def arrays(columns: Columns, most: int) -> Iterator[Message]:
    """Yield arrays of at most `most` rows, publisher by publisher, each in the order given.

    All rows of one vehicle, sensor or request belong to one publisher and so keep their order on one topic.
    """
    for stream in _streams(columns):
        for first in range(0, len(stream.rows), most):
            part = stream.rows[first : first + most]
            yield Message(stream.topic, _encoder.encode(part), len(part))


def singles(columns: Columns) -> Iterator[Message]:
    """Yield one message for each row, on the topic of its vehicle or sensor, publisher by publisher."""
    for stream in _streams(columns):
        for row in stream.rows:
            yield Message(stream.own_topic(row), _encoder.encode(row), 1)


def _streams(columns: Columns) -> Iterator[_Stream]:
    if len(columns) == 0:
        return
    match columns:
        case Mixed():
            for part in columns.parts:
                yield from _streams(part)
        case Positions():
            yield from _positions(columns)
        case Readings():
            yield _readings(columns)
        case Events():
            topic = f"ub/v1/{columns.owner}/requests"
            yield _Stream(topic, columns.event.tolist(), lambda _: topic)
        case Told():
            yield _told(columns)
        case _:
            raise TypeError(f"{type(columns).__name__} has no form on the wire; give it one in {__name__}")


def _positions(positions: Positions) -> Iterator[_Stream]:
    for code, name in enumerate(positions.operators):
        rows = np.flatnonzero(positions.operator == code)
        if len(rows) == 0:
            continue
        part = positions.take(rows)
        topic = f"ub/v1/{name}/vehicles"
        yield _Stream(
            topic,
            [
                _Position(
                    vehicle_id,
                    ts,
                    lat,
                    lon,
                    VEHICLE_STATES[state],
                    None if battery == NO_BATTERY else battery,
                )
                for vehicle_id, ts, lat, lon, state, battery in zip(
                    part.vehicle_id.tolist(),
                    part.ts.tolist(),
                    part.lat.tolist(),
                    part.lon.tolist(),
                    part.state.tolist(),
                    part.battery.tolist(),
                    strict=True,
                )
            ],
            lambda row, topic=topic: f"{topic}/{row.vehicle_id}/position",  # type: ignore[misc]
        )


def _told(told: Told) -> _Stream:
    topic = f"ub/v1/{told.owner}/{told.about}"
    own_topics: dict[str, Callable[[Any], str]] = {
        "vehicles": lambda row: f"{topic}/{row.vehicle_id}/position",
        "sensors": lambda row: f"{topic}/{row.sensor_id}",
        "requests": lambda _: topic,
    }
    return _Stream(topic, told.row.tolist(), own_topics[told.about])


def _readings(readings: Readings) -> _Stream:
    sensors = readings.sensors
    topic = f"ub/v1/{sensors.owner}/sensors"
    return _Stream(
        topic,
        [
            _Reading(
                sensor_id,
                sensors.kind,
                sensors.metrics[metric],
                value,
                ts,
                lat,
                lon,
                SENSOR_STATUSES[status],
                capacity,
            )
            for sensor_id, metric, value, ts, lat, lon, status, capacity in zip(
                sensors.sensor_id[readings.sensor].tolist(),
                readings.metric.tolist(),
                readings.value.tolist(),
                readings.ts.tolist(),
                sensors.lat[readings.sensor].tolist(),
                sensors.lon[readings.sensor].tolist(),
                readings.status.tolist(),
                sensors.capacity[readings.sensor].tolist(),
                strict=True,
            )
        ],
        lambda row: f"{topic}/{row.sensor_id}",
    )
