"""Incidents in the tables and views, and by the commands."""

import asyncio
import json
from pathlib import Path
from typing import Any

import h3.api.basic_int as h3i
import pytest

from streams.fold.contract import Rows
from streams.grid import locate
from streams.store.checkpoint import Store
from tests.conftest import Database
from tests.e2e.commands import Finished, clean_environment, run
from tests.integration import store_rows as rows
from tests.integration.store_rows import CELL, T0, columns
from tests.integration.store_support import query, write

pytestmark = pytest.mark.integration

HEX = f"{CELL:x}"
NEXT = f"{h3i.grid_ring(CELL, 1)[0]:x}"


def incident(incident_id: str = "i-1", **changes: Any) -> Rows:
    cells = changes.pop("cells", [HEX, NEXT])
    base = {
        "incident_id": incident_id,
        "sequence": 1,
        "status": "active",
        "severity": "major",
        "kinds": json.dumps(["anomaly", "oversaturation"]),
        "region": "82309ffffffffff",
        "zones": json.dumps(["metro"]),
        "cells": json.dumps(cells),
        "rollup": json.dumps(cells),
        "outline": json.dumps({"type": "MultiPolygon", "coordinates": locate.outline(cells)}),
        "alerts": json.dumps(["a-1", "a-2"]),
        "started_at": T0,
        "updated_at": T0 + 60_000,
        "ended_at": None,
        "split_from": None,
        "merged_into": None,
        "summary": "2 open alerts in 2 cells of metro: anomaly, oversaturation",
    }
    return Rows("incident", columns({**base, **changes}))


def part(incident_id: str, alert_id: str) -> Rows:
    return Rows(
        "incident_alert", columns({"incident_id": incident_id, "alert_id": alert_id, "joined_at": T0})
    )


def ended(incident_id: str) -> Rows:
    return incident(incident_id, status="ended", ended_at=T0 + 60_000, cells=[HEX])


@pytest.fixture
def filled(migrated: Database) -> Database:
    write(
        migrated,
        *(incident(), ended("j-2"), part("i-1", "a-1"), part("j-2", "a-1")),
        *rows.alert("raised", 0, T0, alert_id="a-1"),
        stage="incidents",
    )
    return migrated


def urbanbrain(database: Database, directory: Path, *arguments: str) -> Finished:
    environment = {**clean_environment(), "UB_DATABASE_URL": database.writer_url}
    return run("incidents", *arguments, environment=environment, directory=directory)


def test_a_reader_sees_incidents_with_their_outline_and_alerts(filled: Database) -> None:
    found = query(
        filled.reader_url,
        "SELECT status, jsonb_array_length(cells), outline ->> 'type', ended_at IS NULL FROM api.incidents "
        "ORDER BY incident_id",
    )
    assert found == [("active", 2, "MultiPolygon", True), ("ended", 1, "MultiPolygon", False)]
    [(hex_, kind)] = query(
        filled.reader_url, "SELECT hex, kind FROM api.incident_alerts WHERE incident_id = 'i-1'"
    )
    assert (hex_, kind) == (HEX, "oversaturation")


def test_list_shows_the_active_ones_or_those_that_are_asked_for(filled: Database, tmp_path: Path) -> None:
    active = urbanbrain(filled, tmp_path, "list")
    assert "i-1" in active.out, active
    assert "j-2" not in active.out
    everything = urbanbrain(filled, tmp_path, "list", "--all")
    assert "i-1" in everything.out, everything
    assert "j-2" in everything.out
    here = urbanbrain(filled, tmp_path, "list", "--all", "--cell", NEXT)
    assert "i-1" in here.out, here
    assert "j-2" not in here.out
    both = urbanbrain(filled, tmp_path, "list", "--all", "--status", "ended")
    assert both.code == 2


def test_show_has_the_alerts_and_json_the_outline(filled: Database, tmp_path: Path) -> None:
    shown = urbanbrain(filled, tmp_path, "show", "i")
    assert shown.code == 0, shown
    assert "2 open alerts in 2 cells of metro" in shown.out
    assert "a-1" in shown.out
    value = json.loads(urbanbrain(filled, tmp_path, "show", "i-1", "--json").out)
    assert value["outline"]["type"] == "MultiPolygon"
    assert [(one["alert_id"], one["cell"], one["hex"]) for one in value["parts"]] == [("a-1", HEX, HEX)]


def test_less_than_one_incident_is_not_listed(filled: Database, tmp_path: Path) -> None:
    refused = urbanbrain(filled, tmp_path, "list", "--limit", "-1")
    assert refused.code == 2
    assert "-1 is not in the range x>=1" in refused.err


def test_an_alert_names_the_incidents_that_it_was_part_of(filled: Database, tmp_path: Path) -> None:
    environment = {**clean_environment(), "UB_DATABASE_URL": filled.writer_url}
    shown = run("alerts", "show", "a-1", environment=environment, directory=tmp_path, timeout_s=60.0)
    assert "incident   i-1 j-2" in shown.out, shown


def test_an_id_that_is_none_is_said(filled: Database, tmp_path: Path) -> None:
    line = urbanbrain(filled, tmp_path, "show", "x").failed_with_one_line()
    assert "there is no incident whose id begins with 'x'; `urbanbrain incidents list` shows them" in line


def test_the_store_knows_which_alerts_and_incidents_are_open(filled: Database) -> None:
    write(filled, *rows.alert("cleared", 1, T0, alert_id="a-2"), stage="incidents", partition=1)

    async def asked(*ids: str) -> set[str]:
        async with Store(filled.writer_url) as store:
            return await store.open_now(ids)

    assert asyncio.run(asked("a-1", "a-2", "a-3", "i-1", "j-2")) == {"a-1", "i-1"}
    assert asyncio.run(asked()) == set()
