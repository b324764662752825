"""what_is_packed_is_what_the_decoder_accepts: the same readings on the same partitions, and the same frames."""

import json
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import msgspec
import pytest
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.limits import END_MS
from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES, VehicleFrame, VehiclePosition
from streams.bounds import WHOLE_EARTH
from streams.gateway import packed as packed_module
from streams.gateway.address import KINDS
from streams.gateway.decode import PACKED_FROM, Limits, decode
from streams.gateway.framing import Framer
from streams.gateway.kind import Allowed, Readings, Target
from streams.gateway.packed import PackedPositions, PackingOfPositions, prepare
from streams.gateway.receipt import Receipt
from streams.gateway.rules import broken_rule
from streams.gateway.vehicles import VEHICLES
from streams.partition import Partitions

NOW_MS = 1_760_000_000_000
MANY = "ub/v1/north/vehicles"
TARGET = Target(VEHICLES, "north", None)
ALLOWED = Allowed(NOW_MS, WHOLE_EARTH)
PACKING = PackingOfPositions()

ids = st.one_of(
    st.from_regex(r"[A-Za-z0-9_.:\-]{1,64}", fullmatch=True),
    st.sampled_from(["x" * n for n in (3, 4, 5, 7, 8, 9, 63, 64, 65)]),
    st.sampled_from(["", "é", 'a"b', "a\\b", "a b", "a\tb"]),
)
numbers = st.one_of(
    st.floats(-90, 90),
    st.floats(-90, 90).map(lambda number: round(number, 6)),
    st.integers(-90, 90),
    st.sampled_from([0, 0.0, -0.0, 0.0005, 0.001, -0.001, 90.0, 90.5, 1e-7, 5e-324, 180.0, 2**53 + 1, 1e300]),
)
times = st.sampled_from([NOW_MS, NOW_MS + 1, 10**12, 10**12 - 1, END_MS, 2**63, -1, 1.5]) | st.integers(
    NOW_MS - 10**6, NOW_MS
)


@st.composite
def readings(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly ordinary; fields in any order, and one or the other that may be anything."""
    found = {
        "vehicle_id": draw(st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True)),
        "ts": draw(st.integers(NOW_MS - 10**6, NOW_MS)),
        "lat": draw(st.floats(31, 32)),
        "lon": round(draw(st.floats(121, 122)), 7),
    }
    odd = {
        "vehicle_id": ids,
        "ts": times,
        "lat": numbers,
        "lon": numbers,
        "operator": st.sampled_from([None, "north"]) | st.sampled_from([None, "nort", "south", ""]),
        "vehicle_state": st.sampled_from(VEHICLE_STATES) | st.sampled_from(["available", "flying", None]),
        "vehicle_type": st.sampled_from([*VEHICLE_TYPES, "boat"]),
        "battery_percent": st.none() | st.integers(0, 100) | st.integers(-1, 101),
        "colour": st.just("red"),
    }
    harmless = ["battery_percent", "operator", "vehicle_state", "vehicle_type"]
    for name in draw(st.sets(st.sampled_from(harmless)) | st.sets(st.sampled_from(sorted(odd)), max_size=2)):
        found[name] = draw(odd[name])
    return {name: found[name] for name in draw(st.permutations(sorted(found)))}


def accepted(payload: bytes) -> list[VehiclePosition] | None:
    """What the general decoder makes of it by the rules alone; None where it refuses any reading."""
    try:
        found = codec.positions.decode(payload)
    except msgspec.MsgspecError:
        return None
    broken = any(broken_rule(reading, TARGET, ALLOWED) for reading in found)
    return None if broken or not found else found


def read_from_kafka(frame: msgspec.Struct) -> VehicleFrame:
    """A frame as whoever reads it from Kafka has it."""
    return codec.vehicle_frame.decode(codec.encode(frame))


@settings(max_examples=400)
@given(st.lists(readings(), min_size=1, max_size=6), st.booleans(), st.integers(1, 64))
@example(
    [{"vehicle_id": "x" * 64, "ts": 10**12, "lat": 0.001, "lon": -180.0, "battery_percent": 100}], True, 3
)
def test_what_is_packed_is_what_the_decoder_accepts(
    array: list[dict[str, Any]], compact: bool, partitions: int
) -> None:
    payload = json.dumps(array, separators=(",", ":") if compact else None).encode()
    packed = PACKING.pack(payload, "north", ALLOWED)
    event("packed" if packed else "left alone")
    if packed is None:
        return
    found = accepted(payload)
    assert found is not None
    found = [msgspec.structs.replace(reading, operator=None) for reading in found]
    assert list(packed) == found
    assert read_from_kafka(PACKING.frame([packed], "north", 7)) == read_from_kafka(
        VEHICLES.frame(found, "north", 7)
    )
    placed = Partitions(partitions)
    assert [list(part) for part in packed.split(partitions)] == [
        [reading for reading in found if placed[reading.vehicle_id] == number] for number in range(partitions)
    ]


@given(
    st.binary(max_size=200)
    | st.text('[]{}:,"nul0123456789.- vehicle_idtslaton', max_size=200).map(str.encode)
)
@example(b"[")
@example(b"[{")
@example(b"[" * 5_000)
@example(b'[{"vehicle_id":"a')
@example(b'[{"vehicle_id":"a","ts":1760000000000,"lat":1,"lon":1}')
@example(b'[{"vehicle_id":"a","ts":1760000000000,"lat":1,"lon":1}]]')
@example(b'[{"vehicle_id":"a","ts":1760000000000,"lat":1,"lon":1},]')
def test_bytes_that_are_no_array_of_readings_are_left_alone(payload: bytes) -> None:
    assert PACKING.pack(payload, "north", ALLOWED) is None or accepted(payload)


ORDINARY = [
    {"vehicle_id": "bike-000001", "ts": NOW_MS, "lat": 31.23, "lon": 121.47, "battery_percent": None},
    {"vehicle_id": "b", "ts": NOW_MS, "lat": -31, "lon": 0.0, "operator": "north", "battery_percent": 7},
    {"vehicle_id": "c", "ts": NOW_MS, "lat": 1.5, "lon": 2, "operator": None, "vehicle_state": "on_trip"},
]


def test_an_ordinary_array_is_packed() -> None:
    for layout in ({"separators": (",", ":")}, {"separators": (", ", ": ")}, {"indent": 1}, {"indent": "\t"}):
        packed = PACKING.pack(json.dumps(ORDINARY, **layout).replace("}", "}\r\n").encode(), "north", ALLOWED)
        assert packed is not None
        assert [reading.battery_percent for reading in packed] == [None, 7, None]


def test_numbers_stand_in_the_frame_as_they_were_written() -> None:
    text = f'[{{"vehicle_id":"a","ts":{NOW_MS},"lat":31.2300,"lon":LON}}]'
    packed = PACKING.pack(text.replace("LON", "121.47000").encode(), "north", ALLOWED)
    assert packed is not None
    assert b'"lat":[31.2300],"lon":[121.47000]' in codec.encode(PACKING.frame([packed], "north", 1))
    # Beyond 2^63 without the point it is not certain which double is nearest.
    assert PACKING.pack(text.replace("LON", "121.47000000000000001").encode(), "north", ALLOWED) is None


def test_a_large_array_is_packed_and_one_of_another_owner_is_not() -> None:
    array = [{**ORDINARY[0], "vehicle_id": f"bike-{n:06}"} for n in range(60)]
    payload = json.dumps(array).encode()
    assert len(payload) >= PACKED_FROM
    limits = Limits(max_payload_bytes=100_000, max_clock_ahead_ms=0)
    assert isinstance(decode(MANY, payload, now_ms=NOW_MS, limits=limits).accepted, PackedPositions)
    array[59]["operator"] = "south"
    decoded = decode(MANY, json.dumps(array).encode(), now_ms=NOW_MS, limits=limits)
    assert isinstance(decoded.accepted, list)
    assert (len(decoded.accepted), [one.reason for one in decoded.rejected]) == (59, ["topic_mismatch"])


def each[T](column: T | list[T], n: int) -> list[T]:
    """A column with a value for each reading."""
    return column if isinstance(column, list) else [column] * n


def test_an_array_is_packed_where_a_partition_gets_some_readings_of_it() -> None:
    assert (
        Limits.of(1, 0, partitions=1).packed_from == Limits.of(1, 0, partitions=4).packed_from == PACKED_FROM
    )
    assert Limits.of(1, 0, partitions=64).packed_from == 64_000


def test_a_single_reading_among_arrays_does_not_unpack_them(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_asked(_packed: PackedPositions) -> Iterator[VehiclePosition]:
        raise AssertionError("unpacked")

    monkeypatch.setattr(PackedPositions, "__iter__", not_asked)
    framer = Framer(KINDS, 1, lambda _id: 0, max_readings=500, max_bytes=100_000, linger_ms=30)
    packed = PACKING.pack(json.dumps(ORDINARY).encode(), "north", ALLOWED)
    assert packed is not None
    single = [VehiclePosition("s", NOW_MS, 1.5, 2.5, "south")]
    for operator, readings in (("north", packed), ("south", single), ("north", packed)):
        receipt = Receipt(mid=1, qos=1, connection=0, size=1, parts=len(readings))
        framer.add(VEHICLES, operator, readings, receipt, 0)
    [frame] = framer.flush_all()
    value = codec.vehicle_frame.decode(frame.value)
    assert value.vehicle_id == ["bike-000001", "b", "c", "s", "bike-000001", "b", "c"]
    assert value.operator == ["north"] * 3 + ["south"] + ["north"] * 3


def test_what_cannot_be_packed_has_the_others_of_its_frame_unpacked() -> None:
    framer = Framer(KINDS, 1, lambda _id: 0, max_readings=500, max_bytes=100_000, linger_ms=30)
    packed = PACKING.pack(json.dumps(ORDINARY).encode(), "north", ALLOWED)
    assert packed is not None
    for readings in (packed, [VehiclePosition("s", NOW_MS, 31.0, 1e-7)]):
        receipt = Receipt(mid=1, qos=1, connection=0, size=1, parts=len(readings))
        framer.add(VEHICLES, "north", readings, receipt, 0)
    [frame] = framer.flush_all()
    assert codec.vehicle_frame.decode(frame.value).lon == [121.47, 0.0, 2.0, 1e-7]


def test_the_machine_code_that_is_prepared_is_what_arrays_need() -> None:
    prepare()
    before = len(packed_module._copy.signatures)  # type: ignore[attr-defined]
    packed = PACKING.pack(codec.encode([ORDINARY[0]] * 100), "north", ALLOWED)
    assert packed is not None
    PACKING.frame(packed.split(4), "north", 1)
    assert len(packed_module._copy.signatures) == before  # type: ignore[attr-defined]


story = st.lists(
    st.tuples(
        st.sampled_from(["north", "south"]),
        st.lists(st.integers(0, 9), min_size=1, max_size=20),  # vehicles
        st.booleans(),  # packed
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=150)
@given(story, st.integers(1, 25), st.sampled_from([300, 100_000]))
def test_packed_or_not_readings_come_out_in_order_and_complete_their_message(
    messages: list[tuple[str, list[int], bool]], max_readings: int, max_bytes: int
) -> None:
    framer = Framer(
        KINDS, 3, Partitions(3).__getitem__, max_readings=max_readings, max_bytes=max_bytes, linger_ms=30
    )
    sent: list[tuple[str, str, int, int | None]] = []
    receipts = []
    starts = accumulate((len(vehicles) for _, vehicles, _ in messages), initial=NOW_MS)
    for start, (operator, vehicles, wrapped) in zip(starts, messages, strict=False):
        made: Readings = [
            VehiclePosition(f"v{n}", start + k, 1.0 + n, 2.0, battery_percent=n % 2 or None)
            for k, n in enumerate(vehicles)
        ]
        sent += [(operator, reading.vehicle_id, reading.ts, reading.battery_percent) for reading in made]
        if wrapped:
            packed = PACKING.pack(codec.encode(made), operator, Allowed(END_MS, WHOLE_EARTH))
            assert packed is not None
            made = packed
        receipts.append(Receipt(mid=1, qos=1, connection=0, size=1, parts=len(vehicles)))
        framer.add(VEHICLES, operator, made, receipts[-1], 0)
    found: dict[int, list[tuple[str, str, int, int | None]]] = {0: [], 1: [], 2: []}
    for frame in framer.flush_all():
        value = codec.vehicle_frame.decode(frame.value)
        assert frame.readings == len(value.vehicle_id) <= max_readings
        assert len(frame.value) <= max_bytes or frame.readings == 1
        owner, battery = each(value.operator, frame.readings), each(value.battery_percent, frame.readings)
        found[frame.partition] += zip(owner, value.vehicle_id, value.ts, battery, strict=True)
        for receipt, parts in frame.receipts:
            receipt.confirm(parts)
    placed = Partitions(3)
    assert found == {number: [row for row in sent if placed[row[1]] == number] for number in range(3)}
    assert [receipt.parts for receipt in receipts] == [0] * len(receipts)
