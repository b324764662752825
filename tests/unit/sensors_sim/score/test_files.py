import json
from pathlib import Path
from typing import Any

import pytest

from sensors_sim.errors import SourceError
from sensors_sim.score.files import parse_truth, read_alerts, read_truth
from tests.unit.sensors_sim.score.truths import STATION

DUE = {
    "kind": "oversaturation",
    "cells": [STATION],
    "from": "2026-03-02T00:10:00Z",
    "to": "2026-03-02T00:20:00Z",
}
TRUTH = {
    "scenario": "x",
    "seed": 1,
    "begin": "2026-03-02T00:00:00Z",
    "end": "2026-03-02T01:00:00Z",
    "due": [DUE],
}
ALERT = {
    "alert_id": "a",
    "sequence": 0,
    "action": "raised",
    "kind": "oversaturation",
    "severity": "minor",
    "cell": STATION,
    "starts_at": 5,
    "updated_at": 7,
    "summary": "full",
    "evidence": {"occupancy": 70},
}


def parsed(**changes: Any) -> Any:
    return parse_truth(json.dumps({**TRUTH, **changes}).encode(), "truth.json")


def test_a_truth_is_read_with_its_times_as_milliseconds() -> None:
    silent = {**DUE, "kind": "*", "cells": [], "why": "quiet"}
    found = parsed(silent=[silent], begin="2026-03-02T08:00:00+08:00")
    assert found.begin == 1772409600000
    assert found.end - found.begin == 3_600_000
    (due,) = found.due
    assert (due.begin - found.begin, due.end - found.begin) == (600_000, 1_200_000)
    assert due.cells == {STATION}
    assert found.silent[0].why == "quiet"
    assert found.hours == 1.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"begin": "2026-03-02T00:00:00"}, "truth.json: begin is 2026-03-02T00:00:00, without an offset"),
        ({"begin": "2026-03-02T02:00:00Z"}, "is not before end"),
        (
            {"due": [{**DUE, "cells": ["here"]}]},
            r"truth.json: due\[0\].cells has 'here': an H3 cell is 15 hex",
        ),
        ({"due": [{**DUE, "to": "2026-03-02T00:00:00Z"}]}, r"due\[0\]: from .* is later than to"),
        ({"due": [{**DUE, "kind": "*"}]}, r"due\[0\].kind is '\*'; what is due has one kind"),
        ({"due": [{"kind": "oversaturation"}]}, "not a ground truth: .*missing required field `from`"),
        ({"due": None}, "not a ground truth"),
        (
            {"begin": "0001-01-01T00:00:00+14:00"},
            "truth.json: begin is 0001-.*; a scenario lies in the years",
        ),
        ({"end": "9999-12-31T23:59:59-14:00"}, "truth.json: end is 9999-.*; a scenario lies in the years"),
        ({"begin": "0000-01-01T00:00:00Z"}, "not a ground truth"),
    ],
)
def test_a_faulty_truth_is_refused_with_place_and_rule(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        parsed(**changes)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.json cannot be read"):
        read_truth(tmp_path / "gone.json")


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ALERT) + "\n\n" + json.dumps({**ALERT, "sequence": 1}) + "\n",
        json.dumps({"at": "x", "body": ALERT}) + "\n" + json.dumps({"body": {**ALERT, "sequence": 1}}),
        json.dumps([ALERT, {"body": {**ALERT, "sequence": 1}}], indent=1),
    ],
    ids=["lines of alerts tail", "rows of alert_history", "an array"],
)
def test_alerts_come_in_lines_rows_or_an_array(text: str, tmp_path: Path) -> None:
    file = tmp_path / "alerts"
    file.write_text(text)
    log = read_alerts(file)
    assert [(event.alert_id, event.sequence, event.updated_at) for event in log.events] == [
        ("a", 0, 7),
        ("a", 1, 7),
    ]
    assert log.skipped == 0


def test_what_people_did_about_alerts_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_text(f'{json.dumps(ALERT)}\n{{"action_id": "x", "alert_id": "a", "sequence": 0}}\n')
    log = read_alerts(file)
    assert (len(log.events), log.skipped) == (1, 0)


def test_what_is_no_alert_is_counted_with_the_first_as_an_example(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_text(f'{json.dumps(ALERT)}\n{{"alert_id": 5}}\nnonsense\n[1,\n')
    log = read_alerts(file)
    assert len(log.events) == 1
    assert log.skipped == 3
    assert log.example.startswith("line 2: ")


@pytest.mark.parametrize(
    "odd",
    [
        {"cell": "x"},
        {"cell": "nowhere"},
        {"cell": f"{STATION}\n"},
        {"updated_at": 1772409600000000},
        {"updated_at": -62135596800000},
        {"updated_at": 10**30},
    ],
)
def test_an_alert_without_a_place_or_a_time_that_can_be_is_counted_as_none(
    odd: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_text(f"{json.dumps({**ALERT, 'cell': ''})}\n{json.dumps({**ALERT, **odd})}\n")
    log = read_alerts(file)
    assert ([event.cell for event in log.events], log.skipped) == ([""], 1)
    assert log.example.startswith("line 2: ")
    assert next(iter(odd)) in log.example


def test_an_empty_file_holds_no_alerts_but_one_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    file.write_text("")
    assert read_alerts(file).events == []
    file.write_text("vehicle_id,ts\n")
    with pytest.raises(SourceError, match=r"holds no alert; line 1: .*alerts tail --json"):
        read_alerts(file)


def test_lists_in_lists_without_end_are_no_alert_and_no_truth(tmp_path: Path) -> None:
    (tmp_path / "deep.jsonl").write_text("[" * 100_000)
    with pytest.raises(SourceError, match="holds no alert"):
        read_alerts(tmp_path / "deep.jsonl")
    with pytest.raises(SourceError, match="is not a ground truth"):
        parsed(begin=[[]] * 3)
    with pytest.raises(SourceError, match="is not a ground truth"):
        parse_truth(b'{"scenario":"\xff"}', "truth.json")


def test_a_byte_order_mark_spoils_neither_a_truth_nor_the_first_alert(tmp_path: Path) -> None:
    truth, alerts = tmp_path / "truth.json", tmp_path / "alerts.jsonl"
    begin, end = "2026-03-01T00:00:00Z", "2026-03-01T01:00:00Z"
    truth.write_text(json.dumps({"scenario": "mine", "begin": begin, "end": end, "due": []}), "utf-8-sig")
    assert read_truth(truth).scenario == "mine"
    for text in (json.dumps(ALERT), json.dumps([ALERT])):
        alerts.write_text(text, "utf-8-sig")
        log = read_alerts(alerts)
        assert ([event.alert_id for event in log.events], log.skipped) == (["a"], 0)
