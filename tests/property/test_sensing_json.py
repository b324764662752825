"""the_quick_reader_reads_what_msgspec_reads: where it takes a frame of sensors, all is the same to the last bit."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.metrics import METRICS, SENSOR_KINDS
from schemas.sensors import SENSOR_STATUSES
from streams import topics
from streams.columnar.ids import names_of
from streams.fold.contract import Record
from streams.sensing.columns import Columns, decode
from streams.sensing.frame import Frame, Reader
from streams.sensing.owners import Owners
from tests.pipeline import T0

OWNERS = ("city", "a-much-longer-name-of-an-owner")
MANY = settings(max_examples=500)
COLUMNS = ("metric", "value", "ts", "lat", "lon", "kind", "status", "capacity", "received_at")

numbers = st.one_of(
    st.floats(-1e6, 1e6),
    st.floats(-180, 180).map(lambda number: round(number, 6)),
    st.integers(-1000, 1000),
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
metrics = st.sampled_from((*METRICS, "mood"))
kinds = st.sampled_from((*SENSOR_KINDS, "mood"))
owners = st.sampled_from((*OWNERS, "nobody"))
units = st.sampled_from((None, "Cel", "ug/m3", "1", "K", "\u00b5g", "furlong"))
statuses = st.sampled_from((*SENSOR_STATUSES, "broken"))
capacities = st.one_of(st.none(), numbers)


def mostly(ordinary: st.SearchStrategy[Any], any_: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Return a strategy of ordinary values nine times of ten: so that whole frames of them come about."""
    return st.integers(0, 9).flatmap(lambda number: ordinary if number else any_)


@st.composite
def frames(draw: st.DrawFn) -> dict[str, Any]:
    n = draw(st.integers(1, 6))

    def column(values: st.SearchStrategy[Any]) -> list[Any]:
        return draw(st.lists(values, min_size=n, max_size=n))

    def collapsed(values: st.SearchStrategy[Any]) -> Any:
        return draw(st.one_of(values, st.lists(values, min_size=n, max_size=n)))

    plain = st.floats(-180, 180).map(lambda number: round(number, 4))
    whole = {
        "sensor_id": column(mostly(st.sampled_from(("s-1", "sensor-000002")), ids)),
        "metric": collapsed(mostly(st.sampled_from(tuple(METRICS)), metrics)),
        "value": column(mostly(plain, numbers)),
        "ts": column(mostly(st.integers(T0, T0 + 10**6), st.integers(-5, 10**19))),
        "lat": collapsed(mostly(plain, numbers)),
        "lon": collapsed(mostly(plain, numbers)),
        "kind": collapsed(mostly(st.sampled_from(SENSOR_KINDS), kinds)),
        "owner": collapsed(mostly(st.sampled_from(OWNERS), owners)),
        "received_at": draw(mostly(st.just(T0), st.sampled_from((0, 10**12, 10**30)))),
        "unit": collapsed(mostly(st.sampled_from((None, "Cel", "%")), units)),
        "status": collapsed(mostly(st.sampled_from(SENSOR_STATUSES), statuses)),
        "capacity": collapsed(mostly(st.one_of(st.none(), plain), capacities)),
    }
    lacking = draw(
        mostly(
            st.sets(st.sampled_from(("unit", "status", "capacity"))), st.sets(st.sampled_from(sorted(whole)))
        )
    )
    order = draw(st.one_of(st.just(list(whole)), st.permutations(sorted(whole))))
    return {name: whole[name] for name in order if name not in lacking}


def record(value: bytes) -> Record:
    return Record(topics.SENSORS, 0, 0, value, T0)


def a_reader() -> Reader:
    known = Owners()
    for name in OWNERS:
        known.number(name)
    return Reader(known)


def names(column: Any, n: int) -> list[str | None]:
    return column if isinstance(column, list) else [column] * n


def assert_same(value: bytes) -> bool:
    """Compare what both readers make of a record; returns whether the quick one took it."""
    frame = a_reader().read_quickly(record(value))
    if frame is None:
        return False
    told = decode(value, T0)
    assert isinstance(told, Columns)
    n = len(told)
    assert len(frame) == n
    for name in COLUMNS:
        found, expected = np.asarray(getattr(frame, name)), np.asarray(getattr(told, name))
        assert (found.dtype, found.tobytes()) == (expected.dtype, expected.tobytes()), name
    words = frame.words
    assert words.view(f"S{words.shape[1] * 8}")[:, 0].tolist() == names_of(told.sensor_id).tolist()
    assert isinstance(frame.owner, np.ndarray)
    assert [OWNERS[number] for number in frame.owner] == names(told.owner, n)
    unit = np.zeros(n, np.int8) if frame.unit is None else frame.unit
    assert [frame.units[number] for number in unit.tolist()] == names(told.unit, n)
    return True


@MANY
@given(frames(), st.booleans())
def test_the_quick_reader_reads_what_msgspec_reads(frame: dict[str, Any], compact: bool) -> None:
    assert_same(json.dumps(frame, separators=(",", ":") if compact else None).encode())


ORDINARY: dict[str, Any] = {
    "sensor_id": ["sensor-000001", "b"],
    "metric": ["free_spaces", "temperature"],
    "value": [31.25, -7],
    "ts": [T0, T0 + 1],
    "lat": [31.234567, -0.5],
    "lon": 121,
    "kind": ["parking", "weather"],
    "owner": list(OWNERS),
    "received_at": T0,
    "unit": [None, "Cel"],
    "status": "degraded",
    "capacity": [40, None],
}


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"unit": None, "status": ["ok", "fault"], "capacity": None},
        {"unit": "Cel", "metric": "temperature", "kind": "weather", "owner": "city", "lat": 31.2},
        {"capacity": 12.5, "lon": [0, 1.5]},
    ],
)
@pytest.mark.parametrize("fewer", [(), ("unit",), ("status", "capacity")])
@pytest.mark.parametrize("compact", [False, True])
def test_an_ordinary_frame_is_read_quickly(
    other: dict[str, Any], fewer: tuple[str, ...], compact: bool
) -> None:
    frame = {name: value for name, value in (ORDINARY | other).items() if name not in fewer}
    assert assert_same(json.dumps(frame, separators=(",", ":") if compact else None).encode())


def test_owners_and_sound_units_are_read_quickly_once_they_were_heard_of() -> None:
    reader = Reader(owners := Owners())

    def quickly(**other: Any) -> bool:
        value = record(json.dumps(ORDINARY | other).encode())
        quick = reader.read_quickly(value) is not None
        frame = reader.read(value)
        assert isinstance(frame, Frame)
        owners.numbers(frame.owner, len(frame))
        return quick

    assert [quickly(), quickly()] == [False, True]
    assert [quickly(unit=[None, "K"]), quickly(unit=[None, "K"])] == [False, True]
    assert [quickly(unit=[None, "kg"]), quickly(unit=[None, "kg"])] == [False, False]
    for annotation in ('"' * 60, "\u20ac" * 60):  # no pattern may be longer than what follows a text
        wide = {"metric": "flow", "kind": "traffic", "unit": [None, f"{{{annotation}}}/h"]}
        assert [quickly(**wide), quickly(**wide)] == [False, False]
    long = ["x" * 64, "b"]
    assert [quickly(sensor_id=long), quickly(sensor_id=long), quickly()] == [False, True, True]


ordinary = json.dumps(ORDINARY, separators=(",", ":")).encode()


@MANY
@given(st.integers(0, len(ordinary)), st.binary(max_size=3), st.integers(0, 3))
@example(len(ordinary), b" ", 0)
@example(len(ordinary), b"x", 0)
@example(0, b"", 0)
@example(0, b"", 1)
def test_whatever_is_changed_in_a_frame_both_readers_agree(at: int, put: bytes, cut: int) -> None:
    assert_same(ordinary[:at] + put + ordinary[at + cut :])
