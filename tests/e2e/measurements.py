"""Readings of a few dozen sensors, in the units that devices report in, each with what the tables must make of it."""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import h3

from tests.e2e.city import Message
from tests.e2e.traffic import BEGIN_MS

OWNERS = ("roads", "weather-office")
LATE_MS = 9_000
"""Readings overtake each other by up to this much: less than UB_ALLOWED_LATENESS_S, so nothing is late."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A reading as it is sent, its owner, and its value in the metric's unit of schemas/metrics.py."""

    message: dict[str, Any]
    owner: str
    value: float
    unit: str

    @property
    def cell(self) -> str:
        return str(h3.latlng_to_cell(self.message["lat"], self.message["lon"], 9))


@dataclass(frozen=True, slots=True)
class _Series:
    """What a sensor measures: value in `sent_in` = (canonical - offset) / factor, typed here by hand."""

    kind: str
    metric: str
    unit: str
    sent_in: str | None
    factor: float
    offset: float
    lowest: float
    highest: float


_SERIES = (
    _Series("traffic", "speed", "km/h", "m/s", 3.6, 0, 0, 120),
    _Series("traffic", "flow", "/h", "{vehicle}/h", 1, 0, 0, 2_000),
    _Series("air", "pm25", "ug/m3", "mg/m3", 1000, 0, 1, 300),
    _Series("air", "no2", "ug/m3", None, 1, 0, 1, 200),
    _Series("weather", "temperature", "Cel", "K", 1, -273.15, -15, 40),
    _Series("weather", "pressure", "hPa", "Pa", 0.01, 0, 990, 1_030),
    _Series("crowd", "people_count", "1", "{person}", 1, 0, 0, 5_000),
    _Series("water", "water_level", "m", "cm", 0.01, 0, -3, 3),
)


def measurements(seed: int, sensors: int, minutes: int, step_ms: int = 15_000) -> list[Measured]:
    """Return readings of `sensors` sensors, each every step, in the order in which they are sent."""
    rng = random.Random(seed)
    places = [(round(31.20 + rng.random() / 50, 6), round(121.50 + rng.random() / 50, 6)) for _ in range(12)]
    devices = [(f"sensor-{n}", _SERIES[n % len(_SERIES)], rng.choice(places)) for n in range(sensors)]
    timed = []
    for step in range(BEGIN_MS, BEGIN_MS + minutes * 60_000, step_ms):
        for number, (name, series, place) in enumerate(devices):
            ts = step + rng.randrange(step_ms)
            reading = measured(name, series, ts, place, rng, owner=OWNERS[number % 2])
            timed.append((ts + rng.randrange(LATE_MS), reading))
    return [reading for _, reading in sorted(timed, key=lambda pair: pair[0])]


def measured(
    name: str, series: _Series, ts: int, place: tuple[float, float], rng: random.Random, owner: str
) -> Measured:
    whole = series.metric == "people_count"
    value = rng.randint(0, 5_000) if whole else rng.uniform(series.lowest, series.highest)
    sent = round((value - series.offset) / series.factor, 4)  # so that the millionth is exact once converted
    message = {
        "sensor_id": name,
        "kind": series.kind,
        "metric": series.metric,
        "value": sent,
        "ts": ts,
        "lat": place[0],
        "lon": place[1],
    }
    if series.sent_in is not None:
        message["unit"] = series.sent_in
    return Measured(message, owner, round(sent * series.factor + series.offset, 6), series.unit)


def arrays(readings: Sequence[Measured], size: int = 100) -> Iterator[Message]:
    """Yield messages of up to `size` readings of any sensors, owner by owner within every `size`."""
    for first in range(0, len(readings), size):
        for owner in OWNERS:
            part = [r.message for r in readings[first : first + size] if r.owner == owner]
            if part:
                yield f"ub/v1/{owner}/sensors", json.dumps(part).encode()


def single(reading: Measured) -> Message:
    """Return one message on the sensor's own topic."""
    return f"ub/v1/{reading.owner}/sensors/{reading.message['sensor_id']}", json.dumps(
        reading.message
    ).encode()


def windows(readings: Sequence[Measured], length_ms: int) -> dict[tuple[int, str, str, str], list[float]]:
    """Return the values by (start, cell, metric, unit)."""
    found: dict[tuple[int, str, str, str], list[float]] = defaultdict(list)
    for r in readings:
        ts = r.message["ts"]
        found[ts - ts % length_ms, r.cell, r.message["metric"], r.unit].append(r.value)
    return dict(found)


def newest(readings: Sequence[Measured]) -> dict[tuple[str, str], tuple[int, float, str, str, str]]:
    """Return (ts, value, unit, cell, owner) of the newest reading by (sensor, metric)."""
    found: dict[tuple[str, str], tuple[int, float, str, str, str]] = {}
    for r in readings:
        key = r.message["sensor_id"], r.message["metric"]
        state = r.message["ts"], r.value, r.unit, r.cell, r.owner
        if key not in found or state[:2] > found[key][:2]:
            found[key] = state
    return found
