"""Refusals of a stage: their number comes from the log, so that a repeat is known."""

from schemas import codec
from streams.fold.contract import Record
from streams.fold.refusals import refusal, rejected
from tests.pipeline import T0


def record(value: bytes = b"{}", offset: int = 7) -> Record:
    return Record("ub.vehicles", 3, offset, value, T0)


def test_a_refusal_names_who_refused_what_and_why() -> None:
    item = rejected("fleet", 2, record(b'{"a":1}'), "bad_frame", "no frame", count=4)
    assert item.source == "fleet/ub.vehicles/3@2"
    assert (item.reason, item.detail, item.topic, item.payload) == (
        "bad_frame",
        "no frame",
        "ub.vehicles",
        '{"a":1}',
    )
    assert (item.received_at, item.count) == (T0, 4)


def test_numbers_grow_with_the_record_and_the_reading_in_it() -> None:
    numbers = [
        rejected("fleet", 0, record(offset=offset), "bad_id", "", index=index).sequence
        for offset, index in ((0, 0), (0, 1), (0, 9_999), (1, 0), (10**12, 5))
    ]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] < 2**63


def test_the_same_reading_refused_again_has_the_same_id_and_text() -> None:
    one, again = (refusal("fleet", 0, record(), "bad_id", "d", text="{}", index=3) for _ in range(2))
    assert one == again
    assert one.id_ == f"fleet/ub.vehicles/3@0:{codec.rejected.decode(one.value).sequence}"
    assert (one.topic, one.key, one.time_ms) == ("ub.rejected", "fleet/ub.vehicles/3@0", T0)


def test_bytes_that_are_not_utf_8_are_shown_and_long_payloads_are_cut() -> None:
    assert rejected("s", 0, record(b"a\xffb"), "bad_frame", "").payload == "a\\xffb"
    assert len(rejected("s", 0, record(b"x" * 10**6), "bad_frame", "").payload) == 4096
    assert len(rejected("s", 0, record(b"\xff" * 10**6), "bad_frame", "").payload) == 4096
    assert len(rejected("s", 0, record(), "bad_id", "", text="y" * 9_999).payload) == 4096


def test_a_reading_s_own_text_goes_before_the_record_s() -> None:
    assert rejected("s", 0, record(b"[...]"), "bad_id", "", text='{"one":1}').payload == '{"one":1}'
