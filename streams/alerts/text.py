"""Alerts as lines for a person."""

from datetime import UTC, datetime, tzinfo

from schemas.alerts import Alert

COLOURS = {"warning": "cyan", "minor": "yellow", "major": "dark_orange", "critical": "bold red"}


def line(alert: Alert, zone: tzinfo = UTC) -> str:
    """Return one line: event time, what happened, how bad, where, and the figures."""
    moment = datetime.fromtimestamp(alert.updated_at / 1000, zone).strftime("%Y-%m-%d %H:%M:%S")
    action = {"raised": "RAISED ", "updated": "CHANGED", "cleared": "CLEARED"}[alert.action]
    minutes = (alert.updated_at - alert.starts_at) / 60_000
    return (
        f"{moment}  {action} {alert.severity:<8} {alert.kind}  {alert.cell} "
        f"({alert.lat:.5f},{alert.lon:.5f} {alert.zone})  {alert.summary}; since {minutes:.0f} min"
    )


def styled(alert: Alert, zone: tzinfo = UTC) -> tuple[str, str]:
    """Return the line and the style to show it in."""
    return line(alert, zone), "green" if alert.action == "cleared" else COLOURS[alert.severity]
