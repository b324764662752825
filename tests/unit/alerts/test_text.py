"""Alerts as people read them."""

import pytest
from msgspec.structs import replace

from schemas.alert_actions import AlertHandling
from schemas.alerts import SEVERITIES, Severity
from streams.alerts.text import COLOURS, action_line, line, styled
from tests.pipeline import T0
from tests.unit.alerts.events import alert


def test_a_line_says_when_what_how_bad_where_and_why() -> None:
    assert line(alert()) == (
        "2026-01-01 00:02:00  RAISED  major    oversaturation  89309959d07ffff (31.23346,121.47654 metro)  "
        "95 bikes in a cell for 60, 35 over capacity (north 95); since 2 min  id"
    )


def test_what_a_publisher_named_moves_no_terminal_and_makes_no_line_of_its_own() -> None:
    """A right-to-left override and a line separator are no control characters, so they come as far as here."""
    forged = replace(alert(), summary="a\x1b[2J\u202eb\u2028c", zone="me\x9btro")
    shown = line(forged)
    assert shown.isprintable()
    assert r"metro)" not in shown
    assert r"(31.23346,121.47654 me\x9btro)  a\x1b[2J\u202eb\u2028c; since" in shown
    assert "می\u200cخواهم" in line(replace(alert(), zone="می\u200cخواهم"))


def test_words_for_what_happened_are_equally_long() -> None:
    words = [line(alert(action))[21:28] for action in ("raised", "updated", "cleared")]
    assert words == ["RAISED ", "CHANGED", "CLEARED"]


@pytest.mark.parametrize("severity", SEVERITIES)
def test_each_severity_has_its_colour_and_the_end_is_green(severity: Severity) -> None:
    assert styled(alert(severity=severity)) == (line(alert(severity=severity)), COLOURS[severity])
    assert styled(alert("cleared", severity))[1] == "green"


def handling(**changes: object) -> AlertHandling:
    values = dict.fromkeys(AlertHandling.__struct_fields__) | {
        "alert_id": "id",
        "action": "commented",
        "by": "anna",
        "at": T0,
        "kind": "oversaturation",
        "cell": "89309959d07ffff",
    }
    return AlertHandling(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"action": "acknowledged"}, "acknowledged by anna"),
        ({"text": "two vans"}, "commented by anna: two vans"),
        ({"text": "a\n2026-01-01  CLEARED\x1b[31m"}, r"commented by anna: a\n2026-01-01  CLEARED\x1b[31m"),
        ({"action": "assigned", "assignee": "ben"}, "assigned to ben by anna"),
        (
            {"action": "assigned", "assignee": "ben", "due_at": T0 + 60_000, "text": "go"},
            "assigned to ben by anna, due 2026-01-01 00:01: go",
        ),
    ],
)
def test_a_line_says_who_did_what_about_which_alert(changes: dict[str, object], words: str) -> None:
    assert action_line(handling(**changes)) == (
        f"2026-01-01 00:00:00  oversaturation  89309959d07ffff  {words}  id"
    )
