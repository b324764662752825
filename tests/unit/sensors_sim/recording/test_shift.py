"""Time stamps move, and no other byte does."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from sensors_sim.recording.shift import STAMPS, shifted, times

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(STAMPS), inner),
    max_leaves=12,
)


def test_time_stamps_of_every_sort_move_by_the_same() -> None:
    payload = b'[{"vehicle_id": "b-1", "ts" : 1772406000668 ,"lat":31.20,"expected_datetime":null}, {"ts":5}]'
    moved = (
        b'[{"vehicle_id": "b-1", "ts" : 1772406001668 ,"lat":31.20,"expected_datetime":null}, {"ts":1005}]'
    )
    assert shifted(payload, 1_000) == moved
    assert shifted(b'{"expected_datetime":7,"ts":5}', -5) == b'{"expected_datetime":2,"ts":0}'


def test_columns_of_frames_and_events_in_frames_move() -> None:
    assert (
        shifted(b'{"ts":[1, 2],"received_at":9,"lat":[1,2]}', 10)
        == b'{"ts":[11, 12],"received_at":19,"lat":[1,2]}'
    )
    assert (
        shifted(b'{"events":[{"ts":1,"event":"opened"}]}', 10) == b'{"events":[{"ts":11,"event":"opened"}]}'
    )


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\x00",
        b'{"ts":1.7e12}',
        b'{"ts":"5"}',
        b'{"ts":',
        b'{"ts":123',
        b'{"tss":5,"xts":5}',
        b'{"description":"he said \\"ts\\":5, twice"}',
        b'{"description":",\\"ts\\":5,"}',
        b'{"ts":[1,"x"]}',
        b'{"a name that ends in \\"ts":5}',
    ],
)
def test_what_is_no_time_stamp_stays_byte_for_byte(payload: bytes) -> None:
    assert shifted(payload, 1_000) == payload


@given(JSON, st.integers(-(10**12), 10**12))
def test_in_any_json_the_fields_move_and_everything_else_stays(content: object, by_ms: int) -> None:
    def moved(value: object, named: bool = False) -> object:
        match value:
            case dict():
                return {name: moved(inner, name in STAMPS) for name, inner in value.items()}
            case list():
                numbers = named and all(type(one) is int for one in value)
                return [one + by_ms if numbers else moved(one) for one in value]
            case int() if named and not isinstance(value, bool):
                return value + by_ms
        return value

    assert msgspec.json.decode(shifted(msgspec.json.encode(content), by_ms)) == moved(content)


@given(JSON)
def test_there_and_back_again_gives_the_same_bytes(content: object) -> None:
    payload = msgspec.json.encode(content)
    assert shifted(shifted(payload, 86_400_000), -86_400_000) == payload


def test_event_times_are_found_in_arrays_and_columns() -> None:
    assert times(b'[{"ts":1,"expected_datetime":9},{"ts":2}]') == [1, 2]
    assert times(b'{"ts":[3,4],"received_at":9}') == [3, 4]
    assert times(b"no json") == []


def test_a_shifted_position_is_a_position() -> None:
    position = codec.position.decode(shifted(b'{"vehicle_id":"a","ts":1772406000668,"lat":1,"lon":2}', 332))
    assert position.ts == 1_772_406_001_000


def test_a_number_of_thousands_of_digits_is_no_time() -> None:
    payload = b'[{"ts":' + b"9" * 5_000 + b'},{"ts":5},{"ts":[1,' + b"9" * 5_000 + b"]}]"
    assert times(payload) == [5, 1]
    assert shifted(payload, 10) == payload.replace(b'"ts":5', b'"ts":15').replace(b"[1,", b"[11,")
