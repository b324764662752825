"""Records as columns: every form that the topic allows, and everything else as a bad frame."""

import json

import pytest

from schemas import codec
from schemas.rejected import Rejected
from streams import topics
from streams.audit.records import LogRecord, Refusals
from tests.unit.audit.audit_logs import T0, frame, reading, records, taken_in


def test_a_frame_an_array_and_a_single_reading_are_read_alike() -> None:
    one = reading("a", 1)
    array = json.dumps([one]).encode()
    forms = [frame([one]), array, b" \n" + array, json.dumps(one).encode()]
    taken = taken_in(records(forms))
    readings, bad = taken.readings, taken.bad_frames
    assert len(bad) == 0
    assert readings["offset"].to_list() == [0, 1, 2, 3]
    shared = readings.drop("offset", "received_at").unique()
    assert shared.to_dicts() == [
        {
            **one,
            "partition": 0,
            "index": 0,
            "vehicle_type": "bicycle",
            "battery_percent": None,
        }
    ]


def test_readings_without_a_time_of_receipt_were_received_at_the_records_time() -> None:
    log = [LogRecord(topics.VEHICLES, 0, 0, T0 + 77, json.dumps([reading("a", 1)]).encode())]
    assert taken_in(log).readings["received_at"].to_list() == [T0 + 77]


def test_a_column_of_one_value_holds_for_all_readings() -> None:
    value = json.dumps(
        {
            "vehicle_id": ["a", "b"],
            "ts": [T0, T0 + 1],
            "lat": [31.0, 31.0],
            "lon": [121.0, 121.0],
            "operator": "alpha",
            "vehicle_state": "reserved",
            "battery_percent": 50,
            "received_at": T0,
        }
    ).encode()
    readings = taken_in(records([value])).readings
    assert (
        readings.select("operator", "vehicle_state", "battery_percent").rows()
        == [("alpha", "reserved", 50)] * 2
    )
    assert readings["index"].to_list() == [0, 1]


def spoilt(**columns: object) -> bytes:
    return json.dumps({**json.loads(frame([reading("a", 1), reading("b", 2)])), **columns}).encode()


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (b"", 1),
        (b"{", 1),
        (b"\xff\xfe", 1),
        (b'{"vehicle_id": "a"}', 1),
        (b"[" * 100_000, 1),
        (spoilt(lat=[31.0]), 2),
        (spoilt(received_at=5), 2),
        (spoilt(received_at="now"), 1),
        (spoilt(ts=[T0, 2**63]), 1),
        (spoilt(lat=["north", "south"]), 1),
    ],
)
def test_what_holds_no_readings_is_a_bad_frame_of_as_many_as_it_claims(value: bytes, count: int) -> None:
    taken = taken_in(records([value]))
    readings, bad = taken.readings, taken.bad_frames
    assert len(readings) == 0
    assert bad["count"].to_list() == [count]


def test_an_impossible_battery_is_an_unknown_one() -> None:
    taken = taken_in(records([spoilt(battery_percent=[10**30, None])]))
    readings, bad = taken.readings, taken.bad_frames
    assert readings["battery_percent"].to_list() == [None, None]
    assert len(bad) == 0


def test_a_record_of_ub_rejected_that_is_no_refusal_counts_as_one() -> None:
    refusals = Refusals()
    good = codec.encode(Rejected("gateway-0", 4, "not_json", "d", "t", "p", T0, 3))
    refusals.add(LogRecord(topics.REJECTED, 1, 0, 0, good))
    refusals.add(LogRecord(topics.REJECTED, 1, 1, 0, b"nonsense"))
    assert refusals.frame().drop("partition", "offset").rows() == [
        ("gateway-0", 4, "t", "not_json", 3),
        ("rejects/ub.rejected/1@0", 1 << 20, "ub.rejected", "bad_frame", 1),
    ]
