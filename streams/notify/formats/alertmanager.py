"""Alertmanager's API v2, POST /api/v2/alerts: a list of alerts.

https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml

Alertmanager knows an alert by its labels, and severity is one of them: with another severity it is another alert there.
So when the severity changes, the same request ends those of all other severities. The request that ends the alert does
so too, as a change may have been kept back. An alert that is not repeated before its endsAt is resolved there, so
receivers of this format get it again every `repeat_interval`: the alert alone. It forgets what it has told the end of,
and with each further end would notify people of a group in which nothing has changed.

An end that is not over by its own clock is no end to Alertmanager where it was told a later one before (`Alert.Merge`).
Event time may be ahead of clocks, and clocks of each other; so ends lie half a minute back at least.
"""

from datetime import datetime, timedelta
from typing import Any

from schemas import codec
from schemas.alerts import SEVERITIES, Alert
from streams.notify.message import Message, Payload, rfc3339

_MISSED_REPEATS = 3
_CLOCKS_DIFFER = timedelta(seconds=30)


def labels(alert: Alert, district: str | None) -> dict[str, str]:
    """Return the labels by which Alertmanager groups, routes, silences and inhibits."""
    found = {
        "alertname": alert.kind,
        "severity": alert.severity,
        "cell": alert.cell,
        "region": alert.region,
        "zone": alert.zone,
    }
    if alert.subject is not None:
        found["subject"] = alert.subject
    if alert.kind == "feed_silent" and alert.evidence.health is not None:
        found["feed"] = alert.evidence.health.feed  # an owner of sensors and an operator may have one name
    return found if district is None else {**found, "district": district}


def annotations(alert: Alert) -> dict[str, str]:
    """Return what is said of the alert beside its labels."""
    return {
        "summary": alert.summary,
        "alert_id": alert.alert_id,
        "policy": alert.policy,
        "policy_version": alert.policy_version,
        "lat": str(alert.lat),
        "lon": str(alert.lon),
    }


def render(message: Message) -> Payload:
    """Return the alert, and once it has changed or ended its other severities as ended."""
    alert, interval = message.alert, message.receiver.repeat_interval
    over = min(
        alert.updated_at if alert.ends_at is None else alert.ends_at,
        _milliseconds(message.now - _CLOCKS_DIFFER),
    )
    ends = {"startsAt": rfc3339(min(alert.starts_at, over)), "endsAt": rfc3339(over)}
    found: list[dict[str, Any]] = [
        {"labels": labels(alert, message.district), "annotations": annotations(alert), **ends}
    ]
    if alert.status == "active":
        lasts = _MISSED_REPEATS * (interval or timedelta(minutes=5))
        until = rfc3339(_milliseconds(message.now + lasts))
        found[0] |= {"startsAt": rfc3339(alert.starts_at), "endsAt": until}
    if alert.action != "raised" and message.reason != "repeat":
        same = labels(alert, message.district)
        found += [
            {"labels": {**same, "severity": severity}, "annotations": annotations(alert), **ends}
            for severity in SEVERITIES
            if severity != alert.severity
        ]
    return Payload(codec.encode(found), "application/json")


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
