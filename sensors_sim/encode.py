"""Positions to MQTT messages: topics and JSON payloads as an operator publishes them (design section 5)."""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

from schemas.vehicles import VEHICLE_STATES
from sensors_sim.batch import NO_BATTERY, Positions


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message and the number of readings in it."""

    topic: str
    payload: bytes
    readings: int


class _Wire(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A schemas.vehicles.VehiclePosition without what the topic (operator) or its defaults (bicycle) say."""

    vehicle_id: str
    ts: int
    lat: float
    lon: float
    vehicle_state: str
    battery_percent: int | None = None


_encoder = msgspec.json.Encoder()


def arrays(positions: Positions, most: int) -> Iterator[Message]:
    """Yield arrays of at most `most` positions, operator by operator, each in the order given.

    All positions of one vehicle belong to one operator and so keep their order on one topic.
    """
    for topic, wires in _by_operator(positions):
        for first in range(0, len(wires), most):
            part = wires[first : first + most]
            yield Message(f"ub/v1/{topic}/vehicles", _encoder.encode(part), len(part))


def singles(positions: Positions) -> Iterator[Message]:
    """Yield one message for each position, on the topic of its vehicle, operator by operator."""
    for operator, wires in _by_operator(positions):
        for wire in wires:
            yield Message(f"ub/v1/{operator}/vehicles/{wire.vehicle_id}/position", _encoder.encode(wire), 1)


def _by_operator(positions: Positions) -> Iterator[tuple[str, list[_Wire]]]:
    for code, name in enumerate(positions.operators):
        rows = np.flatnonzero(positions.operator == code)
        if len(rows) == 0:
            continue
        part = positions.take(rows)
        yield (
            name,
            [
                _Wire(
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
        )
