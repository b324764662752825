"""The command on recorded alerts, and its tables; against a running system: tests/e2e/test_score.py."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sensors_sim.cli import sim
from tests.unit.sensors_sim.score.truths import PARK, SQUARE, STATION

BEGIN = 1772409600000
TRUTH = {
    "scenario": "metro-flood",
    "seed": 1,
    "begin": "2026-03-02T00:00:00Z",
    "end": "2026-03-02T02:00:00Z",
    "due": [
        {
            "kind": "oversaturation",
            "cells": [cell],
            "from": "2026-03-02T00:10:00Z",
            "to": "2026-03-02T00:20:00Z",
            "why": why,
        }
        for cell, why in ((STATION, "the flood"), (SQUARE, "its neighbour"))
    ],
    "may": [],
    "silent": [
        {
            "kind": "*",
            "cells": [],
            "from": "2026-03-02T00:00:00Z",
            "to": "2026-03-02T02:00:00Z",
            "why": "a quiet park",
        }
    ],
}


def alert(minute: int, cell: str, **more: Any) -> dict[str, Any]:
    return {
        "alert_id": f"{cell}/{minute}",
        "sequence": 0,
        "action": "raised",
        "kind": "oversaturation",
        "severity": "minor",
        "cell": cell,
        "updated_at": BEGIN + minute * 60_000,
        "summary": "70 bikes in a cell for 60",
        **more,
    }


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    truth, alerts = tmp_path / "truth.json", tmp_path / "alerts.jsonl"
    truth.write_text(json.dumps(TRUTH))
    rows = [alert(12, STATION), alert(30, PARK), alert(-60, STATION)]
    alerts.write_text("\n".join(json.dumps(row) for row in rows) + "\nnonsense\n")
    return str(truth), str(alerts)


def call(*arguments: str) -> Result:
    return CliRunner().invoke(sim, ["score", *arguments], env={"COLUMNS": "200"})


def test_recorded_alerts_are_scored_as_json(files: tuple[str, str]) -> None:
    result = call("--truth", files[0], "--alerts", files[1], "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["all"]["precision"] == 0.5
    assert found["all"]["recall"] == 0.5
    assert found["all"]["missed"] == 1
    assert found["all"]["delay_max_s"] == 120.0
    assert found["all"]["false_per_hour"] == 0.5
    assert found["kinds"] == {"oversaturation": found["all"]}
    assert [(one["cells"], one["found"], one["delay_s"]) for one in found["due"]] == [
        ([STATION], True, 120.0),
        ([SQUARE], False, None),
    ]
    assert [(one["cell"], one["silent"], one["raised_at"]) for one in found["false"]] == [
        (PARK, "a quiet park", "2026-03-02T00:30:00.000Z")
    ]
    assert [one["why"] for one in found["not_judged"]] == ["raised before the scenario begins"]
    assert found["notes"][0].startswith("records that are no alerts: 1; first line 4")


def test_tables_list_what_was_found_missed_and_false(files: tuple[str, str]) -> None:
    shown = call("--truth", files[0], "--alerts", files[1]).stdout
    (found,) = [line for line in shown.splitlines() if "the flood" in line]
    assert "120 s" in found
    assert f"minor {STATION}" in found
    (missed,) = [line for line in shown.splitlines() if "its neighbour" in line]
    assert "MISSED" in missed
    (false,) = [line for line in shown.splitlines() if "a quiet park" in line]
    assert PARK in false
    assert "2026-03-02 00:30:00" in false
    assert "Not judged (1)" in shown


def test_the_exit_code_says_whether_the_bounds_are_kept(files: tuple[str, str]) -> None:
    offline = ("--truth", files[0], "--alerts", files[1])
    assert call(*offline, "--least-recall", "0.5", "--least-precision", "0.5").exit_code == 0
    short = call(*offline, "--least-recall", "0.9")
    assert short.exit_code == 1
    assert "recall 0.500 is below 0.9" in short.stderr


def test_alerts_of_cells_of_another_size_are_said_to_match_nothing(files: tuple[str, str]) -> None:
    Path(files[1]).write_text(json.dumps(alert(12, "8830994a55fffff")))
    notes = json.loads(call("--truth", files[0], "--alerts", files[1], "--json").stdout)["notes"]
    assert "H3 resolution [8], the truth about [9]" in notes[0]


def test_without_a_scenario_there_must_be_truth_and_alerts(files: tuple[str, str]) -> None:
    for arguments in ((), ("--truth", files[0]), ("--alerts", files[1])):
        result = call(*arguments)
        assert result.exit_code == 2
        assert "--truth FILE" in result.stderr


def test_only_the_kinds_that_are_asked_for_are_judged(files: tuple[str, str]) -> None:
    found = json.loads(call("--truth", files[0], "--alerts", files[1], "--kind", "anomaly", "--json").stdout)
    assert found["kinds"] == {}
    assert (found["due"], found["false"], found["all"]["recall"]) == ([], [], None)
    with_it = call(
        "--truth", files[0], "--alerts", files[1], "--kind", "anomaly", "--kind", "oversaturation", "--json"
    )
    assert json.loads(with_it.stdout)["all"]["due"] == 2


def test_a_kind_that_no_alert_can_have_is_refused_with_the_nearest(files: tuple[str, str]) -> None:
    for arguments in (("--truth", files[0], "--alerts", files[1]), ("metro-flood", "--mqtt", "127.0.0.1:1")):
        result = call(*arguments, "--kind", "anomly", "--least-recall", "1")
        assert result.exit_code == 2
        assert "no alert is of kind 'anomly'; did you mean 'anomaly'?" in result.stderr
    assert call("--truth", files[0], "--alerts", files[1], "--kind", "*").exit_code == 2


def test_a_kind_of_a_newer_system_is_judged_where_the_alerts_or_the_truth_have_it(
    files: tuple[str, str],
) -> None:
    Path(files[1]).write_text(json.dumps(alert(12, PARK, kind="flying")))
    found = json.loads(call("--truth", files[0], "--alerts", files[1], "--kind", "flying", "--json").stdout)
    assert found["all"]["false"] == 1


def test_recorded_alerts_are_judged_by_what_the_scenario_itself_knows(tmp_path: Path) -> None:
    flooded = tmp_path / "alerts.jsonl"
    flooded.write_text(json.dumps(alert(0, STATION, updated_at=BEGIN - 22 * 60_000)))
    short = ("metro-flood", "--for", "780", "--alerts", str(flooded), "--only", "bikes", "--json")
    found = json.loads(call(*short).stdout)
    assert found["begin"] == "2026-03-01T23:30:00.000Z"
    assert found["end"] == "2026-03-01T23:43:00.000Z"
    assert [one["found"] for one in found["due"] if one["cells"] == [STATION]] == [True]
    assert found["all"]["false"] == 0


def test_the_truth_of_another_run_is_refused(files: tuple[str, str]) -> None:
    result = call("metro-flood", "--seed", "2", "--truth", files[0], "--alerts", files[1])
    assert result.exit_code == 1
    assert "its seed is 1, that of this run 2" in result.stderr


def test_a_run_without_a_broker_ends_in_one_line() -> None:
    truth = {**TRUTH, "begin": "2026-03-01T23:30:00Z"}
    with CliRunner().isolated_filesystem():
        Path("truth.json").write_text(json.dumps(truth))
        result = call("metro-flood", "--truth", "truth.json", "--mqtt", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "no MQTT broker at 127.0.0.1:1" in result.stderr
