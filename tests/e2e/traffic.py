"""Readings for tests: seeded bikes that ride and stand, in event-time order, and the MQTT messages that carry them."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

Reading = dict[str, Any]
"""vehicle_id, operator, ts, lat, lon, vehicle_state: what tests/oracle.py reads."""

BEGIN_MS = int(datetime(2024, 5, 6, 6, 0, tzinfo=UTC).timestamp() * 1000)
"""Event time at which every traffic begins."""
OPERATORS = ("alpha", "beta", "gamma")
_STATES = ("available", "available", "on_trip", "on_trip", "reserved", "non_operational", "removed")


def traffic(seed: int, bikes: int, minutes: int, step_ms: int = 20_000) -> list[Reading]:
    """Return readings of `bikes` bikes: each step a third of them reports, from one of a few dozen places."""
    rng = random.Random(seed)
    places = [(round(31.20 + rng.random() / 20, 6), round(121.50 + rng.random() / 20, 6)) for _ in range(40)]
    names = [(f"bike-{seed}-{number}", OPERATORS[number % 3]) for number in range(bikes)]
    readings = []
    for ts in range(BEGIN_MS, BEGIN_MS + minutes * 60_000, step_ms):
        for vehicle_id, operator in rng.sample(names, max(1, bikes // 3)):
            lat, lon = rng.choice(places)
            state = rng.choice(_STATES)
            readings.append(reading(vehicle_id, operator, ts + rng.randrange(step_ms), lat, lon, state))
    return sorted(readings, key=lambda r: r["ts"])


def reading(
    vehicle_id: str, operator: str, ts: int, lat: float, lon: float, state: str = "available"
) -> Reading:
    """Return one reading."""
    return {
        "vehicle_id": vehicle_id,
        "operator": operator,
        "ts": ts,
        "lat": lat,
        "lon": lon,
        "vehicle_state": state,
    }


def arrays(readings: Sequence[Reading], size: int = 200) -> Iterator[tuple[str, bytes]]:
    """Yield messages of up to `size` readings each, operator by operator within every `size`."""
    for first in range(0, len(readings), size):
        part = readings[first : first + size]
        for operator in sorted({r["operator"] for r in part}):
            yield array(operator, [r for r in part if r["operator"] == operator])


def array(operator: str, readings: Iterable[Reading]) -> tuple[str, bytes]:
    """Return one message with an array of readings."""
    return f"ub/v1/{operator}/vehicles", json.dumps(list(readings)).encode()


def single(r: Reading) -> tuple[str, bytes]:
    """Return one message with one reading, on its vehicle's own topic."""
    return f"ub/v1/{r['operator']}/vehicles/{r['vehicle_id']}/position", json.dumps(r).encode()
