"""Alerts as people read them."""

from datetime import timedelta, timezone

import pytest

from schemas.alerts import SEVERITIES, Alert, AlertAction, Evidence, Severity
from streams.alerts.text import COLOURS, line, styled
from tests.pipeline import T0


def alert(action: AlertAction = "raised", severity: Severity = "major", minutes: float = 2) -> Alert:
    at = T0 + round(minutes * 60_000)
    return Alert(
        alert_id="id",
        sequence=0,
        action=action,
        kind="oversaturation",
        severity=severity,
        status="cleared" if action == "cleared" else "active",
        acknowledged=False,
        cell="89309959d07ffff",
        region="82309ffffffffff",
        zone="metro",
        lat=31.2334567,
        lon=121.4765432,
        starts_at=T0,
        updated_at=at,
        ends_at=at if action == "cleared" else None,
        summary="95 bikes in a cell for 60, 35 over capacity (north 95)",
        policy="default",
        policy_version="1",
        evidence=Evidence(95, 60, 60, 48, {"north": 95}, "ub.cells", 0, 7),
    )


def test_a_line_says_when_what_how_bad_where_and_why() -> None:
    assert line(alert()) == (
        "2026-01-01 00:02:00  RAISED  major    oversaturation  89309959d07ffff (31.23346,121.47654 metro)  "
        "95 bikes in a cell for 60, 35 over capacity (north 95); since 2 min"
    )


def test_the_time_is_shown_in_the_zone_asked_for() -> None:
    assert line(alert(), timezone(timedelta(hours=8))).startswith("2026-01-01 08:02:00  ")


def test_words_for_what_happened_are_equally_long() -> None:
    words = [line(alert(action))[21:28] for action in ("raised", "updated", "cleared")]
    assert words == ["RAISED ", "CHANGED", "CLEARED"]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_each_severity_has_its_colour_and_the_end_is_green(severity: Severity) -> None:
    assert styled(alert(severity=severity)) == (line(alert(severity=severity)), COLOURS[severity])
    assert styled(alert("cleared", severity))[1] == "green"
