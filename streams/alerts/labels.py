"""The labels of an alert: what silences, filters and receivers match."""

from schemas.alerts import Alert
from streams.alerts.matchers import Labels
from streams.fold.outlines import District


def labels_of(alert: Alert, district: District) -> Labels:
    """Return the labels of an alert as of its newest event."""
    return labels(
        severity=alert.severity,
        kind=alert.kind,
        cell=alert.cell,
        region=alert.region,
        zone=alert.zone,
        policy=alert.policy,
        district=district(alert.lat, alert.lon),
        operators=list(alert.evidence.by_operator),
        subject=alert.subject,
    )


def labels(
    *,
    severity: str,
    kind: str,
    cell: str,
    region: str,
    zone: str,
    policy: str,
    district: str | None,
    operators: list[str],
    subject: str | None,
) -> Labels:
    """Return labels from their values."""
    return {
        "severity": (severity,),
        "kind": (kind,),
        "cell": (cell,),
        "region": (region,),
        "zone": (zone,),
        "policy": (policy,),
        "district": () if district is None else (district,),
        "operator": tuple(sorted(operators)),
        "subject": () if subject is None else (subject,),
    }
