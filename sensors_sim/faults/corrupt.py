"""Damage to one payload: cut off, not text any more, a value of another type, a value that cannot be."""

from collections.abc import Sequence
from typing import Any

import msgspec
from numpy.random import Generator

from sensors_sim.not_json import NOT_JSON

KINDS = ("truncated", "not_text", "wrong_type", "impossible")
"""How a payload can be damaged, each as likely as the others."""

_WRONG_TYPE: dict[str, Sequence[Any]] = {
    "ts": ("soon", None, [1]),
    "lat": ("north", None, {}),
    "lon": ("east", None, []),
    "value": ("high", None, []),
    "vehicle_id": (17, None),
    "sensor_id": (17, None),
    "service_request_id": (17, None),
}
_IMPOSSIBLE: dict[str, Sequence[Any]] = {
    "ts": (-1, 0, 9_999_999_999_999_999),
    "lat": (91.5, -400.0),
    "lon": (181.5, 1e9),
    "value": (1e300, -1e300),
    "battery_percent": (250, -3),
    "vehicle_state": ("flying",),
    "event": ("forgotten",),
    "satisfaction": (11,),
}


def corrupted(payload: bytes, rng: Generator) -> tuple[bytes, str]:
    """Return the payload damaged, and how. Where it holds no reading with a fitting field it is truncated."""
    kind = KINDS[int(rng.integers(len(KINDS)))]
    if kind in ("wrong_type", "impossible"):
        damaged = _another_value(payload, _WRONG_TYPE if kind == "wrong_type" else _IMPOSSIBLE, rng)
        if damaged is not None:
            return damaged, kind
        kind = "truncated"
    if not payload:
        return b"\xff", "not_text"
    at = int(rng.integers(len(payload)))
    if kind == "truncated":
        return payload[:at], kind
    return payload[:at] + b"\xff" + payload[at + 1 :], kind


def _another_value(payload: bytes, values: dict[str, Sequence[Any]], rng: Generator) -> bytes | None:
    """Return the payload with one field of one reading replaced, or None where there is none to replace."""
    try:
        content = msgspec.json.decode(payload)
    except NOT_JSON:
        return None
    readings = content if isinstance(content, list) else [content]
    if not readings:
        return None
    reading = readings[int(rng.integers(len(readings)))]
    if not isinstance(reading, dict):
        return None
    fields = [name for name in values if name in reading]
    if not fields:
        return None
    name = fields[int(rng.integers(len(fields)))]
    value = values[name][int(rng.integers(len(values[name])))]
    column = reading[name]
    if isinstance(column, list) and column:  # a frame of columns, as on Kafka
        column[int(rng.integers(len(column)))] = value
    else:
        reading[name] = value
    return msgspec.json.encode(content)
