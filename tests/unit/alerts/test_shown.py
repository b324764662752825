"""What `alerts show` tells a person."""

from datetime import UTC, datetime

from streams.alerts.shown import Shown, as_json, as_text
from streams.store.queries import AlertRow

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
