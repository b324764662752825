"""Rows for the tests of the console, by what matters in them."""

from datetime import UTC, datetime, timedelta

from streams.console.view import View, view
from streams.store.view_rows import CellNow, OpenAlert

T0 = datetime(2026, 3, 1, 12, tzinfo=UTC)
CELLS = ("8930994a073ffff", "8930994a553ffff", "8930994a557ffff")
"""Three cells of Pudong, in order."""
PARENT = "8830994a55fffff"
"""Resolution 8: holds the second and the third of them."""


def cell(where: str, operator: str = "hello", standing: int = 3, *, riding: int = 0) -> CellNow:
    return CellNow(
        cell=where,
        operator=operator,
        region="82309ffffffffff",
        available=standing,
        non_operational=0,
        reserved=0,
        on_trip=riding,
        non_contactable=0,
        occupancy=standing,
        as_of=T0,
        completeness=1.0,
    )


def alert(
    name: str, *, minutes: float = 0, severity: str = "minor", kind: str = "oversaturation"
) -> OpenAlert:
    return OpenAlert(
        alert_id=name,
        sequence=1,
        severity=severity,
        kind=kind,
        subject=None,
        cell=CELLS[0],
        lat=31.2,
        lon=121.5,
        region="82309ffffffffff",
        zone="default",
        starts_at=T0 + timedelta(minutes=minutes),
        updated_at=T0 + timedelta(minutes=minutes),
        summary="<b>full</b>",
        occupancy=None,
        capacity=None,
        policy="default",
        acknowledged=False,
        acknowledged_by=None,
        assignee=None,
        due_at=None,
        comment=None,
        operators=["hello"],
    )


def a_view(*rows: CellNow, alerts: tuple[OpenAlert, ...] = ()) -> View:
    return view(rows, alerts)
