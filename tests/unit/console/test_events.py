"""Server-Sent Events: frames that a browser understands, whatever stands in the data."""

import json
from dataclasses import replace
from typing import Any

import pytest

from streams.console import events
from streams.console.freshness import Status
from streams.console.view import diff
from tests.chaos.onlooker import Seen
from tests.unit.console.rows import CELLS, T0, a_view, alert, cell


def fields(frame: bytes) -> list[tuple[str, str]]:
    assert frame.endswith(b"\n\n")
    assert frame.count(b"\n\n") == 1, "an empty line ends an event"
    pairs = [line.partition(": ") for line in frame.decode().split("\n")[:-2]]
    return [(name, value) for name, _, value in pairs]


def test_an_event_has_its_name_its_id_and_its_data_in_one_line() -> None:
    odd = replace(alert("a"), summary="two\nlines\r\n\n, data: x")
    frame = events.snapshot(a_view(alerts=(odd,)), T0, "e-1")
    (event, number, data) = fields(frame)
    assert (event, number) == (("event", "snapshot"), ("id", "e-1"))
    assert json.loads(data[1])["alerts"][0]["summary"] == odd.summary


def test_a_snapshot_holds_every_row_and_each_outline_once_with_times_in_utc() -> None:
    frame = events.snapshot(a_view(cell(CELLS[0]), cell(CELLS[0], "didi"), cell(CELLS[1])), T0, "e-1")
    data = json.loads(fields(frame)[2][1])
    assert [(row["cell"], row["operator"]) for row in data["cells"]] == [
        (CELLS[0], "didi"),
        (CELLS[0], "hello"),
        (CELLS[1], "hello"),
    ]
    assert data["cells"][0]["as_of"] == "2026-03-01T12:00:00Z"
    assert data["outlines"].keys() == {CELLS[0], CELLS[1]}
    assert len(data["outlines"][CELLS[0]]) == 6


def parts_of(frame: bytes) -> list[tuple[str, dict[str, Any]]]:
    events_ = [fields(part + b"\n\n") for part in frame.split(b"\n\n")[:-1]]
    return [(part[0][1], json.loads(part[2][1])) for part in events_]


def test_many_rows_come_in_several_events_that_together_are_the_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_ROWS", 2)
    full = a_view(
        *(cell(each) for each in CELLS), cell(CELLS[0], "didi"), alerts=(alert("a"), alert("b"), alert("c"))
    )
    parts = parts_of(events.snapshot(full, T0, "e-1"))
    assert [(name, data["more"]) for name, data in parts] == [("snapshot", True), ("changes", False)]
    seen = Seen()
    for name, data in parts:
        assert len(data["cells"]) <= 2
        assert data["outlines"].keys() == {row["cell"] for row in data["cells"]}
        seen.take(name, data)
    assert seen.cells.keys() == full.cells.keys()
    assert seen.alerts.keys() == full.alerts.keys()
    parts = parts_of(events.changes(diff(full, a_view()), full, T0, "e-2"))
    assert [(name, len(data["gone"]), len(data["over"]), data["more"]) for name, data in parts] == [
        ("changes", 2, 2, True),
        ("changes", 2, 1, False),
    ]
    for name, data in parts:
        seen.take(name, data)
    assert (seen.cells, seen.alerts) == ({}, {})


def test_few_rows_come_in_one_event() -> None:
    ((_, data),) = parts_of(events.snapshot(a_view(), T0, "e-1"))
    assert data["more"] is False


def test_the_outline_of_a_cell_that_changes_hands_is_told_again() -> None:
    before, after = a_view(cell(CELLS[0])), a_view(cell(CELLS[0], "didi"))
    ((_, data),) = parts_of(events.changes(diff(before, after), before, T0, "e-2"))
    assert [*data["outlines"]] == [CELLS[0]], "whoever hears first that one row is gone forgets the outline"


def test_changes_bring_outlines_of_new_cells_only() -> None:
    before = a_view(cell(CELLS[0]))
    after = a_view(cell(CELLS[0], standing=9), cell(CELLS[0], "didi"), cell(CELLS[1]))
    data = json.loads(fields(events.changes(diff(before, after), before, T0, "e-2"))[2][1])
    assert len(data["cells"]) == 3
    assert [*data["outlines"]] == [CELLS[1]]
    assert (data["gone"], data["over"]) == ([], [])


def test_a_status_has_no_id_for_it_changes_nothing_that_is_known() -> None:
    frame = events.status(Status(fresh=False, polled_at=None, stale_since=T0, reason="away"))
    assert [name for name, _ in fields(frame)] == ["event", "data"]
    assert json.loads(fields(frame)[1][1])["stale_since"] == "2026-03-01T12:00:00Z"
