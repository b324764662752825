"""Alerts and what people do about them, as lines for a person."""

from datetime import datetime

from schemas.alert_actions import AlertHandling
from schemas.alerts import Alert
from streams.printable import printable
from streams.times import to_minute, to_second

COLOURS = {"warning": "cyan", "minor": "yellow", "major": "dark_orange", "critical": "bold red"}


def line(alert: Alert) -> str:
    """Return one line: event time (UTC), what happened, how bad, where, the figures, and the beginning of its id."""
    action = {"raised": "RAISED ", "updated": "CHANGED", "cleared": "CLEARED"}[alert.action]
    minutes = (alert.updated_at - alert.starts_at) / 60_000
    return printable(
        f"{to_second(alert.updated_at)}  {action} {alert.severity:<8} {alert.kind}  {alert.cell} "
        f"({alert.lat:.5f},{alert.lon:.5f} {alert.zone})  {alert.summary}; since {minutes:.0f} min  "
        f"{alert.alert_id[:8]}"
    )


def styled(alert: Alert) -> tuple[str, str]:
    """Return the line and the style to show it in."""
    return line(alert), "green" if alert.action == "cleared" else COLOURS[alert.severity]


def action_line(handling: AlertHandling) -> str:
    """Return one line: when (wall clock, UTC), which alert, who did what, and what they said."""
    return (
        f"{to_second(handling.at)}  {handling.kind}  {handling.cell}  "
        + deed(handling.action, handling.by, handling.text, handling.assignee, handling.due_at)
        + f"  {handling.alert_id}"
    )


def deed(action: str, by: str, text: str | None, assignee: str | None, due: int | datetime | None) -> str:
    """Return who did what, and what they said."""
    words = f"{action} by {by}"
    if action == "assigned":
        words = f"assigned to {assignee} by {by}"
        if due is not None:
            words += f", due {to_minute(due)}"
    words = words if text is None else f"{words}: {text}"
    return printable(words)
