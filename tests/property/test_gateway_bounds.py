"""a_place_outside_is_refused_on_every_way: one by one, by columns, packed; as a plain oracle has it."""

import json
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from schemas.limits import NULL_ISLAND_DEG
from streams.bounds import Bounds
from streams.gateway.address import KINDS
from streams.gateway.decode import Limits, decode
from streams.gateway.kind import Allowed, Kind, Target
from streams.gateway.packed import PackedPositions, PackingOfPositions

Scene = tuple[Bounds, list[tuple[float, float]]]
"""A box, and places."""

NOW_MS = 1_760_000_000_000
FIELDS: dict[str, dict[str, Any]] = {
    "vehicles": {"vehicle_id": "x"},
    "sensors": {"sensor_id": "x", "kind": "air", "metric": "pm25", "value": 1.5},
    "requests": {"service_request_id": "x", "event": "opened", "service_code": "heating"},
}

latitudes = st.sampled_from([-90.0, -12.5, -0.0005, 0.0, 12.5, 12.500001, 90.0, 90.5]) | st.floats(-90, 90)
longitudes = st.sampled_from([-180.0, -179.5, -0.0005, 0.0, 30.0, 179.5, 180.0, 180.5]) | st.floats(-180, 180)


def is_latitude(degrees: float) -> bool:
    return -90 <= degrees <= 90


def is_longitude(degrees: float) -> bool:
    return -180 <= degrees <= 180


def spans(bounds: Bounds) -> list[tuple[float, float]]:
    """The longitudes of a box; one over the antimeridian is two boxes."""
    west, _, east, _ = bounds
    return [(west, east)] if west < east else [(west, 180.0), (-180.0, east)]


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Half of the boxes lie over the antimeridian; most places lie in the box, many on its edge."""
    south, north = sorted(draw(st.lists(latitudes.filter(is_latitude), min_size=2, max_size=2, unique=True)))
    west, east = draw(st.lists(longitudes.filter(is_longitude), min_size=2, max_size=2, unique=True))
    if (west, east) == (180.0, -180.0):
        west, east = east, west
    bounds = Bounds.parse(f"{west!r},{south!r},{east!r},{north!r}")
    inside = st.tuples(st.floats(south, north), st.one_of(*(st.floats(*span) for span in spans(bounds))))
    anywhere = st.tuples(latitudes, longitudes)
    return bounds, [*draw(st.lists(inside, max_size=3)), draw(inside | anywhere)]


def lies_in(bounds: Bounds, lat: float, lon: float) -> bool:
    """The oracle."""
    return bounds.south <= lat <= bounds.north and any(start <= lon <= end for start, end in spans(bounds))


def reason_of(bounds: Bounds, lat: float, lon: float) -> str | None:
    """The oracle: why a place is refused."""
    if not (is_latitude(lat) and is_longitude(lon)):
        return "coordinates_swapped" if abs(lat) <= 180 and abs(lon) <= 90 else "coordinate_out_of_range"
    if abs(lat) < NULL_ISLAND_DEG and abs(lon) < NULL_ISLAND_DEG:
        return "null_island"
    return None if lies_in(bounds, lat, lon) else "out_of_bounds"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@given(scenes(), st.booleans())
@example((Bounds(170.0, -30.0, -170.0, 0.0), [(-20.0, 180.0), (-20.0, -180.0), (-20.0, 0.0)]), True)
@example((Bounds(-180.0, -90.0, 180.0, 90.0), [(90.0, 180.0), (-90.0, -180.0)]), True)
def test_every_way_refuses_what_lies_outside(kind: Kind[Any], scene: Scene, packed: bool) -> None:
    bounds, places = scene
    array = [FIELDS[kind.name] | {"ts": NOW_MS, "lat": lat, "lon": lon} for lat, lon in places]
    payload, topic = json.dumps(array).encode(), f"ub/v1/north/{kind.name}"
    limits = Limits(50_000, 0, packed_from=0 if packed else 50_000, bounds=bounds)
    reasons = [reason_of(bounds, lat, lon) for lat, lon in places]
    event(f"{'some' if any(reasons) else 'none'} outside")

    decoded = decode(topic, payload, now_ms=NOW_MS, limits=limits)
    assert [refusal.reason for refusal in decoded.rejected] == [reason for reason in reasons if reason]
    assert [(one.lat, one.lon) for one in decoded.accepted] == [
        place for place, reason in zip(places, reasons, strict=True) if reason is None
    ]
    target, allowed = Target(kind, "north", None), Allowed(NOW_MS, bounds)
    assert kind.all_sound(kind.many.decode(payload), target, allowed) is not any(reasons)
    for item, reason in zip(array, reasons, strict=True):
        alone = decode(topic, json.dumps(item).encode(), now_ms=NOW_MS, limits=limits)
        assert [refusal.reason for refusal in alone.rejected] == ([reason] if reason else [])


@given(scenes())
def test_what_is_packed_lies_inside_and_what_lies_inside_is_packed(
    scene: Scene,
) -> None:
    bounds, places = scene
    # An exponent and a negative zero are out of the ordinary, and not packed for that.
    ordinary = [(round(lat, 6) + 0.0, round(lon, 6) + 0.0) for lat, lon in places]
    array = [f'{{"vehicle_id":"x","ts":{NOW_MS},"lat":{lat:.6f},"lon":{lon:.6f}}}' for lat, lon in ordinary]
    payload = f"[{','.join(array)}]".encode()
    packed = PackingOfPositions().pack(payload, "north", Allowed(NOW_MS, bounds))
    event("packed" if packed else "left alone")
    sound = all(reason_of(bounds, lat, lon) is None for lat, lon in ordinary)
    assert isinstance(packed, PackedPositions) is sound
