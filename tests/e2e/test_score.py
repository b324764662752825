"""`urbanbrain sim score` against a running system: the metro flood is found, and nothing else is raised."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import CityMaker

pytestmark = pytest.mark.e2e

STATION = "8930994a553ffff"
SECONDS = 900
"""Event time: the station's cell is full from minute 6 on."""

TRUTH: dict[str, Any] = {
    "scenario": "metro-flood",
    "seed": 1,
    "begin": "2026-03-01T23:30:00Z",
    "end": "2026-03-02T02:30:00Z",
    "due": [
        {
            "kind": "oversaturation",
            "cells": [STATION],
            "from": "2026-03-01T23:35:00Z",
            "to": "2026-03-01T23:44:00Z",
            "why": "Century Avenue is flooded",
        },
        {
            "kind": "oversaturation",
            "cells": ["8930994a03bffff"],
            "from": "2026-03-02T01:00:00Z",
            "to": "2026-03-02T01:10:00Z",
            "why": "comes after this run has ended",
        },
    ],
    "may": [
        {
            "kind": "oversaturation",
            "cells": [],
            "subject": None,
            "from": "2026-03-01T23:30:00Z",
            "to": "2026-03-02T02:30:00Z",
            "why": "the cells around the station",
        }
    ],
    "silent": [],
}


def test_a_flood_is_found_in_the_running_system_and_its_record_scores_the_same(
    a_city: CityMaker, tmp_path: Path
) -> None:
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps(TRUTH))
    with a_city(UB_DEFAULT_CAPACITY="60", UB_MIN_DURATION_S="120") as city:
        city.start_gateway()
        city.start_worker()
        arguments = ("sim", "score", "metro-flood", "--only", "bikes", "--json")
        bounds = ("--least-recall", "1", "--least-precision", "1")
        run = ("--for", str(SECONDS), "--speed", "60", "--settle", "5")
        scored = city.run(*arguments, *run, *bounds, timeout_s=120.0)
        assert scored.code == 0, f"{scored}\n{city.state()}"
        found = json.loads(scored.out)
        assert (found["all"]["recall"], found["all"]["precision"]) == (1.0, 1.0)
        assert found["notes"] == []  # among others: the ledger had everything
        (station,) = [due for due in found["due"] if due["cells"] == [STATION]]
        assert 60 <= station["delay_s"] <= 300  # the pipeline waits for two minutes at the threshold

        history = tmp_path / "history.jsonl"
        rows = city.query("SELECT body FROM api.alert_history")
        history.write_text("\n".join(json.dumps(row["body"]) for row in rows))
        recorded = ("sim", "score", "--truth", str(truth), "--alerts", str(history))
        again = json.loads(city.run(*recorded, "--json").out)
        assert again["due"][0]["alerts"] == station["alerts"]
        assert again["due"][1]["found"] is False

        missed = city.run(*recorded, "--least-recall", "1")
        assert missed.code == 1
        assert "MISSED" in missed.out
        assert "recall 0.500 is below 1" in missed.err

        repeated = json.loads(city.run(*arguments, "--for", "120", "--speed", "max", "--settle", "1").out)
        assert any("the system has seen this time before" in note for note in repeated["notes"])
        assert {one["why"] for one in repeated["not_judged"]} == {"it was open before the run began"}


def test_a_bike_that_lies_about_where_it_is_is_found_in_the_running_system(a_city: CityMaker) -> None:
    """From minute 30 to 93 it claims every three minutes to be elsewhere; nobody else jumps meanwhile."""
    with a_city(UB_JUMP_KMH="60") as city:
        city.start_gateway()
        city.start_worker()
        run = ("--bikes", "1000", "--for", "3780", "--speed", "60", "--settle", "5")
        bounds = ("--least-recall", "1", "--least-precision", "1")
        scored = city.run(
            "sim", "score", "fake-gps", "--only", "bikes", "--json", *run, *bounds, timeout_s=180.0
        )
        assert scored.code == 0, f"{scored}\n{city.state()}"
        [due] = json.loads(scored.out)["due"]
        assert (due["kind"], due["subject"], due["found"]) == ("impossible_jump", "hello-000017", True)
        assert due["delay_s"] <= 90


def test_riders_who_race_are_found_in_the_running_system_by_the_policy_beside_the_scenario(
    a_city: CityMaker,
) -> None:
    """From minute 30 on; 25 km/h are allowed, nobody else is faster than 15."""
    policy = Path(__file__).parents[2] / "sensors_sim" / "scenarios" / "racing.mds.json"
    with a_city(UB_POLICY_FILE=str(policy), UB_POLICY_VEHICLE_TYPES="bicycle") as city:
        city.start_gateway()
        city.start_worker()
        run = ("--bikes", "3000", "--for", "3600", "--speed", "60", "--settle", "5")
        bounds = ("--least-recall", "1", "--least-precision", "1")
        scored = city.run(
            *("sim", "score", "racing", "--only", "bikes", "--kind", "speeding", "--json"),
            *(*run, *bounds),
            timeout_s=240.0,
        )
        assert scored.code == 0, f"{scored}\n{city.state()}"
        due = json.loads(scored.out)["due"]
        assert len(due) >= 6
        assert max(one["delay_s"] for one in due) <= 60
