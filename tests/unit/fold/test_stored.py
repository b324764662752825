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


@pytest.mark.parametrize(
    ("stage", "part", "data", "start"),
    [
        ("fleet", "clock", OTHER_FORM, lambda start: FleetState(CONFIG, CELLS, start)),
        ("fleet", "clock", LATER_CLOCK, lambda start: FleetState(CONFIG, CELLS, start)),
        ("fleet", "window", zstd.compress(OTHER_FORM), lambda start: FleetState(CONFIG, CELLS, start)),
        ("fleet", "window", OTHER_FORM, lambda start: FleetState(CONFIG, CELLS, start)),
        (
            "sensing",
            "clock",
            OTHER_FORM,
            lambda start: SensingState(station.CONFIG, station.Squares(), start),
        ),
        (
            "requests",
            "clock",
            OTHER_FORM,
            requests_fold,
        ),
        (
            "requests",
            "window",
            OTHER_FORM,
            requests_fold,
        ),
        (
            *("grid", "822ab7fffffffff/fleet/edges", zstd.compress(b"\x01")),
            lambda start: GridState(region.CONFIG, geometry, start),
        ),
        (
            *("incidents", "cell/892ab7fffffffff", OTHER_FORM),
            lambda start: IncidentsState(POLICY, locate.centre, start),
        ),
        ("rejects", "counts", b"\x01", RejectsState),
    ],
)
def test_state_of_another_version_is_refused_with_the_way_out(
    stage: str, part: str, data: bytes, start: Callable[[Restored], object]
) -> None:
    name = "window/0" if part == "window" else part
    with pytest.raises(
        StateError, match="backup from before it, or begin with an empty database and new"
    ) as found:
        start(restored(parts={name: data}))
    assert f"stage {stage}, part {part}, is of another version" in str(found.value)
