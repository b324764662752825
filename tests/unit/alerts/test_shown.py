"""What `alerts show` tells a person."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import msgspec

from schemas import alerts
from streams.alerts.shown import _TIMES, Shown, as_json, as_text
from streams.alerts.silences import Silence
from streams.store.alert_desk import ActionRow
from streams.store.queries import AlertRow, EventRow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROW = AlertRow(
    alert_id="93c58aed",
    severity="minor",
    kind="oversaturation",
    status="active",
    acknowledged=False,
    hex="8930994a553ffff",
    region="82309ffffffffff",
    zone="default",
    lat=31.2,
    lon=121.5,
    starts_at=NOON,
    updated_at=NOON,
    ends_at=None,
    summary="71 bikes in a cell for 60",
    policy="default",
    occupancy=71,
    capacity=60,
    by_operator={"hello": 71},
    sequence=0,
    evidence={"jump": None, "topic": "ub.cells", "forecast": None, "capacity": 60, "partition": 0},
    acknowledged_by=None,
    acknowledged_at=None,
    assignee=None,
    due_at=None,
    comment=None,
    closed_by=None,
    closed_at=None,
    subject=None,
)


def test_a_person_sees_the_evidence_that_there_is_and_a_program_all_of_it() -> None:
    shown = Shown(ROW, [], [])
    _, _, evidence = as_text(shown).partition("evidence\n")
    lines = evidence.split("\n\n")[0].splitlines()
    assert lines == ["  capacity     60", "  partition    0", "  topic        ub.cells"]
    assert as_json(shown)["evidence"] == ROW.evidence


def test_a_person_is_spared_the_corners_of_an_outline() -> None:
    rule = {"name": "Rule", "excess": 3, "outline": {"type": "MultiPolygon", "coordinates": [[[[1.0, 2.0]]]]}}
    shown = Shown(replace(ROW, evidence={"rule": rule}), [], [])
    assert "  rule         name Rule, excess 3\n" in as_text(shown)
    assert as_json(shown)["evidence"]["rule"] == rule


def test_a_program_finds_the_cell_as_on_the_wire_and_as_in_the_tables() -> None:
    """Those who read `tail --json`, or MQTT, know it as `cell`; those who query the views as `hex`."""
    found = as_json(Shown(ROW, [], []))
    assert (found["cell"], found["hex"]) == (ROW.hex, ROW.hex)


def test_what_a_publisher_named_moves_no_terminal() -> None:
    named = replace(
        ROW, summary="2 requests of a\x9b31m\u202eb", subject="a\x9b31m\u202eb", evidence={"hot": "\x1b[2J"}
    )
    text = as_text(Shown(named, [], []))
    assert all(line.isprintable() for line in text.split("\n"))
    assert r"about      a\x9b31m\u202eb" in text


def test_a_person_is_told_of_all_times_that_they_are_utc() -> None:
    noon = NOON.astimezone(timezone(timedelta(hours=8)))  # as a database in Shanghai gives them
    row = replace(ROW, starts_at=noon, ends_at=noon, assignee="carl", due_at=noon)
    events = [EventRow(noon, "raised", "minor", "71 bikes")]
    done = [ActionRow(noon, "assigned", "anna", None, "carl", noon)]
    text = as_text(Shown(row, events, done, Silence("s", (), noon, noon, "fair")))
    for line in (
        "since      2026-03-01 12:00:00 to 2026-03-01 12:00:00 UTC (event time)",
        "assignee   carl, due 2026-03-01 12:00:00 UTC",
        "silenced   until 2026-03-01 12:00:00 UTC by : fair",
        "life (event time, UTC)\n  2026-03-01 12:00:00  raised ",
        "what was done (wall clock, UTC)\n  2026-03-01 12:00:00  assigned to carl by anna, due 2026-03-01 12:00",
    ):
        assert line in text


def test_times_of_evidence_are_shown_as_times_and_all_else_as_it_is() -> None:
    at = int(NOON.timestamp() * 1000)
    evidence = {
        "forecast": {"window_ms": 60_000, "expected_at": at, "latest_at": at + 60_000},
        "battery": {"ts": at, "clear_at": 30},
        "health": {"feed": "vehicles", "last_ts": None},
    }
    shown = Shown(replace(ROW, evidence=evidence), [], [])
    for line in (
        "forecast     window_ms 60000, expected_at 2026-03-01 12:00:00 UTC, latest_at 2026-03-01 12:01:00 UTC",
        "battery      ts 2026-03-01 12:00:00 UTC, clear_at 30",
        "health       feed vehicles, last_ts None",
    ):
        assert line in as_text(shown)
    assert as_json(shown)["evidence"] == evidence


def test_whatever_evidence_calls_a_time_is_known_as_one() -> None:
    """Names of integers that end as times do, in the documented structs; thresholds end so, too."""
    names = {
        name
        for struct in (getattr(alerts, one) for one in dir(alerts))
        if isinstance(struct, type) and issubclass(struct, msgspec.Struct) and struct is not alerts.Alert
        for name in struct.__struct_fields__
        if name.endswith(("_at", "_ts", "_start")) or name in ("ts", "since", "begin", "end")
    }
    assert names - {"raise_at", "clear_at"} - _TIMES == set()
