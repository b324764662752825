"""The audit's batch against the folds of sensors and requests: computations that share no code, over random logs.

`audit_equals_the_folds` once everything has come to rest; `a_running_city_is_never_blamed` at any moment before.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.audit.compare import Comparison
from streams.audit.requests.stage import REQUESTS
from streams.audit.rules import Rules
from streams.audit.sensing.stage import SENSING
from streams.fold.contract import Fold, Restored
from streams.grid import locate
from streams.requests.districts import Districts
from streams.requests.state import RequestsConfig, RequestsState
from streams.sensing.state import SensingConfig, SensingState
from tests.pipeline import FAR_FUTURE, T0
from tests.property.road import Road, Rows

RULES = Rules(
    window_ms=60_000,
    lateness_ms=10_000,
    horizon_ms=120_000,
    stale_ms=900_000,
    most_vehicles=300_000,
    resolution=9,
    region_resolution=2,
    forget_request_ms=400_000,
)
SOURCES = 2
LOCATOR = locate.Locator(9, 2)
Message = dict[str, Any]

SENSING_CONFIG = SensingConfig(60_000, 10_000, 120_000, SOURCES)
REQUESTS_CONFIG = RequestsConfig(60_000, 10_000, 120_000, 400_000, SOURCES)


def open_sensing(start: Restored, rows: Rows | None) -> Fold:
    return SensingState(SENSING_CONFIG, LOCATOR, start, rows)


def open_requests(start: Restored, rows: Rows | None) -> Fold:
    return RequestsState(REQUESTS_CONFIG, LOCATOR, Districts(), start, rows)


# ------------------------------------------------------------------ what is published


def _times(rng: random.Random) -> Iterator[int]:
    """Yield times that mostly go on: sometimes by much, sometimes back."""
    now = T0
    for _ in range(rng.choice([40, 200])):
        now += rng.choice([0, 100, 3_000, 15_000]) + (500_000 if rng.random() < 0.01 else 0)
        yield max(T0, now - rng.choice([0, 0, 0, 1_000, 9_000, 50_000, 125_000, 200_000]))


def _place(rng: random.Random) -> Message:
    return {"lat": 31.2 + rng.choice([0, 0, 0.003, 0.006]), "lon": 121.5 if rng.random() < 0.99 else 200.0}


UNITS = {
    "temperature": ("weather", [None, "Cel", "K", "[degF]"]),
    "no2": ("air", ["ug/m3", "[ppb]", "Cel"]),
    "flow": ("traffic", ["{vehicle}/h", "/min", None]),
    "free_spaces": ("parking", [None, "{car}", "%"]),
    "bogus": ("air", [None]),
}


def _reading(rng: random.Random, ts: int) -> Message:
    metric = rng.choice([*UNITS, *["temperature"] * 4])
    kind, units = UNITS[metric]
    sensor = rng.randrange(6)
    return {
        "sensor_id": f"s{sensor}" if rng.random() < 0.98 else "no id",
        "kind": kind if rng.random() < 0.98 else "noise",
        "metric": metric,
        "value": rng.choice([0, 1, 20.5, -5, 3.125, 300, round(rng.uniform(0, 60), 3)]),
        "unit": rng.choice(units),
        "status": rng.choice(["ok"] * 6 + ["fault", "asleep"]),
        "capacity": rng.choice([None, 10, 400]),
        "owner": rng.choice(["a"] * 20 + ["b", "no id"]),
        "ts": ts,
        **_place(rng),
    }


def _event(rng: random.Random, ts: int) -> Message:
    event = rng.choice(["opened", "opened", "updated", "closed", "rated"])
    message = {"service_request_id": f"r{rng.randrange(10)}", "event": event, "ts": ts}
    message["owner"] = rng.choice(["a"] * 12 + ["b"])
    if event == "opened" or rng.random() < 0.3:
        message |= _place(rng)
    if event == "opened" or rng.random() < 0.3:
        message["service_code"] = rng.choice(["lamp", "noise"])
    if event == "rated":
        message |= rng.choice(
            [{"resolved": True}, {"resolved": False, "satisfaction": 2}, {"satisfaction": 5}]
        )
    if rng.random() < 0.4:
        message["expected_datetime"] = ts + rng.choice([-30_000, 10_000, 100_000, 400_000])
    if rng.random() < 0.2:
        message["description"] = rng.choice("abc")
    if rng.random() < 0.02:
        message["colour"] = "red"
    return message


def _readings_frame(readings: Sequence[Message]) -> bytes:
    columns = {name: [reading[name] for reading in readings] for name in readings[0]}
    return msgspec.json.encode({**columns, "received_at": FAR_FUTURE})


def _events_frame(events: Sequence[Message]) -> bytes:
    return msgspec.json.encode({"events": events, "received_at": FAR_FUTURE})


@dataclass(frozen=True)
class Kind:
    """A stage, and how what it folds is made up."""

    name: str
    id_: str
    message: Callable[[random.Random, int], Message]
    frame: Callable[[Sequence[Message]], bytes]

    def road(self) -> Road:
        if self.name == "sensing":
            return Road(SENSING, "sensor_state", open_sensing, RULES, SOURCES)
        return Road(REQUESTS, "request", open_requests, RULES, SOURCES)


KINDS = (
    Kind("sensing", "sensor_id", _reading, _readings_frame),
    Kind("requests", "service_request_id", _event, _events_frame),
)
kinds = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])


def _frames(kind: Kind, rng: random.Random) -> dict[int, list[bytes]]:
    """Return the frames of each partition: some messages twice, one record that is none."""
    messages: dict[int, list[Message]] = {p: [] for p in range(SOURCES)}
    for ts in _times(rng):
        message = kind.message(rng, ts)
        mine = messages[sum(message[kind.id_].encode()) % SOURCES]
        mine.append(message)
        if rng.random() < 0.15:
            mine.append(rng.choice(mine[-20:]))
    frames: dict[int, list[bytes]] = {}
    for partition, waiting in messages.items():
        frames[partition] = [b'{"neither": "frame nor reading"}']
        while waiting:
            size = rng.choice([1, 3, 20])
            frames[partition].append(kind.frame(waiting[:size]))
            del waiting[:size]
        rng.shuffle(frames[partition][:2])
    return frames


# ------------------------------------------------------------------ what happens


def _step(road: Road, queues: dict[int, list[bytes]], rng: random.Random) -> None:
    """Feed one frame, and let some things happen or fail."""
    partition = rng.choice([p for p, queue in queues.items() if queue])
    road.feed(partition, queues[partition].pop(0))
    for probability, act in (
        (0.3, lambda: road.publish(partition, at_checkpoint=rng.random() < 0.3)),
        (0.2, lambda: road.checkpoint(partition)),
        (0.1, lambda: road.crash(partition)),
        (0.3, lambda: road.deliver(partition)),
        (0.2, road.run_grid),
        (0.1, road.checkpoint_grid),
        (0.05, road.crash_grid),
        (0.05, lambda: road.idle(rng.choice([100, 6_000]))),
    ):
        if rng.random() < probability:
            act()


def _differences(comparisons: Sequence[Comparison]) -> list[str]:
    return [str(difference) for comparison in comparisons for difference in comparison.differences]


@kinds
@given(seed=st.integers(0, 10**9))
@settings(max_examples=25, deadline=None)
def test_audit_equals_the_folds(kind: Kind, seed: int) -> None:
    rng, road = random.Random(seed), kind.road()
    queues = _frames(kind, rng)
    while any(queues.values()):
        _step(road, queues, rng)
    road.settle()
    comparisons = road.audited(road.tables(), road.offsets(), None)
    assert _differences(comparisons) == []
    assert sum(comparison.compared for comparison in comparisons) > 10


@kinds
@given(seed=st.integers(0, 10**9), part=st.floats(0.1, 0.9))
@settings(max_examples=25, deadline=None)
def test_a_running_city_is_never_blamed(kind: Kind, seed: int, part: float) -> None:
    rng, road = random.Random(seed), kind.road()
    queues = _frames(kind, rng)
    frames = sum(map(len, queues.values()))
    while sum(map(len, queues.values())) > (1 - part) * frames:
        _step(road, queues, rng)

    def go_on() -> None:
        for _ in range(rng.randrange(20)):
            if any(queues.values()):
                _step(road, queues, rng)

    low = road.offsets()
    for partition in range(SOURCES):
        road.deliver(partition)
    go_on()  # before the tables are read
    road.run_grid()
    road.checkpoint_grid()
    tables, offsets = road.tables(), road.offsets()
    go_on()  # before the log is
    assert _differences(road.audited(tables, offsets, low)) == []
