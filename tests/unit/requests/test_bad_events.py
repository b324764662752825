"""What cannot be used is refused with its reason, costs its neighbours nothing, and the books balance."""

from typing import Any

import msgspec
import pytest

from schemas.requests import MAX_NAME, MAX_TEXT
from streams.fold.contract import Ledger
from streams.requests.request import MOST_ITEMS
from tests.unit.requests.desk import T0, Desk, event, frame, opened

SOUND = opened(1, "r-9")


@pytest.mark.parametrize(
    ("bad", "reason", "says"),
    [
        (opened(1, "no spaces"), "bad_id", "service_request_id 'no spaces'"),
        (opened(1, owner="a/b"), "bad_id", "owner 'a/b'"),
        (opened(1, code="x" * (MAX_NAME + 1)), "bad_id", "service_code"),
        (opened(1, code="tab\there"), "bad_id", "service_code 'tab\\there'"),
        (opened(1, code="a\x9b31m"), "bad_id", "service_code 'a\\x9b31m'"),
        (opened(1, agency_responsible=""), "bad_id", "agency_responsible ''"),
        (opened(1, district="\0"), "bad_id", "district"),
        (opened(1, description="x" * (MAX_TEXT + 1)), "too_large", f"{MAX_TEXT} are allowed"),
        (opened(1, address="a\0b"), "wrong_type", "U+0000 at 1"),
        (opened(1, ts=T0 // 1000), "time_out_of_range", f"ts {T0 // 1000}"),
        (opened(1, ts=10**30), "time_out_of_range", "ts 1000"),
        (opened(1, expected_datetime=5), "time_out_of_range", "expected_datetime 5"),
        (opened(1, lat=91.0), "coordinate_out_of_range", "lat 91.0"),
        (event("updated", 1, lat=1.0), "missing_field", "belong together"),
        (event("opened", 1, at=0), "bad_event", "opened without lat, lon and service_code"),
        (event("opened", 1, code="light"), "bad_event", "opened without lat, lon and service_code"),
        (event("rated", 1, at=0, code="x"), "bad_event", "rated without"),
        (event("closed", 1, at=0, code="x", resolved=True), "bad_event", "closed with"),
        (event("rated", 1, at=0, code="x", satisfaction=0), "number_out_of_range", "satisfaction 0"),
        (event("rated", 1, at=0, code="x", satisfaction=6), "number_out_of_range", "satisfaction 6"),
        ({**opened(1), "event": "reopened"}, "wrong_type", "Invalid enum value 'reopened'"),
        ({**opened(1), "colour": "red"}, "unknown_field", "colour"),
        ({"event": "closed", "ts": T0}, "missing_field", "service_request_id"),
        ({**opened(1), "ts": "noon"}, "wrong_type", "ts"),
        (opened(1, owner=""), "bad_id", "owner ''"),
    ],
)
def test_a_bad_event_is_refused_and_its_neighbour_counts(bad: dict[str, Any], reason: str, says: str) -> None:
    desk = Desk()
    desk.feed(bad, SOUND)
    desk.checkpoint()
    (refusal,) = desk.refused.values()
    assert refusal.reason == reason
    assert says in refusal.detail
    assert f'"event":"{bad["event"]}"' in refusal.payload
    assert desk.count(1) == {"opened": 1, "open_change": 1}
    assert desk.fold.ledger == Ledger(received=2, applied=1, rejected=1)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({**SOUND, "colour": "red"}, "unknown_field"),
        ({**SOUND, "ts": "noon"}, "wrong_type"),
        ({"service_request_id": "r-9", "event": "closed"}, "missing_field"),
        ({**SOUND, "lat": 91.0}, "coordinate_out_of_range"),
    ],
)
def test_a_bad_event_has_the_same_reason_alone_in_an_array_and_in_a_frame(
    bad: dict[str, Any], reason: str
) -> None:
    desk = Desk()
    for value in (msgspec.json.encode(bad), msgspec.json.encode([bad]), frame([bad])):
        desk.feed_bytes(value)
    desk.checkpoint()
    assert desk.reasons() == [reason] * 3
    assert desk.fold.ledger == Ledger(received=3, rejected=3)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (b"", 1),
        (b"\xff", 1),
        (b"5", 1),
        (b'{"events": 5, "received_at": 1767225600000}', 1),
        (b'{"events": []}', 1),
        (b'{"hello": "world"}', 1),
        (frame([SOUND, SOUND], received_at=7), 2),
    ],
)
def test_a_record_that_is_neither_a_frame_nor_events_is_a_bad_frame(value: bytes, count: int) -> None:
    desk = Desk()
    desk.feed_bytes(value)
    desk.checkpoint()
    assert desk.reasons() == ["bad_frame"]
    assert desk.fold.ledger == Ledger(received=count, rejected=count)


def test_an_outside_producer_may_put_one_event_or_an_array_of_them_without_owner() -> None:
    desk = Desk()
    one = {key: value for key, value in SOUND.items() if key != "owner"}
    desk.feed_bytes(msgspec.json.encode(one))
    desk.feed_bytes(msgspec.json.encode([{**one, "service_request_id": "r-8"}, {"bad": 1}]))
    desk.checkpoint()
    assert desk.count(1) == {"opened": 2, "open_change": 2}
    assert desk.rows["r-9"]["owner"] == "unknown"
    assert desk.reasons() == ["unknown_field"]


def test_a_request_belongs_to_the_owner_that_the_log_names_first() -> None:
    desk = Desk()
    desk.feed(opened(1), event("closed", 2, owner="another"))
    desk.checkpoint()
    (refusal,) = desk.refused.values()
    assert (refusal.reason, refusal.detail) == ("operator_conflict", "request belongs to owner city")
    assert desk.rows["r-1"]["status"] == "open"


def test_an_event_that_overtook_its_opening_is_held_until_the_opening_comes() -> None:
    desk = Desk()
    desk.feed(event("closed", 4), event("rated", 5, satisfaction=5))
    desk.checkpoint()
    assert desk.counts == {}
    assert desk.rows == {}
    desk.crash()
    desk.feed(opened(2))
    desk.checkpoint()
    assert desk.count(4)["closed"] == desk.count(5)["rated"] == 1
    assert desk.rows["r-1"]["status"] == "closed"
    desk.feed(event("updated", 40, "r-2", at=1, code="x"))
    desk.checkpoint()
    assert desk.reasons() == []


def test_an_event_whose_opening_never_comes_is_refused_once_the_horizon_has_passed_it() -> None:
    desk = Desk()
    desk.feed(event("closed", 4, status_notes="done"))
    desk.feed(event("updated", 14, "r-2", at=1, code="x"))
    desk.checkpoint()
    assert desk.fold.ledger == Ledger(received=2, applied=2)
    desk.feed(event("updated", 15, "r-2"))
    desk.checkpoint()
    (refusal,) = desk.refused.values()
    assert refusal.reason == "bad_event"
    assert msgspec.json.decode(refusal.payload)["status_notes"] == "done"
    assert desk.fold.ledger == Ledger(received=3, applied=2, rejected=1)
    desk.feed(opened(15, owner="another"))  # no one has the number
    desk.checkpoint()
    assert desk.rows["r-1"]["owner"] == "another"


def test_a_closing_dated_before_its_opening_is_refused_and_the_request_stays_open() -> None:
    desk = Desk()
    desk.feed(event("closed", 4), opened(5), event("updated", 16, "r-2", at=1, code="x"))
    desk.checkpoint()
    assert desk.reasons() == ["bad_event"]
    assert desk.count(5) == {"opened": 1, "open_change": 1}


def test_one_request_cannot_have_more_events_within_the_horizon_than_a_late_one_can_be_sorted_into() -> None:
    desk = Desk()
    desk.feed(*(event("updated", 1, at=0, code="x", description=str(i)) for i in range(MOST_ITEMS + 2)))
    desk.feed(event("updated", 1, at=0, code="x", description="0"))
    desk.checkpoint()
    assert desk.fold.ledger == Ledger(received=MOST_ITEMS + 3, applied=MOST_ITEMS, superseded=1, rejected=2)
    assert set(desk.reasons()) == {"bad_event"}


def test_a_publisher_whose_clock_runs_ahead_does_not_make_the_others_late() -> None:
    desk = Desk()
    received_at = T0 + 2 * 60_000
    desk.feed_bytes(frame([opened(1000)], received_at))
    desk.feed_bytes(frame([opened(1, "r-2")], received_at))
    desk.checkpoint()
    assert desk.reasons() == []
