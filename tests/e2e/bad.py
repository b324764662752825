"""Bad input of every kind that a gateway can meet, each with the reason for which it must be refused."""

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.e2e.traffic import BEGIN_MS, array

OPERATOR = "alpha"
ARRAYS = f"ub/v1/{OPERATOR}/vehicles"
MEGABYTES = 3_000_000


@dataclass(frozen=True, slots=True)
class Bad:
    """One message that holds exactly one thing to refuse."""

    topic: str
    payload: bytes
    reason: str

    @property
    def message(self) -> tuple[str, bytes]:
        return self.topic, self.payload


Kind = Callable[[random.Random, str], Bad]
"""Make one from randomness and an id that no other reading has."""


def _with(reason: str, **changes: Any) -> Kind:
    """A reading that would be good but for these fields; a callable is asked for its value."""

    def make(rng: random.Random, name: str) -> Bad:
        fields = {"vehicle_id": name, "ts": BEGIN_MS, "lat": 31.2, "lon": 121.5}
        fields |= {key: value(rng) if callable(value) else value for key, value in changes.items()}
        return Bad(ARRAYS, json.dumps([fields]).encode(), reason)

    return make


def _without(field: str) -> Kind:
    def make(rng: random.Random, name: str) -> Bad:
        fields = {"vehicle_id": name, "ts": BEGIN_MS, "lat": 31.2, "lon": 121.5}
        del fields[field]
        return Bad(ARRAYS, json.dumps(fields).encode(), "missing_field")

    return make


def _bytes(reason: str, *payloads: bytes) -> Kind:
    return lambda rng, name: Bad(ARRAYS, rng.choice(payloads), reason)


def _text(reason: str, text: str) -> Kind:
    """A reading written by hand: %s stands for its id."""
    return lambda rng, name: Bad(ARRAYS, (text % name).encode(), reason)


def _on_topic(reason: str, topic: str, **changes: Any) -> Kind:
    def make(rng: random.Random, name: str) -> Bad:
        fields = {"vehicle_id": name, "ts": BEGIN_MS, "lat": 31.2, "lon": 121.5, **changes}
        return Bad(topic, json.dumps(fields).encode(), reason)

    return make


KINDS: dict[str, Kind] = {
    "not JSON": _bytes("not_json", b"{", b"lat=31.2", b'[{"vehicle_id": "x"', b"[1,]", b"\x00", b"{'a': 1}"),
    "not UTF-8": _bytes("not_utf8", b"\xff\xfe\x00", b'{"vehicle_id": "b\xe9lo", "ts": 1}', b"[\xc3\x28]"),
    "empty": _bytes("empty", b"", b" \n", b"[]"),
    "another type": _bytes("wrong_type", b"7", b"null", b'"bike"', b"true", b"[[]]", b"[null]"),
    "text for a number": _with("wrong_type", lat="31.2"),
    "a number for text": _with("wrong_type", vehicle_id=17),
    "time with a fraction": _with("wrong_type", ts=BEGIN_MS + 0.5),
    "null for a coordinate": _with("wrong_type", lon=None),
    "an unknown state": _with("wrong_type", vehicle_state="flying"),
    "no id": _without("vehicle_id"),
    "no time": _without("ts"),
    "no latitude": _without("lat"),
    "an unknown field": _with("unknown_field", colour="orange"),
    "latitude beyond the pole": _with(
        "coordinate_out_of_range", lat=lambda r: r.choice((95.0, -91.5)), lon=190.0
    ),
    "longitude out of range": _with("coordinate_out_of_range", lon=lambda r: r.choice((200.5, -181.0))),
    "NaN": _text("not_json", '{"vehicle_id": "%s", "ts": 1714975200000, "lat": NaN, "lon": 121.5}'),
    "swapped": _with("coordinates_swapped", lat=121.5, lon=31.2),
    "0,0": _with("null_island", lat=0.0, lon=0),
    "seconds": _with("time_in_seconds", ts=BEGIN_MS // 1000),
    "the far future": _with("time_in_future", ts=lambda r: int(time.time() * 1000) + 3_600_000),
    "microseconds": _with("time_out_of_range", ts=BEGIN_MS * 1000),
    "before 2001": _with("time_out_of_range", ts=lambda r: r.choice((0, -1, 1_000_000))),
    "too large for 64 bits": _with("number_out_of_range", ts=10**30),
    "too large for a float": _text(
        "number_out_of_range", '{"vehicle_id": "%s", "ts": 1714975200000, "lat": 1e999, "lon": 1}'
    ),
    "battery beyond full": _with("number_out_of_range", battery_percent=101),
    "an id of 10,000 characters": _with("bad_id", vehicle_id="x" * 10_000),
    "an id with control characters": _with(
        "bad_id", vehicle_id=lambda r: r.choice(("a\nb", "a\x00b", "\x1b[31m"))
    ),
    "an empty id": _with("bad_id", vehicle_id=""),
    "an id unlike its topic": _on_topic("topic_mismatch", f"ub/v1/{OPERATOR}/vehicles/other/position"),
    "an operator unlike its topic": _with("topic_mismatch", operator="somebody-else"),
    "a topic that is misspelt": _on_topic("bad_topic", f"ub/v1/{OPERATOR}/vehicles/x/positon"),
}


def megabytes(name: str) -> Bad:
    """A payload of several megabytes, sound but for its size."""
    readings = [{"vehicle_id": name, "ts": BEGIN_MS, "lat": 31.2, "lon": 121.5}]
    topic, payload = array(OPERATOR, readings)
    return Bad(topic, payload + b" " * MEGABYTES, "too_large")


def assortment(rng: random.Random, count: int) -> list[Bad]:
    """Return `count` bad messages, every kind about as often."""
    kinds = list(KINDS.values())
    return [kinds[number % len(kinds)](rng, f"bad-{number}") for number in range(count)]
