"""What may stand on ub.sensors."""

import json
from typing import Any

import msgspec
import pytest

from streams.fold.frames import BadFrame
from streams.sensing.columns import METRIC_NAMES, Columns, decode
from tests.unit.sensing.station import FAR_FUTURE, T0, Station, frame, reading


def decoded(value: bytes) -> Columns:
    found = decode(value, T0 + 5)
    assert isinstance(found, Columns), found
    return found


def without(value: bytes, name: str) -> bytes:
    document = json.loads(value)
    del document[name]
    return json.dumps(document).encode()


def changed(document: bytes, **fields: Any) -> bytes:
    return json.dumps(json.loads(document) | fields).encode()


TWO = frame([reading(1, 0), reading(2, 5, "flow", sensor_id="s-2", at=1, unit="/min", status="fault")])


def test_a_frame_becomes_columns() -> None:
    c = decoded(TWO)
    assert c.sensor_id == ["s-1", "s-2"]
    assert [METRIC_NAMES[code] for code in c.metric] == ["temperature", "flow"]
    assert c.ts.tolist() == [T0, T0 + 5000]
    assert c.value.tolist() == [1, 2]
    assert c.unit == [None, "/min"]
    assert c.received_at == FAR_FUTURE


def test_a_column_of_one_value_throughout_may_be_that_value() -> None:
    short = decoded(frame([reading(1, 0, capacity=9.0), reading(2, 1, capacity=9.0)]))
    long = decoded(
        changed(
            frame([reading(1, 0), reading(2, 1)]),
            **{name: [value] * 2 for name, value in reading(0).items() if name not in ("value", "ts")},
            capacity=[9, 9],
            status=["ok", "ok"],
            unit=[None, None],
        )
    )
    assert short.owner == "city"
    assert long.owner == ["city"] * 2
    for name in ("metric", "kind", "status", "lat", "lon", "capacity"):
        assert getattr(short, name).tolist() == getattr(long, name).tolist(), name


def test_an_outside_producer_may_put_one_reading_on_the_topic_or_an_array() -> None:
    one = {**reading(3), "note": "fields that are not needed are ignored"}
    assert decoded(json.dumps(one).encode()).value.tolist() == [3]
    c = decoded(json.dumps([one, {**one, "value": 4, "capacity": None}]).encode())
    assert c.value.tolist() == [3, 4]
    assert decoded(b"\r\n " + json.dumps([one]).encode()).value.tolist() == [3]
    assert c.received_at == T0 + 5  # Kafka's time stands in for the gateway's


@pytest.mark.parametrize(
    ("value", "count", "why"),
    [
        (b"", 1, "truncated"),
        (b"\xff\xfe", 1, ""),
        (b"{}", 1, "sensor_id"),
        (b"[1, 2]", 1, "object"),
        (b'"text"', 1, "object"),
        (b"[" * 100_000, 1, ""),
        (without(TWO, "owner"), 1, "owner"),
        (changed(TWO, ts=[T0]), 2, "column ts has 1 values, sensor_id has 2"),
        (changed(TWO, unit=["m", "m", "m"]), 2, "column unit has 3"),
        (changed(TWO, ts=[T0, 10**30]), 1, ""),
        (changed(TWO, value=["a", "b"]), 1, "value"),
        (changed(TWO, received_at=12), 2, "received_at 12"),
        (changed(TWO, lat=[None, 1]), 1, "lat"),
    ],
)
def test_what_is_neither_frame_nor_readings_is_a_bad_frame(value: bytes, count: int, why: str) -> None:
    found = decode(value, T0)
    assert isinstance(found, BadFrame)
    assert found.count == count
    assert why in found.detail
    station = Station()
    station.feed_bytes(value)
    station.checkpoint()
    assert station.reasons() == ["bad_frame"]
    assert station.books() == (0, 0, count)


def test_an_empty_frame_is_nothing() -> None:
    station = Station()
    for empty in (b"[]", changed(TWO, **{name: [] for name in json.loads(TWO) if name != "received_at"})):
        station.feed_bytes(empty)
    station.checkpoint()
    assert station.books() == (0, 0, 0)
    assert station.reasons() == []


def test_a_refused_reading_is_shown_as_it_came() -> None:
    station = Station()
    bad = reading(200, 1, status="fault", unit="Cel", capacity=5.0)
    station.feed(reading(20), bad)
    station.tell()
    [refusal] = station.refused.values()
    assert msgspec.json.decode(refusal.payload) == bad
    assert refusal.sequence & 0xFFFFF == 1
