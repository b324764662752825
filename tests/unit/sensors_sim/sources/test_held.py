"""Putting rows in order: the same in memory and on disk."""

import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors_sim.encode import arrays
from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import Report
from sensors_sim.sources.held import BATCH, Held
from sensors_sim.told import Position, Reading, Row
from tests.full_disk import files_of_at_most
from tests.unit.sensors_sim.sources.feed_samples import T0


def bike(ts: int, number: int = 0) -> Position:
    return Position(f"b-{number}", T0 * 1000 + ts, 59.9, 10.7)


def meter(ts: int, number: int = 0) -> Reading:
    return Reading(f"m-{number}", "noise", "laeq", 50.0, T0 * 1000 + ts, 59.9, 10.7)


def rows(held: Held) -> Iterator[tuple[str, str, Row]]:
    for batch in held.batches():
        for part in batch.parts:
            yield from ((part.owner, part.about, row) for row in part.row.tolist())  # type: ignore[attr-defined]


def held(run: int, numbers: list[int], repeats: Report | None = None) -> Held:
    out = Held(repeats, run)
    for number, ts in enumerate(numbers):
        if ts % 3:
            out.add("north" if ts % 2 else "south", "vehicles", bike(ts, number))
        else:
            out.add("city", "sensors", meter(ts, number))
    return out


@given(st.lists(st.integers(0, 20), max_size=60))
def test_runs_on_disk_come_out_as_from_memory(numbers: list[int]) -> None:
    in_memory, on_disk = held(1_000, numbers), held(7, numbers)
    assert [list(arrays(batch, 500)) for batch in in_memory.batches()] == [
        list(arrays(batch, 500)) for batch in on_disk.batches()
    ]
    assert (in_memory.start_ms, in_memory.end_ms) == (on_disk.start_ms, on_disk.end_ms)


def test_rows_of_one_time_come_as_they_were_added_across_runs() -> None:
    out = Held(run=4)
    for number in range(30):
        out.add("north", "vehicles", bike(number % 2, number))
    told = [int(row.vehicle_id[2:]) for _, _, row in rows(out)]  # type: ignore[union-attr]
    assert told == [*range(0, 30, 2), *range(1, 30, 2)]


def test_exact_repeats_are_left_out_wherever_they_stood() -> None:
    report = Report()
    out = Held(report, run=3)
    for _ in range(3):
        for ts in (5, 1, 5, 9):
            out.add("north", "vehicles", bike(ts))
        out.add("south", "vehicles", bike(1))
    told = [(owner, row.ts - T0 * 1000) for owner, _, row in rows(out)]
    assert sorted(told) == [("north", 1), ("north", 5), ("north", 9), ("south", 1)]
    assert report.skipped["repeat"] == 15 - 4


@pytest.mark.parametrize("why", ["gone", "full"])
def test_where_temporary_files_have_no_room_their_folder_and_the_way_out_are_named(
    why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone" if why == "gone" else tmp_path
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    with files_of_at_most(100), pytest.raises(SourceError) as refused:
        held(7, list(range(20)))
    assert f"no temporary file in {folder} (" in str(refused.value)
    assert "set TMPDIR" in str(refused.value)


def test_where_no_folder_has_room_for_temporary_files_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python looks for one that it can write to, and knows none then."""
    monkeypatch.setattr(tempfile, "tempdir", None)
    with files_of_at_most(0), pytest.raises(SourceError, match=r"No usable temporary directory .*set TMPDIR"):
        held(7, list(range(20)))


def test_who_waits_for_a_large_file_hears_how_far_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensors_sim.sources.held.HEARD", 2)
    heard: list[int] = []
    out = Held(run=4, listener=heard.append)
    for number in range(10):
        out.add("north", "vehicles", bike(number))
    assert heard == [2, 4, 6, 8, 10]


def test_batches_are_of_a_size_and_in_order() -> None:
    out = Held(run=4_000)
    for ts in range(3 * BATCH, 0, -1):
        out.add("north", "vehicles", bike(ts))
    batches = list(out.batches())
    assert [len(batch) for batch in batches] == [BATCH] * 3
    assert all(one.ts[-1] <= two.ts[0] for one, two in pairwise(batches))
