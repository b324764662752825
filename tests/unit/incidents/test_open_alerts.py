"""Open alerts: which of them may stand retained on which topic."""

import msgspec

from schemas import codec
from schemas.alerts import Alert, Severity
from streams.incidents.open_alerts import OpenAlerts
from streams.incidents.telling import own_topic_of, topic_of
from tests.unit.alerts.events import alert
from tests.work import lines_run


def an_alert(alert_id: str, minutes: float, severity: Severity = "major") -> Alert:
    return msgspec.structs.replace(alert(minutes=minutes, severity=severity), alert_id=alert_id)


def test_those_that_share_a_topic_may_all_stand_there_the_newest_first_and_each_stands_on_its_own() -> None:
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
        **{own_topic_of(one): [one.alert_id] for one in (old, new, worse)},
    }
    alerts.tell(msgspec.structs.replace(alert("cleared", minutes=4), alert_id="new", sequence=1))
    assert len(alerts.retained()[topic_of(old)]) == 1
    assert own_topic_of(new) not in alerts.retained()


def test_a_topic_is_left_to_the_newest_of_the_others() -> None:
    alerts = OpenAlerts()
    for one in (an_alert("old", 1), an_alert("newer", 2), an_alert("last", 3)):
        alerts.tell(one)
    told = alerts.tell(msgspec.structs.replace(alert("cleared", minutes=4), alert_id="last", sequence=1))
    kept = [message.payload for message in told.mqtt if message.topic == topic_of(an_alert("old", 1))]
    assert kept[-1] == codec.encode(an_alert("newer", 2))


def test_one_that_gets_worse_leaves_its_topic_to_the_other() -> None:
    alerts, other = OpenAlerts(), an_alert("other", 1)
    alerts.tell(other)
    alerts.tell(an_alert("worse", 2))
    told = alerts.tell(
        msgspec.structs.replace(an_alert("worse", 3, "critical"), action="updated", sequence=1)
    )
    assert [message.payload for message in told.mqtt if message.topic == topic_of(other)] == [
        codec.encode(other)
    ]


def test_clearing_twice_as_many_of_one_topic_is_twice_the_work() -> None:
    """Each leaves the topic to the newest of the others."""

    def storm(n: int) -> int:
        alerts = OpenAlerts()
        for i in range(n):
            alerts.tell(an_alert(f"a{i}", i))
        ends = [msgspec.structs.replace(alert("cleared", minutes=n), alert_id=f"a{i}") for i in range(n)]
        return lines_run(lambda: [alerts.tell(end) for end in ends])

    assert storm(200) < 2.5 * storm(100)
