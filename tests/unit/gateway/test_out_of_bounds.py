"""Places outside of UB_BOUNDS: refused in every kind of input and on every way through the decoder."""

import json
from typing import Any

import pytest

from streams.bounds import Bounds
from streams.gateway.decode import PACKED_FROM, Limits, decode
from streams.gateway.packed import PackedPositions

NOW_MS = 1_760_000_000_000
SHANGHAI = Bounds(120.8, 30.6, 122.3, 31.9)
FIJI = Bounds(176.5, -20.8, -178.0, -12.2)

FIELDS: dict[str, dict[str, Any]] = {
    "vehicles": {"vehicle_id": "x"},
    "sensors": {"sensor_id": "x", "kind": "air", "metric": "pm25", "value": 1.5},
    "requests": {"service_request_id": "x", "event": "opened", "service_code": "heating"},
}
each_kind = pytest.mark.parametrize("kind", FIELDS)
each_box = pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [(SHANGHAI, (31.23, 121.47), (31.23, 2.35)), (FIJI, (-16.8, -179.9), (-16.8, -177.9))],
    ids=["ordinary", "over the antimeridian"],
)


def _array(kind: str, places: list[tuple[float, float]]) -> bytes:
    return json.dumps([FIELDS[kind] | {"ts": NOW_MS, "lat": lat, "lon": lon} for lat, lon in places]).encode()


def _limits(bounds: Bounds) -> Limits:
    return Limits(max_payload_bytes=200_000, max_clock_ahead_ms=60_000, bounds=bounds)


def _decode(kind: str, payload: bytes, bounds: Bounds) -> tuple[Any, list[tuple[str, str]]]:
    """What was accepted, and the reason and detail of each refusal."""
    decoded = decode(f"ub/v1/north/{kind}", payload, now_ms=NOW_MS, limits=_limits(bounds))
    return decoded.accepted, [(refusal.reason, refusal.detail) for refusal in decoded.rejected]


@each_kind
@each_box
def test_a_single_reading_outside_is_refused(
    kind: str, bounds: Bounds, inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    accepted, refused = _decode(kind, _array(kind, [inside])[1:-1], bounds)
    assert (len(accepted), refused) == (1, [])
    accepted, refused = _decode(kind, _array(kind, [outside])[1:-1], bounds)
    assert (len(accepted), [reason for reason, _ in refused]) == (0, ["out_of_bounds"])


@each_kind
@each_box
@pytest.mark.parametrize("size", [2, 200], ids=["a few", "many"])
def test_of_an_array_those_outside_are_refused(
    kind: str, bounds: Bounds, inside: tuple[float, float], outside: tuple[float, float], size: int
) -> None:
    accepted, refused = _decode(kind, _array(kind, [inside] * size), bounds)
    assert (len(accepted), refused) == (size, [])
    accepted, refused = _decode(kind, _array(kind, [inside] * size + [outside]), bounds)
    assert (len(accepted), [reason for reason, _ in refused]) == (size, ["out_of_bounds"])


@each_box
def test_a_large_array_of_positions_inside_is_packed(
    bounds: Bounds, inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    payload = _array("vehicles", [inside] * 200)
    assert len(payload) >= PACKED_FROM
    assert isinstance(_decode("vehicles", payload, bounds)[0], PackedPositions)
    assert isinstance(_decode("vehicles", _array("vehicles", [*[inside] * 200, outside]), bounds)[0], list)


def test_the_detail_names_place_box_and_way_out() -> None:
    def said(lat: float, lon: float, bounds: Bounds = SHANGHAI) -> str:
        [(reason, detail)] = _decode("vehicles", _array("vehicles", [(lat, lon)]), bounds)[1]
        assert reason == "out_of_bounds"
        return detail

    assert said(48.85, 2.35) == (
        "lat 48.85, lon 2.35 lies outside UB_BOUNDS=120.8,30.6,122.3,31.9; correct the place, or widen the bounds"
    )
    paris = Bounds(1.4, 48.1, 3.6, 49.3)
    assert (
        said(2.35, 48.85, paris)
        == "lat 2.35, lon 48.85 lies outside UB_BOUNDS=1.4,48.1,3.6,49.3; exchange them"
    )


@each_kind
@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ((0.0, 0.0), "null_island"),
        ((121.47, 31.23), "coordinates_swapped"),
        ((91.0, 121.47), "coordinate_out_of_range"),
    ],
)
def test_a_place_with_a_fault_of_its_own_keeps_its_reason(
    kind: str, place: tuple[float, float], reason: str
) -> None:
    assert [found for found, _ in _decode(kind, _array(kind, [place]), SHANGHAI)[1]] == [reason]


@each_kind
def test_0_0_is_no_place_of_a_box_around_it_either(kind: str) -> None:
    around = Bounds(-10.0, -10.0, 10.0, 10.0)
    places = [(5.0, 5.0)] * 200 + [(0.0, 0.0)]
    assert [reason for reason, _ in _decode(kind, _array(kind, places), around)[1]] == ["null_island"]


def test_an_event_without_a_place_is_not_outside() -> None:
    event = b'{"service_request_id":"r-1","event":"closed","ts":%d}' % NOW_MS
    accepted, refused = _decode("requests", event, SHANGHAI)
    assert (len(accepted), refused) == (1, [])
