"""Whatever is told of alerts, a broker retains what is open, and nothing else: each on a topic of its own."""

from collections.abc import Iterable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.alerts import SEVERITIES, Alert, AlertKind, Severity
from streams import topics
from streams.fold.contract import MqttMessage
from streams.incidents.open_alerts import OpenAlerts
from streams.incidents.telling import own_topics_of, topic_of
from streams.runtime.board import Notice, Told, Watch
from tests.unit.alerts.events import alert

CELLS = ("89309959d07ffff", "89309959d0fffff")
KINDS: tuple[AlertKind, ...] = ("low_battery", "anomaly")

OPERATORS = ({}, {"hello": 3}, {"hello": 1, "a/b": 2})


def district(lat: float, _lon: float) -> str | None:
    """Two districts, and what is outside."""
    return {31.0: "old town", 32.0: "harbour"}.get(lat)


deeds = st.lists(
    st.tuples(
        st.sampled_from(["raised", "raised", "changed", "changed", "cleared", "restart", "frozen", "looks"]),
        st.integers(0, 5),
        st.sampled_from(SEVERITIES),
        st.integers(-2, 3),
    ),
    max_size=40,
)
"""What happens, to which alert, with which severity, and so many minutes later: clocks may go back."""


class Street:
    """Alerts of one partition, who tells of them, and a broker."""

    def __init__(self) -> None:
        self.told = OpenAlerts(district)
        self.stands: dict[str, bytes] = {}
        self.open: dict[str, Alert] = {}
        self._raised = 0
        self._minute = 10.0

    def publish(self, messages: Iterable[MqttMessage]) -> None:
        for message in messages:
            if message.retain and message.payload:
                self.stands[message.topic] = message.payload
            elif message.retain:
                self.stands.pop(message.topic, None)

    def does(self, deed: str, which: int, severity: Severity, later: int) -> None:
        self._minute += later
        if deed == "restart":
            self.told = OpenAlerts(district)
            for one in self.open.values():
                self.told.keep(one)
        elif deed == "raised":
            self._raised += 1
            self._tell(self._new(f"alert-{self._raised}", which, severity))
        elif deed == "frozen":  # a worker wakes up and publishes what is over, or was never stored
            stale = self._new(f"stale-{which}", which, severity)
            self.publish(OpenAlerts(district).tell(stale).mqtt)
        elif deed == "looks":
            self.look()
        elif self.open:
            one = list(self.open.values())[which % len(self.open)]
            over = deed == "cleared"
            self._tell(
                msgspec.structs.replace(
                    one,
                    sequence=one.sequence + 1,
                    action="cleared" if over else "updated",
                    status="cleared" if over else "active",
                    severity=one.severity if over else severity,
                    updated_at=self._new("", which, severity).updated_at,
                    evidence=self._new("", later, severity).evidence,
                )
            )

    def _new(self, alert_id: str, which: int, severity: Severity) -> Alert:
        one = alert(severity=severity, minutes=self._minute)
        return msgspec.structs.replace(
            one,
            alert_id=alert_id,
            kind=KINDS[which % 2],
            cell=CELLS[which // 3],
            lat=31.0 + which,
            evidence=msgspec.structs.replace(one.evidence, by_operator=OPERATORS[which % len(OPERATORS)]),
        )

    def _tell(self, event: Alert) -> None:
        self.publish(self.told.tell(event).mqtt)
        if event.status == "active":
            self.open[event.alert_id] = event
        else:
            del self.open[event.alert_id]

    def look(self) -> None:
        """Have its owner look after it, until nothing is put right any more."""
        watch = Watch(0)
        for _ in range(6):
            notices = {topic: _notice(payload) for topic, payload in self.stands.items()}
            over = set(watch.unwanted) - set(self.open)
            found = watch.look(notices, self.told.retained(), applied=1_000, over=over)
            self.publish(MqttMessage(one.topic, one.payload, retain=True) for one in found)


def _notice(payload: bytes) -> Notice:
    one = codec.alert.decode(payload)
    return Notice(
        hash(payload), Told(one.alert_id, one.sequence, one.evidence.partition, one.evidence.offset)
    )


def is_right(street: Street) -> None:
    own = {topic: p for topic, p in street.stands.items() if topic.startswith(topics.MQTT_OPEN_ALERTS)}
    assert own == {
        topic: codec.encode(one) for one in street.open.values() for topic in own_topics_of(one, district)
    }
    shared = {topic: p for topic, p in street.stands.items() if topic not in own}
    there: dict[str, list[bytes]] = {}
    for one in street.open.values():
        there.setdefault(topic_of(one), []).append(codec.encode(one))
    assert set(shared) == set(there)
    assert all(payload in there[topic] for topic, payload in shared.items())


@given(deeds)
def test_what_stands_is_what_is_open_as_last_told(todo: list[tuple[str, int, Severity, int]]) -> None:
    street = Street()
    for deed, which, severity, later in todo:
        if deed not in ("frozen", "looks"):
            street.does(deed, which, severity, later)
            is_right(street)


@given(deeds)
def test_what_is_wrong_is_put_right_whatever_else_is_told(todo: list[tuple[str, int, Severity, int]]) -> None:
    street = Street()
    for deed, which, severity, later in todo:
        street.does(deed, which, severity, later)
    street.look()
    is_right(street)
