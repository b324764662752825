"""the_quick_reader_reads_what_msgspec_reads: where it takes a frame, each value is the same, to the last bit."""

import json
from typing import Any

import msgspec
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES
from streams import topics
from streams.columnar.ids import names_of
from streams.fleet import json_columns
from streams.fleet.batch import Batch
from streams.fleet.cells import Cells
from streams.fleet.columns import Columns, decode
from streams.fleet.slots import Slots
from streams.fold.contract import Record
from streams.grid.locate import Locator
from tests.pipeline import T0

CELLS = Cells(Locator(9, 2))
OPERATORS = ("north", "a-much-longer-name-of-an-operator")
MANY = settings(max_examples=500)
COLUMNS = ("ts", "lat", "lon", "state", "type_", "battery", "received_at")

degrees = st.one_of(
    st.floats(-180, 180),
    st.floats(-180, 180).map(lambda number: round(number, 6)),
    st.integers(-180, 180),
    st.sampled_from(
        (0.1, 1e-7, 5e-324, 1e300, -0.0, 0, 2**53, 2**53 + 1, 0.30000000000000004, 121.47649999999999)
    ),
)
ids = st.one_of(
    st.from_regex(r"[A-Za-z0-9_.:\-]{1,20}", fullmatch=True),
    st.sampled_from(
        ("x" * 7, "x" * 8, "x" * 9, "x" * 16, "x" * 17, "x" * 64, "x" * 65, "", 'a"b', "\\", "é", "a\tb")
    ),
)


@st.composite
def frames(draw: st.DrawFn) -> dict[str, Any]:
    n = draw(st.integers(1, 6))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    def collapsed(values: st.SearchStrategy[Any]) -> Any:
        return draw(st.one_of(values, st.lists(values, min_size=n, max_size=n)))

    return {
        "vehicle_id": column(ids),
        "ts": column(st.integers(-5, 10**19)),
        "lat": column(degrees),
        "lon": column(degrees),
        "operator": collapsed(st.sampled_from(OPERATORS)),
        "received_at": draw(st.sampled_from((T0, T0 + 1, 0, 10**12, 10**30))),
        "vehicle_state": collapsed(st.sampled_from((*VEHICLE_STATES, "flying"))),
        "vehicle_type": collapsed(st.sampled_from((*VEHICLE_TYPES, "boat"))),
        "battery_percent": collapsed(st.one_of(st.none(), st.integers(-2, 102))),
    }


def quick(value: bytes) -> tuple[Batch, int]:
    slots, batch = Slots(CELLS), Batch()
    for name in OPERATORS:
        slots.operator(name)
    return batch, batch.read_quickly(Record(topics.VEHICLES, 0, 0, value, T0), slots)


def assert_same(value: bytes) -> bool:
    """Compare what both readers make of a record; returns whether the quick one took it."""
    batch, n = quick(value)
    if n < 0:
        return False
    told = decode(value, T0)
    assert isinstance(told, Columns)
    assert n == len(told)
    readings = batch.readings[:n]
    for name in COLUMNS:
        expected = np.broadcast_to(np.asarray(getattr(told, name), readings.dtype[name]), n)
        assert readings[name].tobytes() == expected.tobytes(), name
    words = batch.words[:n]
    assert words.view(f"S{words.shape[1] * 8}")[:, 0].tolist() == names_of(told.vehicle_id).tolist()
    operators = [told.operator] * n if isinstance(told.operator, str) else told.operator
    assert [OPERATORS[number] for number in readings["operator"]] == operators
    return True


@MANY
@given(frames(), st.booleans())
def test_the_quick_reader_reads_what_msgspec_reads(frame: dict[str, Any], compact: bool) -> None:
    separators = (",", ":") if compact else None
    assert_same(json.dumps(frame, separators=separators).encode())


ORDINARY: dict[str, Any] = {
    "vehicle_id": ["bike-000001", "b"],
    "ts": [T0, T0 + 1],
    "lat": [31.234567, -0.5],
    "lon": [121, 0.0],
    "operator": ["north", "north"],
    "received_at": T0,
    "vehicle_state": "on_trip",
    "battery_percent": [None, 100],
}


def test_an_ordinary_frame_is_read_quickly() -> None:
    for fewer in ((), ("vehicle_state",), ("battery_percent",)):
        frame = {name: value for name, value in ORDINARY.items() if name not in fewer}
        assert assert_same(json.dumps(frame).encode())
        assert assert_same(json.dumps(frame, separators=(",", ":")).encode())


def test_a_frame_of_positions_with_all_digits_of_a_double_is_read_quickly() -> None:
    """What JavaScript and Python write of a longitude that was computed: 17 digits."""
    lat, lon = [31.234567890123454, -0.12345678901234566], [121.47361234567891, -122.41941550000001]
    assert assert_same(json.dumps({**ORDINARY, "lat": lat, "lon": lon}).encode())


ROWS: list[dict[str, Any]] = [
    {
        "vehicle_id": "bike-000001",
        "ts": T0,
        "lat": 31.234567,
        "lon": 121,
        "operator": "north",
        "battery_percent": 7,
    },
    {
        "vehicle_id": "b",
        "operator": OPERATORS[1],
        "ts": T0,
        "lon": -0.5,
        "lat": 0.0,
        "vehicle_state": "on_trip",
    },
]


def test_ordinary_readings_are_read_quickly() -> None:
    for value in (ROWS, ROWS[0], ROWS[1]):
        assert assert_same(json.dumps(value).encode())
        assert assert_same(json.dumps(value, separators=(",", ":")).encode())
        assert assert_same(b"  " + json.dumps(value).encode())


@st.composite
def readings(draw: st.DrawFn) -> dict[str, Any]:
    whole = {
        "vehicle_id": draw(ids),
        "ts": draw(st.integers(-5, 10**19)),
        "lat": draw(degrees),
        "lon": draw(degrees),
        "operator": draw(st.sampled_from(OPERATORS)),
        "vehicle_state": draw(st.sampled_from((*VEHICLE_STATES, "flying"))),
        "vehicle_type": draw(st.sampled_from((*VEHICLE_TYPES, "boat"))),
        "battery_percent": draw(st.one_of(st.none(), st.integers(-2, 102))),
        "received_at": T0 + 1,
    }
    lacking = draw(st.sets(st.sampled_from(sorted(whole)), max_size=3))
    return {name: whole[name] for name in draw(st.permutations(sorted(whole))) if name not in lacking}


@MANY
@given(st.one_of(readings(), st.lists(readings(), max_size=4)), st.booleans())
def test_the_quick_reader_reads_readings_as_msgspec_does(given_: Any, compact: bool) -> None:
    assert_same(json.dumps(given_, separators=(",", ":") if compact else None).encode())


ordinary = json.dumps(ORDINARY, separators=(",", ":")).encode()
rows = json.dumps(ROWS, separators=(",", ":")).encode()


@MANY
@given(st.sampled_from((ordinary, rows)), st.integers(0, len(rows)), st.binary(max_size=3), st.integers(0, 3))
@example(ordinary, len(ordinary), b" ", 0)
@example(ordinary, len(ordinary), b"x", 0)
@example(ordinary, 0, b"", 0)
@example(rows, len(rows), b" ", 0)
@example(rows, len(rows), b"x", 0)
@example(rows, 0, b"", 1)
def test_whatever_is_changed_in_a_record_both_readers_agree(
    value: bytes, at: int, put: bytes, cut: int
) -> None:
    assert_same(value[:at] + put + value[at + cut :])


@given(st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_integers_are_written_as_msgspec_writes_them(values: list[int]) -> None:
    assert bytes(json_columns.integers(np.array(values, np.int64))) == msgspec.json.encode(values)


@given(st.lists(st.from_regex(r"[A-Za-z0-9_.:\-]{1,64}", fullmatch=True), min_size=1), st.data())
def test_names_are_written_as_msgspec_writes_them(names: list[str], data: st.DataObject) -> None:
    which = data.draw(st.lists(st.integers(0, len(names) - 1)))
    found = json_columns.texts(np.array(names, np.bytes_), np.array(which, np.int32))
    assert bytes(found) == msgspec.json.encode([names[at] for at in which])
