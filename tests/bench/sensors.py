"""The readings that the sensing contestant folds: seeded sensors that measure every second, in the order of arrival.

A sensor has a kind, stands somewhere in the city, and measures all metrics of its kind at once. Readings arrive up to
LATEST_MS late, a few of them twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.metrics import METRICS
from schemas.sensors import SensorFrame
from tests.bench.frames import Frame
from tests.bench.workload import LATEST_MS, OPERATORS, T0_MS, somewhere

STEP_MS = 1_000
KINDS = ("traffic", "air", "weather", "heating", "street_light")
NAMES = tuple(name for name, metric in METRICS.items() if metric.kind in KINDS)
"""Metrics by number; a sensor has 3.6 of them on average."""

_TWICE = 0.005
_SPREAD = 0.1
"""A value strays by so much of what it is at its place."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Network:
    """How many readings of how many sensors, in frames of what size, in cells of which resolution."""

    readings: int = 1_500_000
    sensors: int = 5_000
    frame: int = 500
    resolution: int = 9
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Measured:
    """Columns of n readings in order of arrival, repeats included. `metric` indexes NAMES."""

    sensor: NDArray[np.int64]
    metric: NDArray[np.int64]
    ts: NDArray[np.int64]
    arrival: NDArray[np.int64]
    value: NDArray[np.float64]
    lat: NDArray[np.float64]
    """By sensor, as `lon`."""
    lon: NDArray[np.float64]


@lru_cache(maxsize=1)
def measured_by(network: Network) -> Measured:
    """Return the readings of a network; the same arguments give the same."""
    rng = np.random.default_rng(network.seed)
    lat, lon = somewhere(rng, network.sensors)
    kinds = np.array([KINDS.index(METRICS[name].kind) for name in NAMES])
    sensor, metric = np.nonzero(kinds[None, :] == np.arange(network.sensors)[:, None] % len(KINDS))
    rounds = -(-network.readings // len(sensor))
    n = network.readings
    ts = T0_MS + np.arange(rounds)[:, None] * STEP_MS + rng.integers(0, STEP_MS, network.sensors)[sensor]
    lowest = np.array([METRICS[name].lowest for name in NAMES])[metric]
    highest = np.array([METRICS[name].highest for name in NAMES])[metric]
    at_home = lowest + (highest - lowest) * rng.uniform(0.1, 0.5, len(sensor))
    strayed = at_home * (1 + _SPREAD * rng.standard_normal((rounds, len(sensor))))
    value = np.clip(strayed, lowest, highest).round(2)
    take = np.concatenate((np.arange(n), np.flatnonzero(rng.random(n) < _TWICE)))
    arrival = ts.ravel()[take] + rng.integers(0, LATEST_MS, len(take))
    order = np.argsort(arrival, kind="stable")
    take = take[order]
    return Measured(
        sensor=sensor[take % len(sensor)],
        metric=metric[take % len(sensor)],
        ts=ts.ravel()[take],
        arrival=arrival[order],
        value=value.ravel()[take],
        lat=lat.round(6),
        lon=lon.round(6),
    )


def sensor_id(number: int) -> str:
    """Return the id of a sensor."""
    return f"sensor-{number:06d}"


def frames_of(network: Network) -> Iterator[Frame]:
    """Yield the frames in order of arrival, as the gateway writes them."""
    found = measured_by(network)
    ids = [sensor_id(number) for number in range(network.sensors)]
    kinds = [METRICS[name].kind for name in NAMES]
    for start in range(0, len(found.ts), network.frame):
        some = slice(start, start + network.frame)
        sensors, metrics = found.sensor[some], found.metric[some].tolist()
        received_at = int(found.arrival[some].max())
        columns = SensorFrame(
            sensor_id=[ids[number] for number in sensors.tolist()],
            metric=[NAMES[number] for number in metrics],
            value=found.value[some].tolist(),
            ts=found.ts[some].tolist(),
            lat=found.lat[sensors].tolist(),
            lon=found.lon[sensors].tolist(),
            kind=[kinds[number] for number in metrics],
            owner=[OPERATORS[number % len(OPERATORS)] for number in sensors.tolist()],
            received_at=received_at,
        )
        yield Frame(0, _encode(columns), received_at, len(metrics))
