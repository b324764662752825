"""A partial that cannot be used is refused whole, with a word that says why; nothing of it is folded."""

from typing import Any

import msgspec
import pytest

from schemas.partials import Partial
from tests.pipeline import T0
from tests.unit.grid.partials import requests, sensing
from tests.unit.grid.region import CELL, Grid

SENSING = sensing((0, CELL, "speed", [30.0, 50.0]), (0, CELL, "flow", [900.0]), reached=1)
REQUESTS = requests((0, CELL, "noise", {"closed": 2, "open_change": -2}, [60.0, 90.0]), reached=1)


def with_windows(partial: Any, **columns: list[Any]) -> Partial:
    """Return a partial with other columns."""
    windows = msgspec.structs.replace(partial.windows, **columns)
    changed: Partial = msgspec.structs.replace(partial, windows=windows)
    return changed


UNUSABLE = {
    "columns of unequal length": (with_windows(SENSING, readings=[2]), "equal lengths"),
    "a cell that is none": (with_windows(SENSING, cell=["nowhere", CELL]), "no H3 cell"),
    "a metric that no one knows": (with_windows(SENSING, metric=["mood", "flow"]), "'mood'"),
    "a start that no window has": (with_windows(SENSING, window_start=[T0 + 1, T0]), "multiple of 60000"),
    "no readings": (with_windows(SENSING, readings=[0, 1]), "no set of readings"),
    "a total above all readings": (
        with_windows(SENSING, total=[100_000_001, 900_000_000]),
        "no set of readings",
    ),
    "a total below all readings": (
        with_windows(SENSING, total=[59_999_999, 900_000_000]),
        "no set of readings",
    ),
    "squares below those of the mean": (with_windows(SENSING, square_aa=[0, 0]), "no set of readings"),
    "squares above those of the extremes": (
        with_windows(SENSING, square_bb=[1 << 61, 1 << 61]),
        "no set of readings",
    ),
    "sums beyond 64 bits": (with_windows(SENSING, total=[1 << 70, 1]), "total"),
    "values beyond what floats hold": (with_windows(SENSING, most=[1 << 60, 900_000_000]), "most"),
    "bins that do not ascend": (with_windows(SENSING, bins=[[1300, 1299], [1400]]), "ascend"),
    "a bin twice": (with_windows(SENSING, bins=[[1300, 1300], [1400]]), "ascend"),
    "bins without counts": (with_windows(SENSING, bin_counts=[[1], [1]]), "different lengths"),
    "fewer readings in bins than there are": (
        with_windows(SENSING, bins=[[1300], [1400]], bin_counts=[[1], [1]]),
        "no set of readings",
    ),
    "an empty bin": (with_windows(SENSING, bin_counts=[[2, 0], [1]]), "bin_counts"),
    "a bin that no value has": (with_windows(SENSING, bins=[[1300, 5000], [1400]]), "bins"),
    "a category with a control character": (with_windows(REQUESTS, service_code=["a\x00b"]), "service_code"),
    "a category with the escape of a terminal": (
        with_windows(REQUESTS, service_code=["a\x9bb"]),
        "service_code",
    ),
    "an empty category": (with_windows(REQUESTS, service_code=[""]), "service_code"),
    "fewer closed than none": (with_windows(REQUESTS, closed=[-1]), "closed"),
    "a change beyond 32 bits": (with_windows(REQUESTS, open_change=[-(1 << 31) - 1]), "open_change"),
    "seconds in a bin that no value has": (with_windows(REQUESTS, bins=[[1, 1 << 40]]), "bins"),
    "an offset beyond 43 bits": (msgspec.structs.replace(REQUESTS, offset=1 << 43), "offset"),
    "windows of another length": (msgspec.structs.replace(REQUESTS, window_ms=1), "UB_WINDOW_S"),
    "a region that is no cell": (msgspec.structs.replace(SENSING, region="a/b"), "region"),
}


@pytest.mark.parametrize(("partial", "word"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_a_partial_is_refused_that_has(partial: Partial, word: str) -> None:
    grid = Grid()
    grid.put(partial)
    grid.checkpoint()
    [detail] = grid.refusals()
    assert word in detail
    assert len(grid.outputs) == 1
    assert not any(grid.database.tables.values())
    assert not grid.database.parts["grid"]


@pytest.mark.parametrize("partial", [SENSING, REQUESTS, sensing(), requests()])
def test_a_partial_is_taken_that_has_nothing_of_all_that(partial: Partial) -> None:
    grid = Grid()
    grid.put(partial)
    grid.tick()
    assert grid.refusals() == []


@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [1e-6, -1e-6],
        [-100.0, 1000.0, 0.000001],
        [999.999999] * 7,
        [-90.0, -89.999999],
        [0.1, 0.2, 0.3, 123.456789, -17.000001],
    ],
)
def test_sums_of_any_readings_are_taken(values: list[float]) -> None:
    grid = Grid()
    grid.put(sensing((0, CELL, "water_level", values), reached=1))
    grid.tick()
    assert grid.refusals() == []
    assert grid.metrics[0].rows.readings == [len(values)]
