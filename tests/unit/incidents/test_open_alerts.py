"""Open alerts: which of them may stand retained on which topic."""

import msgspec

from schemas.alerts import Alert, Severity
from streams.incidents.open_alerts import OpenAlerts
from streams.incidents.telling import topic_of
from tests.unit.alerts.events import alert


def an_alert(alert_id: str, minutes: float, severity: Severity = "major") -> Alert:
    return msgspec.structs.replace(alert(minutes=minutes, severity=severity), alert_id=alert_id)


def test_those_that_share_a_topic_may_all_stand_there_and_the_newest_comes_first() -> None:
    old, new, worse = an_alert("old", 2), an_alert("new", 3), an_alert("worse", 1, "critical")
    alerts = OpenAlerts()
    for one in (old, new, worse):
        alerts.tell(one)
    wanted = alerts.retained()
    assert {
        topic: [msgspec.json.decode(payload)["alert_id"] for payload in wanted[topic]] for topic in wanted
    } == {
        topic_of(old): ["new", "old"],
        topic_of(worse): ["worse"],
    }
    alerts.tell(msgspec.structs.replace(alert("cleared", minutes=4), alert_id="new", sequence=1))
    assert len(alerts.retained()[topic_of(old)]) == 1
