"""Every kind of bad input, its reason, and a detail that helps; msgspec's wording is pinned here, too."""

import json
import re

import pytest

from schemas.rejected import REASONS, Reason
from schemas.vehicles import VehiclePosition
from streams.gateway.address import ADDRESSES
from streams.gateway.decode import MAX_SHOWN, MOST_REFUSALS, Decoded, Limits, Refusal, decode
from streams.gateway.kind import Target
from streams.gateway.vehicles import VEHICLES

NOW_MS = 1_760_000_000_000
LIMITS = Limits(max_payload_bytes=200_000, max_clock_ahead_ms=60_000)
ONE = "ub/v1/north/vehicles/n-1/position"
MANY = "ub/v1/north/vehicles"

_ABSENT = object()


def _object(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {"vehicle_id": "n-1", "ts": NOW_MS - 1_000, "lat": 31.23, "lon": 121.47}
    fields |= changes
    return {name: value for name, value in fields.items() if value is not _ABSENT}


def _json(**changes: object) -> bytes:
    return json.dumps(_object(**changes)).encode()


def _decode(payload: bytes, topic: str = ONE) -> Decoded:
    return decode(topic, payload, now_ms=NOW_MS, limits=LIMITS)


def _refused(payload: bytes, topic: str = ONE) -> Refusal:
    decoded = _decode(payload, topic)
    assert decoded.accepted == []
    (refusal,) = decoded.rejected
    return refusal


def test_a_reading_takes_its_operator_from_the_topic() -> None:
    decoded = _decode(_json(vehicle_state="on_trip", battery_percent=80))
    assert decoded == Decoded(
        target=Target(VEHICLES, "north", "n-1"),
        accepted=[
            VehiclePosition("n-1", NOW_MS - 1_000, 31.23, 121.47, vehicle_state="on_trip", battery_percent=80)
        ],
        rejected=[],
    )


@pytest.mark.parametrize("topic", [ONE, MANY])
@pytest.mark.parametrize("payload", [_json(), b"[" + _json() + b"]", b" \n[" + _json() + b"]\t"])
def test_one_reading_and_an_array_are_welcome_on_both_topics(topic: str, payload: bytes) -> None:
    assert [reading.vehicle_id for reading in _decode(payload, topic).accepted] == ["n-1"]


BAD: list[tuple[str, bytes, Reason, str]] = [
    ("no bytes", b"", "empty", "0 bytes"),
    ("white space", b" \r\n", "empty", "3 bytes"),
    ("an empty array", b"[]", "empty", "array without a reading"),
    ("more bytes than allowed", b"[" + b" " * 200_000 + b"]", "too_large", "200002 bytes exceed the 200000"),
    ("Latin-1", _json().replace(b"n-1", b"n-\xe9"), "not_utf8", "0xe9 at 18"),
    ("UTF-16", json.dumps(_object()).encode("utf-16"), "not_utf8", "0xff at 0"),
    ("text", b"hello", "not_json", "malformed"),
    ("truncated", _json()[:-1], "not_json", "truncated"),
    ("truncated after a wrong type", b'{"vehicle_id":5,"ts":17', "not_json", "truncated"),
    ("a truncated array", b"[" + _json() + b"," + _json()[:-5], "not_json", "truncated"),
    ("two objects", _json() + _json(), "not_json", "trailing"),
    ("a byte order mark", b"\xef\xbb\xbf" + _json(), "not_json", "malformed"),
    ("NaN", _json(lat=float("nan")), "not_json", "NaN and Infinity are not JSON"),
    ("Infinity", _json(lon=float("-inf")), "not_json", "NaN and Infinity are not JSON"),
    ("nan of C", _json().replace(b"31.23", b"-nan"), "not_json", "NaN and Infinity are not JSON"),
    ("inf of C", _json().replace(b"31.23", b"inf"), "not_json", "NaN and Infinity are not JSON"),
    ("infinity of C", _json().replace(b"31.23", b"-infinity"), "not_json", "NaN and Infinity are not JSON"),
    ("half a surrogate pair", _json(vehicle_id="\ud800"), "not_json", "surrogate"),
    ("a raw control character", _json().replace(b"n-1", b"n\x001"), "not_json", "invalid character"),
    ("null", b"null", "wrong_type", "Expected `object`, got `null`"),
    ("a number", b"42", "wrong_type", "Expected `object`, got `int`"),
    ("a string", b'"position"', "wrong_type", "Expected `object`, got `str`"),
    ("an array of numbers", b"[42]", "wrong_type", "Expected `object`, got `int`"),
    ("an array in an array", b"[[" + _json() + b"]]", "wrong_type", "Expected `object`, got `array`"),
    ("latitude as text", _json(lat="31.23"), "wrong_type", "got `str` - at `$.lat`"),
    ("latitude null", _json(lat=None), "wrong_type", "got `null` - at `$.lat`"),
    ("latitude true", _json(lat=True), "wrong_type", "got `bool` - at `$.lat`"),
    ("time true", _json(ts=True), "wrong_type", "got `bool` - at `$.ts`"),
    ("time as a fraction", _json(ts=NOW_MS + 0.5), "wrong_type", "got `float` - at `$.ts`"),
    ("time as an integral float", _json(ts=1.7e12), "wrong_type", "got `float` - at `$.ts`"),
    ("time as text", _json(ts="2025-10-09T08:53:20Z"), "wrong_type", "got `str` - at `$.ts`; milliseconds"),
    ("an id that is a number", _json(vehicle_id=7), "wrong_type", "got `int` - at `$.vehicle_id`"),
    (
        "a state outside the list",
        _json(vehicle_state="flying"),
        "wrong_type",
        "; one of available, non_operational,",
    ),
    (
        "a type outside the list",
        _json(vehicle_type="boat"),
        "wrong_type",
        "scooter_seated, moped, other belongs here",
    ),
    ("no id", _json(vehicle_id=_ABSENT), "missing_field", "vehicle_id"),
    ("no time", _json(ts=_ABSENT), "missing_field", "ts"),
    ("no longitude", _json(lon=_ABSENT), "missing_field", "lon"),
    ("an empty object", b"{}", "missing_field", "vehicle_id"),
    ("a field of another name", _json(colour="red"), "unknown_field", "colour"),
    (
        "a field named like a fault",
        _json(**{"Number out of range": 1}),
        "unknown_field",
        "Number out of range",
    ),
    ("a float beyond doubles", _json().replace(b"31.23", b"1e999"), "number_out_of_range", "$.lat"),
    ("a longitude of 400 digits", _json(lon=10**400), "number_out_of_range", "$.lon"),
    ("time beyond 64 bits", _json(ts=2**63), "number_out_of_range", "19 digits"),
    ("time of 5,000 digits", _json().replace(b"1759", b"9" * 5_000), "number_out_of_range", "$.ts"),
    ("battery above 100", _json(battery_percent=101), "number_out_of_range", "battery_percent 101"),
    ("battery below 0", _json(battery_percent=-1), "number_out_of_range", "battery_percent -1"),
    ("battery beyond 64 bits", _json(battery_percent=2**70), "number_out_of_range", "64 bits"),
    ("latitude 90.1, longitude 120", _json(lat=90.1, lon=120), "coordinate_out_of_range", "lat 90.1"),
    ("longitude -180.1", _json(lon=-180.1), "coordinate_out_of_range", "lon -180.1"),
    ("latitude 181", _json(lat=181, lon=0), "coordinate_out_of_range", "lat 181"),
    ("swapped", _json(lat=121.47, lon=31.23), "coordinates_swapped", "lat 121.47, lon 31.23"),
    ("swapped, western", _json(lat=-122.4, lon=37.8), "coordinates_swapped", "lat -122.4"),
    ("0,0", _json(lat=0, lon=0), "null_island", "0,0"),
    ("almost 0,0", _json(lat=-0.0009, lon=0.0009), "null_island", "0,0"),
    ("seconds", _json(ts=NOW_MS // 1000), "time_in_seconds", "ts 1760000000 looks like seconds"),
    ("microseconds", _json(ts=NOW_MS * 1000), "time_out_of_range", "looks like microseconds; milliseconds"),
    ("nanoseconds", _json(ts=NOW_MS * 10**6), "time_out_of_range", "looks like nanoseconds; milliseconds"),
    ("after 2100", _json(ts=4_133_980_800_000), "time_out_of_range", "2100"),
    ("before 2001", _json(ts=999_999_999), "time_out_of_range", "ts 999999999"),
    ("before 1970", _json(ts=-NOW_MS), "time_out_of_range", "2001"),
    ("far in the future", _json(ts=NOW_MS + 60_001), "time_in_future", "is 1 ms beyond"),
    ("an id of 10,000 characters", _json(vehicle_id="n" * 10_000), "bad_id", "(10000 characters)"),
    ("an empty id", _json(vehicle_id=""), "bad_id", "''"),
    ("a control character in an id", _json(vehicle_id="n\n1"), "bad_id", r"'n\n1'"),
    ("a line feed behind an id", _json(vehicle_id="n-1\n"), "bad_id", r"'n-1\n'"),
    ("an id with a slash", _json(vehicle_id="n/1"), "bad_id", "'n/1'"),
    ("an operator that is no id", _json(operator="no rth"), "bad_id", "operator 'no rth'"),
    (
        "the id of another vehicle",
        _json(vehicle_id="n-2"),
        "topic_mismatch",
        "'n-2', but the topic names 'n-1'",
    ),
    ("another operator", _json(operator="south"), "topic_mismatch", "'south', but the topic names 'north'"),
]


@pytest.mark.parametrize(
    ("payload", "reason", "detail"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_bad_input_is_refused_with_its_reason(payload: bytes, reason: Reason, detail: str) -> None:
    refusal = _refused(payload)
    assert refusal.reason == reason
    assert detail in refusal.detail
    assert refusal.payload in payload.decode(errors="backslashreplace")
    assert refusal.payload or reason == "empty"


def test_every_reason_of_a_gateway_is_tried_above() -> None:
    of_requests = {"bad_event"}
    with_bounds = {"out_of_bounds"}  # test_out_of_bounds.py
    of_sensing = {"unknown_metric", "bad_unit", "value_out_of_range"}
    of_later_stages = {"too_late", "operator_conflict", "bad_frame", "invalid_record"} | of_sensing
    assert {case[2] for case in BAD} | {"bad_topic"} | of_requests | with_bounds | of_later_stages == set(
        REASONS
    )


_NOT_AN_ELEMENT = {"truncated after a wrong type", "two objects"}
_FINE_WHERE_NO_VEHICLE_IS_NAMED = {"the id of another vehicle"}
ELEMENTS = [
    case
    for case in BAD
    if case[1].startswith(b"{")
    and case[1].endswith(b"}")
    and case[0] not in _NOT_AN_ELEMENT | _FINE_WHERE_NO_VEHICLE_IS_NAMED
]


@pytest.mark.parametrize(
    ("payload", "reason"), [case[1:3] for case in ELEMENTS], ids=[case[0] for case in ELEMENTS]
)
def test_one_bad_reading_of_a_thousand_leaves_999(payload: bytes, reason: Reason) -> None:
    good = [_json(vehicle_id=f"n-{n}") for n in range(999)]
    decoded = _decode(b"[" + b", ".join([*good[:500], payload, *good[500:]]) + b"]", MANY)
    assert [reading.vehicle_id for reading in decoded.accepted] == [f"n-{n}" for n in range(999)]
    assert [refusal.reason for refusal in decoded.rejected] == [reason]
    assert decoded.rejected[0].payload == payload.decode(errors="backslashreplace")[:MAX_SHOWN]


@pytest.mark.parametrize(
    "topic",
    [
        "ub/v1/north/vehicles/n-1/positions",
        "ub/v1/north/vehicles/n-1",
        "ub/v1/north/vehicles/n-1/position/more",
        "ub/v1/north/bikes",
        "ub/v2/north/vehicles",
        "ub/v1/no rth/vehicles",
        "ub/v1//vehicles",
        "ub/v1/north",
        "ub/v1/north/sensors/s-1/reading",
        "ub/v1/no rth/sensors",
        "ub/v1/north/requests/r-1",
        "ub/v1/alerts/vehicles",
        "ub/v1/alerts/vehicles/n-1/position",  # who subscribes to ub/v1/alerts/+/+/+ gets it, too
        "ub/v1/orders/sensors",
        "",
    ],
)
def test_a_topic_outside_the_contract_is_refused(topic: str) -> None:
    refusal = _refused(_json(), topic)
    assert refusal.reason == "bad_topic"
    for address in ADDRESSES:
        assert address in refusal.detail


def test_who_has_a_name_of_ours_is_told_so() -> None:
    detail = _refused(_json(), "ub/v1/alerts/vehicles").detail
    assert detail.endswith("; alerts is a name of ours, so choose another")


@pytest.mark.parametrize("lat", [-90, 90, 0])
@pytest.mark.parametrize("lon", [-180, 180, 0.001])
def test_the_edges_of_the_world_are_in_it(lat: float, lon: float) -> None:
    assert len(_decode(_json(lat=lat, lon=lon)).accepted) == 1


@pytest.mark.parametrize("ts", [1_000_000_000_000, NOW_MS, NOW_MS + 60_000])
def test_the_edges_of_time_are_in_it(ts: int) -> None:
    assert _decode(_json(ts=ts)).accepted[0].ts == ts


def test_no_time_after_2100_is_believed_whatever_the_clock_says() -> None:
    decoded = decode(ONE, _json(ts=4_133_980_800_000), now_ms=5_000_000_000_000, limits=LIMITS)
    assert [refusal.reason for refusal in decoded.rejected] == ["time_out_of_range"]


def test_a_repeated_key_counts_with_its_last_value() -> None:
    payload = _json()[:-1] + b', "lat": 40.5}'
    assert _decode(payload).accepted[0].lat == 40.5


@pytest.mark.parametrize(
    "payload",
    [
        b"[" * 150_000,
        b"[" * 75_000 + b"]" * 75_000,
        b'{"a":' * 40_000,
        b'[{"vehicle_id":' + b"[" * 70_000 + b"]" * 70_000 + b"}]",
    ],
    ids=["open arrays", "closed arrays", "open objects", "inside a field"],
)
def test_deep_nesting_is_refused_and_harms_nobody(payload: bytes) -> None:
    assert _refused(payload).reason in {"wrong_type", "not_json"}


def test_what_is_shown_of_a_payload_is_cut_and_printable() -> None:
    refusal = _refused(b"\xff" + "路".encode() * 10_000)
    assert len(refusal.payload) == MAX_SHOWN
    assert refusal.payload.startswith("\\xff路路")


def test_details_stay_short_whatever_is_sent() -> None:
    assert len(_refused(_json(**{"x" * 100_000: 1})).detail) <= 240
    assert len(_refused(_json(vehicle_state="y" * 100_000)).detail) <= 240
    assert re.search(r"\(100000 characters\)", _refused(_json(vehicle_id="z" * 100_000)).detail)


@pytest.mark.parametrize(
    ("bad", "reasons"),
    [
        ([_json(lat=float("nan")), _json().replace(b"n-1", b"n\xb5")], ["not_json", "not_utf8"]),
        (
            [_json(lat=float("nan")), _json().replace(b"31.23", b"9" * 5000)],
            ["not_json", "number_out_of_range"],
        ),
    ],
)
def test_readings_with_different_faults_cost_their_neighbours_nothing(
    bad: list[bytes], reasons: list[Reason]
) -> None:
    decoded = _decode(b"[" + b",".join([_json(), bad[0], _json(), bad[1]]) + b"]", MANY)
    assert len(decoded.accepted) == 2
    assert [refusal.reason for refusal in decoded.rejected] == reasons
    assert [len(refusal.payload) > 10 for refusal in decoded.rejected] == [True, True]


def test_of_many_faults_in_a_message_the_rest_is_counted_by_reason() -> None:
    parts = [b"0"] * MOST_REFUSALS + [_json(lat=None), _json(), b"0", _json(ts=1), b"0"]
    decoded = _decode(b"[" + b",".join(parts) + b"]", MANY)
    assert len(decoded.accepted) == 1
    told, rest = decoded.rejected[:MOST_REFUSALS], decoded.rejected[MOST_REFUSALS:]
    assert {refusal.count for refusal in told} == {1}
    assert sum(refusal.count for refusal in rest) == 4
    assert len({refusal.reason for refusal in rest}) == len(rest) < 4
