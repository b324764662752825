"""An alert for tests of what people read and do."""

from schemas.alerts import Alert, AlertAction, Evidence, Severity
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
