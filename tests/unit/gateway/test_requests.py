"""Events of citizens' requests at the gateway: what it takes, what it refuses, and the frame that carries them."""

import json

import pytest

from schemas import codec
from schemas.rejected import Reason
from schemas.requests import MAX_NAME, MAX_TEXT, CitizenRequest, RequestFrame
from streams.gateway.decode import Decoded, Limits, Refusal, decode
from streams.gateway.framing import Frame, Framer
from streams.gateway.kind import Target
from streams.gateway.receipt import Receipt
from streams.gateway.requests import REQUESTS

NOW_MS = 1_760_000_000_000
LIMITS = Limits(max_payload_bytes=200_000, max_clock_ahead_ms=60_000)
TOPIC = "ub/v1/city/requests"

_ABSENT = object()


def _object(**changes: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "service_request_id": "r-1", "event": "opened", "ts": NOW_MS - 1_000,
        "service_code": "heating", "lat": 31.23, "lon": 121.47,
    }  # fmt: skip
    fields |= changes
    return {name: value for name, value in fields.items() if value is not _ABSENT}


def _json(**changes: object) -> bytes:
    return json.dumps(_object(**changes)).encode()


def _bare(**changes: object) -> bytes:
    """Neither place nor category."""
    return _json(**{"service_code": _ABSENT, "lat": _ABSENT, "lon": _ABSENT} | changes)


def _decode(payload: bytes) -> Decoded:
    return decode(TOPIC, payload, now_ms=NOW_MS, limits=LIMITS)


def _refused(payload: bytes) -> Refusal:
    decoded = _decode(payload)
    assert decoded.accepted == []
    (refusal,) = decoded.rejected
    return refusal


def test_an_event_takes_its_owner_from_the_topic() -> None:
    decoded = _decode(_json(description="冷", expected_datetime=NOW_MS + 86_400_000))
    event = CitizenRequest(
        "r-1", "opened", NOW_MS - 1_000, "heating", 31.23, 121.47, "冷", expected_datetime=NOW_MS + 86_400_000
    )
    assert decoded == Decoded(Target(REQUESTS, "city", None), [event], [])


GOOD = [
    ("closed, as known", _bare(event="closed", status_notes="repaired")),
    ("updated, moved", _bare(event="updated", lat=31.3, lon=121.5)),
    ("rated, resolved only", _bare(event="rated", resolved=False)),
    ("rated, 1", _bare(event="rated", satisfaction=1)),
    ("rated, both", _bare(event="rated", satisfaction=5, resolved=True)),
    ("all null", _bare(event="closed", service_code=None, lat=None, lon=None, description=None)),
    ("due in 2100", _json(expected_datetime=4_133_980_799_999)),
    ("texts as long as they may be", _json(description="字" * MAX_TEXT, address="x" * MAX_TEXT)),
    ("a name as long as it may be", _json(district="区" * MAX_NAME)),
    ("lines in a text", _json(description="cold\nand\tdark\r\n")),
    ("no text", _json(description="")),
    ("spaces and slashes in a category", _json(service_code="HEAT/HOT WATER")),
]


@pytest.mark.parametrize("payload", [case[1] for case in GOOD], ids=[case[0] for case in GOOD])
def test_what_an_event_may_be(payload: bytes) -> None:
    assert len(_decode(payload).accepted) == 1
    assert len(_decode(b"[" + payload + b"]").accepted) == 1


BAD: list[tuple[str, bytes, Reason, str]] = [
    ("an empty array", b"[]", "empty", "array without a reading"),
    ("an event of another name", _json(event="forgotten"), "wrong_type", "; one of opened, updated, closed, rated"),
    ("no event", _json(event=_ABSENT), "missing_field", "event"),
    ("a field of another name", _json(status="open"), "unknown_field", "status"),
    ("a latitude alone", _bare(event="updated", lat=31.2), "missing_field", "belong together"),
    ("a longitude alone", _bare(event="closed", lon=121.2, lat=None), "missing_field", "belong together"),
    ("opened nowhere", _json(lat=_ABSENT, lon=_ABSENT), "bad_event", "needs a place"),
    ("opened without a category", _json(service_code=None), "bad_event", "needs a place and a category"),
    ("rated without a rating", _bare(event="rated"), "bad_event", "rated without resolved or satisfaction"),
    ("closed with a rating", _bare(event="closed", satisfaction=3), "bad_event", "closed with resolved"),
    ("opened with an answer", _json(resolved=False), "bad_event", "opened with resolved"),
    ("satisfaction 0", _bare(event="rated", satisfaction=0), "number_out_of_range", "satisfaction 0"),
    ("satisfaction 6", _bare(event="rated", satisfaction=6), "number_out_of_range", "1..5"),
    ("satisfaction 4.5", _bare(event="rated", satisfaction=4.5), "wrong_type", "$.satisfaction"),
    ("resolved as a word", _bare(event="rated", resolved="yes"), "wrong_type", "$.resolved"),
    ("a description too long", _json(description="x" * 4_001), "too_large", "description has 4001 characters"),
    ("an address too long", _json(address="x" * 4_001), "too_large", "address has 4001"),
    ("notes too long", _bare(event="closed", status_notes="x" * 4_001), "too_large", "status_notes"),
    ("a zero in a text", _json(description="ab\0"), "wrong_type", "description holds the character U+0000 at 2"),
    ("a category too long", _json(service_code="x" * 129), "bad_id", "service_code"),
    ("an empty category", _json(service_code=""), "bad_id", "service_code ''"),
    ("a line feed in a district", _json(district="north\n"), "bad_id", r"'north\n'"),
    ("the escape of a terminal in a category", _json(service_code="a\x9b31m"), "bad_id", r"'a\x9b31m'"),
    ("a zero in an agency", _json(agency_responsible="a\0"), "bad_id", "agency_responsible"),
    ("an id with a space", _json(service_request_id="r 1"), "bad_id", "service_request_id 'r 1'"),
    ("another owner", _json(owner="village"), "topic_mismatch", "owner 'village'"),
    ("seconds", _json(ts=NOW_MS // 1000), "time_in_seconds", "ts 1760000000"),
    ("far in the future", _json(ts=NOW_MS + 60_001), "time_in_future", "ts"),
    ("due in seconds", _json(expected_datetime=NOW_MS // 1000), "time_in_seconds", "expected_datetime 176"),
    ("due after 2100", _json(expected_datetime=4_133_980_800_000), "time_out_of_range", "expected_datetime"),
    ("due beyond 64 bits", _json(expected_datetime=2**63), "number_out_of_range", "expected_datetime has 19"),
    ("0,0", _json(lat=0, lon=0), "null_island", "0,0"),
    ("swapped", _json(lat=121.47, lon=31.23), "coordinates_swapped", "lat 121.47"),
    ("out of range", _json(lat=91, lon=121), "coordinate_out_of_range", "lat 91"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "reason", "detail"), [case[1:] for case in BAD], ids=[case[0] for case in BAD]
)
def test_bad_input_is_refused_with_its_reason(payload: bytes, reason: Reason, detail: str) -> None:
    refusal = _refused(payload)
    assert refusal.reason == reason
    assert detail in refusal.detail


def _frames(framer: Framer, events: dict[str, list[CitizenRequest]]) -> list[Frame]:
    for owner, of_owner in events.items():
        receipt = Receipt(mid=1, qos=1, connection=0, size=1, parts=len(of_owner))
        framer.add(REQUESTS, owner, of_owner, receipt, 9)
    return framer.flush_all()


def test_every_event_of_a_frame_has_its_owner() -> None:
    framer = Framer([REQUESTS], 1, lambda _id: 0, max_readings=9, max_bytes=100_000, linger_ms=30)
    named, unnamed = CitizenRequest("r-1", "closed", 5, owner="city"), CitizenRequest("r-2", "closed", 6)
    (frame,) = _frames(framer, {"city": [named, unnamed], "metro": [unnamed]})
    assert codec.request_frame.decode(frame.value) == RequestFrame(
        [
            named,
            CitizenRequest("r-2", "closed", 6, owner="city"),
            CitizenRequest("r-2", "closed", 6, owner="metro"),
        ],
        received_at=9,
    )


def test_texts_are_cut_into_frames_that_fit_and_one_that_does_not_goes_alone() -> None:
    framer = Framer([REQUESTS], 1, lambda _id: 0, max_readings=99, max_bytes=10_000, linger_ms=30)
    sizes = [10, 10, 4_000, 10, 3_900]
    texts = ["\1" * size for size in sizes]  # six bytes a character in JSON, the most there is
    events = [CitizenRequest(f"r-{n}", "closed", 5, description=text) for n, text in enumerate(texts)]
    frames = _frames(framer, {"city": events})
    decoded = [codec.request_frame.decode(frame.value).events for frame in frames]
    assert [event.description for part in decoded for event in part] == texts
    assert all(len(frame.value) <= 10_000 or frame.readings == 1 for frame in frames)


def test_the_largest_event_that_is_accepted_fits_a_kafka_record() -> None:
    longest = _object(
        service_request_id="r" * 64, owner="city", expected_datetime=4_133_980_799_999,
        **dict.fromkeys(["description", "address", "status_notes"], "\1" * MAX_TEXT),
        **dict.fromkeys(["service_code", "agency_responsible", "district"], "😀" * MAX_NAME),
    )  # fmt: skip
    decoded = _decode(json.dumps(longest).encode())
    assert len(decoded.accepted) == 1
    framer = Framer([REQUESTS], 1, lambda _id: 0, max_readings=9, max_bytes=1_000, linger_ms=30)
    (frame,) = _frames(framer, {"city": decoded.accepted})
    assert len(frame.value) < 100_000
