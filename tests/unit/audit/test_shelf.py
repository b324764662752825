"""Frames that are put down come back by key, from memory or from a file that nobody sees."""

from pathlib import Path

import polars as pl
import pytest

from streams.audit import shelf as shelf_module
from streams.audit.shelf import DAY_MS, Shelf, by_day
from streams.errors import CannotAudit

SCHEMA = {"at": pl.Int64(), "name": pl.String(), "share": pl.Float64()}


def rows(*days: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "at": [day * DAY_MS + number for number, day in enumerate(days)],
            "name": [None if day == 2 else f"of day {day}" for day in days],
            "share": [day / 3 for day in days],
        },
        schema=SCHEMA,
    )


@pytest.mark.parametrize("in_memory", [0, 300, 10**6])
def test_frames_come_back_by_day_in_the_order_in_which_they_were_put_down(
    in_memory: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf_module, "_SMALL", in_memory)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    shelf, frames = Shelf(SCHEMA), [rows(3, 1, 3), rows(), rows(2), rows(1, 2, 2, 3)]
    for frame in frames:
        shelf.put(frame, by_day("at"))
    everything = pl.concat(frames)
    assert (shelf.numbers(), shelf.count) == ([1, 2, 3], len(everything))
    for day in (0, 1, 2, 3):
        assert shelf.take(day).equals(everything.filter(pl.col("at") // DAY_MS == day))
    assert shelf.all().equals(everything.sort(pl.col("at") // DAY_MS, maintain_order=True))
    assert list(tmp_path.iterdir()) == []


def test_a_place_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "_SMALL", 0)
    monkeypatch.setattr(shelf_module, "_directory", lambda: str(tmp_path / "missing"))
    with pytest.raises(
        CannotAudit, match=r"missing: No such file or directory; name a directory with more room"
    ):
        Shelf(SCHEMA).put(rows(1), by_day("at"))
