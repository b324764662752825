"""Open alerts: which of them may stand retained on which topic."""

from collections.abc import Iterable

import msgspec

from schemas import codec
from schemas.alerts import Alert, Severity
from streams import topics
from streams.fold.contract import MqttMessage
from streams.fold.outlines import no_district
from streams.incidents.open_alerts import OpenAlerts
from streams.incidents.telling import own_topics_of, topic_of
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
        **{topic: [one.alert_id] for one in (old, new, worse) for topic in own_topics_of(one, no_district)},
    }
    alerts.tell(msgspec.structs.replace(alert("cleared", minutes=4), alert_id="new", sequence=1))
    assert len(alerts.retained()[topic_of(old)]) == 1
    assert not set(own_topics_of(new, no_district)) & set(alerts.retained())


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


def stands(messages: Iterable[MqttMessage], kept: dict[str, bytes]) -> dict[str, bytes]:
    """Return what a broker retains of open alerts after these messages, by topic."""
    for message in messages:
        if message.retain and message.topic.startswith(topics.MQTT_OPEN_ALERTS):
            kept[message.topic] = message.payload
    return {topic: payload for topic, payload in kept.items() if payload}


def counting(minutes: float, sequence: int, *operators: str) -> Alert:
    one = alert(minutes=minutes)
    evidence = msgspec.structs.replace(one.evidence, by_operator=dict.fromkeys(operators, 40))
    return msgspec.structs.replace(one, sequence=sequence, evidence=evidence)


def test_it_stands_for_each_operator_that_it_counts_and_for_its_district_until_it_does_no_more() -> None:
    alerts, kept = OpenAlerts(lambda _lat, _lon: "Old town/harbour"), dict[str, bytes]()
    place = "major/oversaturation/89309959d07ffff/id"
    district, all_ = f"open-alerts-by/district/Old town%2Fharbour/{place}", f"open-alerts/{place}"
    both = alerts.tell(counting(1, 0, "hello", "meituan"))
    assert set(stands(both.mqtt, kept)) == {
        f"ub/v1/{name}"
        for name in (
            all_,
            district,
            f"open-alerts-by/operator/hello/{place}",
            f"open-alerts-by/operator/meituan/{place}",
        )
    }
    assert set(kept.values()) == {both.value}
    assert set(alerts.retained()) == {*kept, topic_of(counting(1, 0))}
    one = alerts.tell(counting(2, 1, "meituan"))
    left = stands(one.mqtt, kept)
    assert set(left) == {
        f"ub/v1/{name}" for name in (all_, district, f"open-alerts-by/operator/meituan/{place}")
    }
    assert set(left.values()) == {one.value}
    end = msgspec.structs.replace(counting(3, 2, "hello"), action="cleared", status="cleared")
    assert stands(alerts.tell(end).mqtt, kept) == {}


def test_clearing_twice_as_many_of_one_topic_is_twice_the_work() -> None:
    """Each leaves the topic to the newest of the others."""

    def storm(n: int) -> int:
        alerts = OpenAlerts()
        for i in range(n):
            alerts.tell(an_alert(f"a{i}", i))
        ends = [msgspec.structs.replace(alert("cleared", minutes=n), alert_id=f"a{i}") for i in range(n)]
        return lines_run(lambda: [alerts.tell(end) for end in ends])

    assert storm(200) < 2.5 * storm(100)
