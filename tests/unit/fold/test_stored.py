"""State that another version stored is refused with the part, the rule and the way out."""

from collections.abc import Callable

import msgspec
import pytest

from streams.errors import StateError
from streams.fold.contract import Restored
from streams.fold.zstd import zstd
from streams.grid import locate
from streams.grid.state import GridState
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from streams.rejects.state import RejectsState
from streams.requests.districts import Districts
from streams.requests.state import RequestsState
from streams.sensing.state import SensingState
from tests.pipeline import geometry, restored
from tests.unit.fleet.road import CELLS, CONFIG, FleetState
from tests.unit.grid import region
from tests.unit.requests import desk
from tests.unit.sensing import station

OTHER_FORM = msgspec.msgpack.encode([1, 2])
LATER_CLOCK = msgspec.msgpack.encode([1, 2, 3, {}, "a field that came later"])
POLICY = parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "rules")


def requests_fold(start: Restored) -> RequestsState:
    return RequestsState(desk.CONFIG, desk.Squares(), Districts(), start)


FOLDS: dict[str, Callable[[Restored], object]] = {
    "fleet": lambda start: FleetState(CONFIG, CELLS, start),
    "sensing": lambda start: SensingState(station.CONFIG, station.Squares(), start),
    "requests": requests_fold,
    "grid": lambda start: GridState(region.CONFIG, geometry, start),
    "incidents": lambda start: IncidentsState(POLICY, locate.centre, start),
    "rejects": RejectsState,
}


@pytest.mark.parametrize(
    ("stage", "part"),
    [
        *((stage, "later") for stage in FOLDS),
        *((stage, "later/1/2") for stage in FOLDS),
        ("grid", "822ab7fffffffff/fleet/later"),
        ("grid", "822ab7fffffffff/later/edges"),
        ("grid", "822ab7fffffffff/sensing/live/1/0"),
        ("grid", "822ab7fffffffff/fleet/source/first"),
        ("incidents", "stay/later/822ab7fffffffff/bike-1"),
        ("incidents", "stay/heard/822ab7fffffffff/first"),
    ],
)
def test_a_part_of_a_name_that_is_not_known_is_refused_with_the_way_out(stage: str, part: str) -> None:
    """A later version stored it; without it this one would go on with half of what was known."""
    data = msgspec.msgpack.encode({})
    with pytest.raises(StateError, match="run the version that stored it") as found:
        FOLDS[stage](restored(parts={part: zstd.compress(data) if stage == "grid" else data}))
    assert f"stage {stage}, part {part}, is of another version" in str(found.value)


@pytest.mark.parametrize(
    ("stage", "part", "data"),
    [
        ("fleet", "clock", OTHER_FORM),
        ("fleet", "clock", LATER_CLOCK),
        ("fleet", "window", zstd.compress(OTHER_FORM)),
        ("fleet", "window", OTHER_FORM),
        ("sensing", "clock", OTHER_FORM),
        ("requests", "clock", OTHER_FORM),
        ("requests", "window", OTHER_FORM),
        ("grid", "822ab7fffffffff/fleet/edges", zstd.compress(b"\x01")),
        ("incidents", "cell/892ab7fffffffff", OTHER_FORM),
        ("rejects", "counts", b"\x01"),
    ],
)
def test_state_of_another_version_is_refused_with_the_way_out(stage: str, part: str, data: bytes) -> None:
    name = "window/0" if part == "window" else part
    with pytest.raises(
        StateError, match="backup from before it, or begin with an empty database and new"
    ) as found:
        FOLDS[stage](restored(parts={name: data}))
    assert f"stage {stage}, part {part}, is of another version" in str(found.value)
