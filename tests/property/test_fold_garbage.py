"""Whatever bytes a topic holds: no fold raises, and the books say what could not be used."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.cells import CellsHealth, CellsNow, CellsWindow, ClosedWindows
from schemas.partials import FleetPartial, SlotCounts, WindowCounts
from schemas.rejected import REASONS
from schemas.vehicles import VEHICLE_STATES, VEHICLE_TYPES
from streams import topics
from streams.fold.contract import Fold, Ledger, Record
from streams.grid import locate
from streams.grid.state import GridState
from streams.incidents.health.config import HealthConfig
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from streams.rejects.state import RejectsState
from tests.pipeline import FAR_FUTURE, GRID, T0, City, geometry, restored
from tests.property import rides

MANY = settings(max_examples=300)
ODD_NUMBERS = st.sampled_from(
    (0, -1, T0, T0 // 1000, 2**31, 2**63, -(2**63) - 1, 10**30, 0.5, -0.0, 91.0, 1e308)
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    ODD_NUMBERS,
    st.text(max_size=8),
    st.sampled_from(("bike-1", "north", "available", "bicycle", "a\x00b", "\ud800", "x" * 65)),
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
columns = st.one_of(
    scalars,
    st.lists(scalars, max_size=4),
    st.lists(st.sampled_from((31.2, 121.5, T0, "bike-1", "north")), max_size=4),
)
NAMES = (
    "vehicle_id",
    "operator",
    "ts",
    "lat",
    "lon",
    "vehicle_state",
    "vehicle_type",
    "battery_percent",
    "received_at",
)
ids = st.sampled_from(("bike-1", "bike-2", "", "no id", "x" * 65))
rows = st.fixed_dictionaries(
    {
        "vehicle_id": ids,
        "ts": st.sampled_from((T0, T0 + 1, T0 - 10**9, 0, -1, 2**62)) | st.integers(),
        "lat": st.sampled_from((31.2, 90.0, 90.1, -91.0)) | st.floats(),
        "lon": st.sampled_from((121.5, -180.0, 180.1)) | st.floats(),
        "operator": st.sampled_from(("north", "south", "", "no id")),
        "vehicle_state": st.sampled_from((*VEHICLE_STATES, "flying")),
        "vehicle_type": st.sampled_from((*VEHICLE_TYPES, "boat")),
        "battery_percent": st.none() | st.integers() | st.sampled_from((0, 100, 101)),
    }
)


def as_frame(readings: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "received_at": FAR_FUTURE,
        **{name: [one[name] for one in readings] for name in readings[0]},
    }


bodies = st.one_of(
    st.binary(max_size=60),
    anything.map(json.dumps).map(str.encode),
    st.dictionaries(st.sampled_from(NAMES), columns, max_size=9).map(json.dumps).map(str.encode),
    st.lists(rows, max_size=6).map(json.dumps).map(str.encode),
    st.lists(rows, min_size=1, max_size=6).map(as_frame).map(json.dumps).map(str.encode),
)
READING = {
    "vehicle_id": "bike-1",
    "ts": T0,
    "lat": 31.2,
    "lon": 121.5,
    "operator": "north",
    "vehicle_state": "available",
    "vehicle_type": "bicycle",
    "battery_percent": None,
}
TOO_DEEP = b'{"x":' + b"[" * 50_000


@MANY
@given(st.lists(bodies, min_size=1, max_size=5))
@example([b""])
@example([b"\xff\xfe\x00"])
@example([b'{"vehicle_id":["\\ud800"],"ts":[1],"lat":[NaN],"lon":[1e999],"operator":"o","received_at":1}'])
@example([TOO_DEEP])
@example([json.dumps({**as_frame([READING]), "received_at": 10**30}).encode()])
@example([json.dumps({**as_frame([READING]), "received_at": -(2**63)}).encode()])
def test_any_bytes_on_ub_vehicles_never_raise_and_are_counted(values: list[bytes]) -> None:
    city = City(sources=1, fleet=rides.FLEET, grid=rides.GRID, locator=rides.LOCATOR)
    for value in values:
        before = city.fleets[0].ledger
        city.feed(0, value)
        after = city.fleets[0].ledger
        assert after.received > before.received or holds_no_reading(value)
        assert after.received == after.applied + after.superseded + after.rejected
    city.settle()
    refused = [codec.rejected.decode(output.value) for output in city.refused]
    assert sum(item.count for item in refused) == city.ledger().rejected
    assert {item.reason for item in refused} <= set(REASONS)


def holds_no_reading(value: bytes) -> bool:
    """Whether a record is in order, and empty."""
    try:
        held = json.loads(value)
    except (ValueError, RecursionError):
        return False
    return held == [] or (isinstance(held, dict) and held.get("vehicle_id") == [])


@MANY
@given(st.lists(st.lists(rows, min_size=1, max_size=6), min_size=1, max_size=4))
def test_every_refusal_is_counted_once_wherever_in_the_frame_it_stood(
    held: list[list[dict[str, Any]]],
) -> None:
    """Refusals of one record come for several causes; the rejects stage knows them by their sequence."""
    city = City(sources=1, fleet=rides.FLEET, grid=rides.GRID, locator=rides.LOCATOR)
    for readings in held:
        finite = json.loads(json.dumps(as_frame(readings)), parse_constant=lambda _: 999.0)
        city.feed(0, json.dumps(finite).encode())
    city.settle()
    assert sum(city.rejected_counts().values()) == city.ledger().rejected
    city.crash(0)
    city.settle()
    assert sum(city.rejected_counts().values()) == city.ledger().rejected


DEFAULT = Rule("default", 60, 1.0, 0.8, 120_000)
CELL = "89309959d07ffff"


def grid() -> Fold:
    return GridState(GRID, geometry, restored())


def incidents() -> Fold:
    return IncidentsState(parse(None, DEFAULT, "none"), locate.centre, restored(), health=HealthConfig())


def rejects() -> Fold:
    return RejectsState(restored())


def said_by_a_source(**changed: Any) -> bytes:
    now = SlotCounts([CELL], ["north"], [1], [0], [0], [0], [0])
    windows = WindowCounts([T0], [CELL], ["north"], [1], [1], [0])
    whole: dict[str, Any] = {
        "region": "82309ffffffffff",
        "source": 0,
        "sources": 1,
        "generation": 0,
        "offset": 0,
        "newest_ts": T0,
        "watermark": T0,
        "window_ms": 60_000,
        "now": now,
        "windows": windows,
    }
    return codec.encode(FleetPartial(**(whole | changed)))


BROKEN_PARTIALS = {
    "columns of unequal length": said_by_a_source(
        now=SlotCounts([CELL], ["north", "south"], [1], [], [], [], [])
    ),
    "window columns of unequal length": said_by_a_source(
        windows=WindowCounts([T0], [CELL], ["north"], [], [1], [0])
    ),
    "a cell that is no hexadecimal number": said_by_a_source(
        now=SlotCounts(["nowhere"], ["north"], [1], [0], [0], [0], [0])
    ),
    "an offset beyond 64 bits": said_by_a_source(offset=2**63),
    "counts beyond 64 bits": said_by_a_source(now=SlotCounts([CELL], ["north"], [2**70], [0], [0], [0], [0])),
    "nesting without end": TOO_DEEP,
}
BROKEN_CELLS = {
    "columns of unequal length": codec.encode(
        CellsNow("r", T0, T0, SlotCounts([CELL], ["north"], [1], [1, 2], [0], [0], [0]))
    ),
    "a cell that is no hexadecimal number": codec.encode(
        CellsNow("r", T0, T0, SlotCounts(["nowhere"], ["north"], [99], [0], [0], [0], [0]))
    ),
    "a number that is no cell": codec.encode(
        CellsNow("r", T0, T0, SlotCounts(["12"], ["north"], [99], [0], [0], [0], [0]))
    ),
    "a count beyond 64 bits": codec.encode(
        CellsNow("r", T0, T0, SlotCounts([CELL], ["north"], [2**70], [0], [0], [0], [0]))
    ),
    "a time beyond 64 bits": codec.encode(
        CellsNow("r", 2**70, T0, SlotCounts([CELL], ["north"], [1], [0], [0], [0], [0]))
    ),
    "an owner beyond all times": codec.encode(
        CellsNow("r", T0, T0, SlotCounts([CELL], ["north"], [1], [0], [0], [0], [0]), 2**53)
    ),
    "a window before all times": codec.encode(
        CellsWindow("r", T0, 60_000, ClosedWindows([-(2**40)], [CELL], ["north"], [1], [1], [1], [1], [0]))
    ),
    "a clock of requests beyond 64 bits": codec.encode(
        CellsHealth("r", T0, T0, 0, 0, 0, None, requests_as_of=2**70)
    ),
    "nesting without end": TOO_DEEP,
}


@pytest.mark.parametrize(
    ("make", "topic", "value"),
    [
        *[
            pytest.param(grid, topics.PARTIALS, value, id=f"grid, {name}")
            for name, value in BROKEN_PARTIALS.items()
        ],
        *[
            pytest.param(incidents, topics.CELLS, value, id=f"incidents, {name}")
            for name, value in BROKEN_CELLS.items()
        ],
        pytest.param(rejects, topics.REJECTED, TOO_DEEP, id="rejects, nesting without end"),
    ],
)
def test_a_record_of_the_right_type_with_impossible_values_is_refused(
    make: Callable[[], Fold], topic: str, value: bytes
) -> None:
    """The inner topics too are written by more than one program: a wrong record must not stop a worker for good."""
    fold = make()
    fold.apply(Record(topic, 0, 0, value, T0))
    fold.idle(1)
    outputs = fold.take_outputs(at_checkpoint=True)
    changes = fold.take_changes()
    stored = [rows for rows in changes.rows if rows.table == "rejected"]
    assert [output.topic for output in outputs] == [topics.REJECTED] or stored


@MANY
@given(
    st.sampled_from((grid, incidents, rejects)),
    st.lists(st.binary(max_size=80) | anything.map(json.dumps).map(str.encode), min_size=1, max_size=4),
)
def test_any_bytes_on_the_inner_topics_never_raise(make: Callable[[], Fold], values: list[bytes]) -> None:
    fold = make()
    for offset, value in enumerate(values):
        fold.apply(Record("any", 0, offset, value, T0))
    fold.idle(1)
    fold.take_outputs(at_checkpoint=True)
    fold.take_changes()


def test_the_ledger_of_nothing_is_zero() -> None:
    """An empty array is no reading: it is neither received nor refused."""
    city = City(sources=1)
    city.feed(0, b"[]")
    assert city.ledger() == Ledger()
