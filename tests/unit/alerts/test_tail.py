"""What `alerts tail` shows of what comes over MQTT."""

import random
import threading
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import ConnectFlags, DisconnectFlags
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from schemas import codec
from schemas.alert_actions import AlertHandling
from schemas.alerts import Alert, AlertAction, Severity
from streams.alerts.tail import Tail, Wanted
from streams.fold.contract import MqttMessage
from streams.incidents.open_alerts import OpenAlerts
from streams.settings import load
from tests.unit.alerts.events import alert


def event(sequence: int, action: AlertAction) -> Alert:
    return msgspec.structs.replace(alert(action), sequence=sequence)


NOT_KEPT = (
    "what happened meanwhile was not kept, so ends of alerts may be missing: see `urbanbrain alerts list`"
)
LIFE = (event(0, "raised"), event(1, "updated"), event(2, "cleared"))


def shown(messages: Iterable[MqttMessage]) -> list[int]:
    found: list[int] = []
    tail = Tail(load(), lambda one, _payload: found.append(one.sequence))
    for message in messages:
        heard: Any = SimpleNamespace(topic=message.topic, payload=message.payload, retain=message.retain)
        tail._on_message(tail._client, None, heard)
    return found


def told() -> list[tuple[MqttMessage, ...]]:
    alerts = OpenAlerts()
    return [alerts.tell(one).mqtt for one in LIFE]


def test_each_event_is_shown_once_though_it_comes_on_two_topics() -> None:
    assert shown(message for some in told() for message in some) == [0, 1, 2]


def test_a_life_that_is_told_again_as_its_end_was_not_stored_is_shown_once() -> None:
    assert shown(message for some in told() * 2 for message in some) == [0, 1, 2]


def test_what_an_end_overtook_on_another_topic_is_not_shown_as_open() -> None:
    raised, updated, cleared = told()
    assert shown([*raised, updated[0], *cleared, updated[1]]) == [0, 1, 2]


def test_what_lasts_when_a_silence_ends_is_shown_then_and_once() -> None:
    found: list[int] = []
    silent, sure = [True], [True]
    wanted = Wanted(severity="major", silent=lambda _alert: silent[0], sure=lambda: sure[0])
    tail = Tail(load(), lambda one, _payload: found.append(one.sequence), wanted=wanted)
    alerts = OpenAlerts()
    ended = [
        msgspec.structs.replace(event(n, a), alert_id="over") for n, a in ((0, "raised"), (1, "cleared"))
    ]
    slight = msgspec.structs.replace(alert("raised", severity="minor"), alert_id="slight")
    for one in (event(0, "raised"), event(1, "updated"), *ended, slight):
        for message in alerts.tell(one).mqtt:
            heard: Any = SimpleNamespace(topic=message.topic, payload=message.payload, retain=message.retain)
            tail._on_message(tail._client, None, heard)
    tail.look_again()
    assert found == []
    silent[0] = sure[0] = False  # as where the database does not answer
    tail.look_again()
    assert found == []
    sure[0] = True
    tail.look_again()
    tail.look_again()
    assert found == [1]


class Following:
    """Somebody who follows, with a broker that sends what a test says, at the times that it says."""

    def __init__(self, wanted: Wanted | None = None) -> None:
        self.now, self.shown, self.begun = 100.0, list[str](), list[bool]()
        self.tail = Tail(
            load(),
            lambda one, _payload: self.shown.append(f"{one.alert_id} {one.action}"),
            lambda handling, _payload: self.shown.append(f"{handling.alert_id} acknowledged"),
            wanted,
            at_work=lambda: self.begun.append(True),
            clock=lambda: self.now,
        )

    def connects(self, *, resumed: bool = False) -> None:
        fine: Any = SimpleNamespace(is_failure=False)
        client: Any = SimpleNamespace(subscribe=lambda *_, **__: None)
        self.tail._on_connect(client, None, ConnectFlags(session_present=resumed), fine, None)

    def subscribed(self, *mids: int) -> None:
        fine: Any = SimpleNamespace(is_failure=False)
        for mid in mids or (1, 2):
            self.tail._on_subscribe(self.tail._client, None, mid, [fine], None)

    def loses(self, reason: str = "Keep alive timeout") -> None:
        code = ReasonCode(PacketTypes.DISCONNECT, reason)
        self.tail._on_disconnect(self.tail._client, None, DisconnectFlags(True), code, None)

    def connected(self, *, resumed: bool = False) -> None:
        self.connects(resumed=resumed)
        self.subscribed()

    def hears(self, one: Alert, *, retained: bool = False) -> None:
        heard: Any = SimpleNamespace(payload=codec.encode(one), retain=retained)
        self.tail._on_message(self.tail._client, None, heard)

    def hears_of_a_deed(self, alert_id: str, *, sequence: int = 1, retained: bool = False) -> None:
        values = dict.fromkeys(AlertHandling.__struct_fields__) | {
            "action_id": "deed",
            "alert_id": alert_id,
            "sequence": sequence,
            "action": "acknowledged",
            "by": "anna",
            "at": 0,
            "acknowledged": True,
            "closed": False,
            "kind": "oversaturation",
            "severity": "major",
            "cell": "8930994a553ffff",
            "zone": "default",
        }
        heard: Any = SimpleNamespace(payload=codec.encode(AlertHandling(**values)), retain=retained)  # type: ignore[arg-type]
        self.tail._on_action(self.tail._client, None, heard)


def opened(alert_id: str, severity: Severity, starts_at: int, sequence: int = 0) -> Alert:
    return msgspec.structs.replace(
        alert("raised" if sequence == 0 else "updated", severity=severity),
        alert_id=alert_id,
        starts_at=starts_at,
        sequence=sequence,
    )


OPEN = [
    opened("warned", "warning", 5),
    opened("minor", "minor", 9),
    opened("long critical", "critical", 1),
    opened("two at once, b", "critical", 8),
    opened("two at once, a", "critical", 8),
]
IN_ORDER = [f"{one.alert_id} raised" for one in OPEN]


def hears_what_is_open_and_shows_it_in_order(follower: Following) -> None:
    for one in reversed(OPEN):
        follower.hears(one, retained=True)
    assert follower.shown == []
    follower.now += 0.5
    follower.tail.show_open()
    assert follower.shown == IN_ORDER


def test_what_is_open_comes_in_the_order_of_the_list_with_its_first_line_last() -> None:
    follower, some = Following(), [*OPEN]
    random.Random(1).shuffle(some)
    follower.connected()
    for one in some:
        follower.hears(one, retained=True)
        follower.hears(one, retained=True)  # by another topic
    follower.tail.show_open()
    assert follower.shown == []
    follower.now += 0.5
    follower.tail.show_open()
    assert follower.shown == IN_ORDER
    follower.hears(opened("later", "minor", 10))
    assert follower.shown[-1] == "later raised"


def test_what_happens_before_all_that_is_open_has_come_is_shown_after_it() -> None:
    follower = Following()
    follower.connected()
    follower.hears(opened("minor", "minor", 9, 1))
    follower.hears_of_a_deed("warned")
    for one in OPEN:
        follower.hears(one, retained=True)
    follower.now += 0.5
    follower.tail.show_open()
    assert follower.shown == [*IN_ORDER, "minor updated", "warned acknowledged"]


def test_nobody_waits_for_ever_for_all_that_is_open() -> None:
    follower = Following()
    follower.connected()
    follower.hears(opened("minor", "minor", 9))
    for number in range(60):
        follower.hears(opened(str(number), "minor", number), retained=True)
        follower.now += 0.1
        follower.tail.show_open()
    assert len(follower.shown) == 61


def test_a_broker_that_is_slow_to_begin_changes_no_order() -> None:
    follower = Following()
    follower.connects()
    follower.now += 2
    follower.tail.show_open()
    follower.subscribed()
    follower.tail.show_open()
    hears_what_is_open_and_shows_it_in_order(follower)


def test_what_people_did_about_thousands_of_alerts_comes_first_and_changes_no_order() -> None:
    follower = Following()
    follower.connects()
    follower.subscribed(1)
    for number in range(10):
        follower.hears_of_a_deed(str(number), retained=True)
        follower.now += 0.1
        follower.tail.show_open()
    follower.subscribed(2)
    hears_what_is_open_and_shows_it_in_order(follower)


def test_what_is_open_is_waited_for_while_it_comes() -> None:
    follower = Following()
    follower.connected()
    for one in reversed(OPEN):
        follower.now += 0.2
        follower.hears(one, retained=True)
        follower.tail.show_open()
    assert follower.shown == []
    follower.now += 0.4
    follower.tail.show_open()
    assert follower.shown == IN_ORDER


@pytest.mark.parametrize("late", [False, True])
def test_what_ended_unheard_is_not_shown_as_open_when_its_silence_ends(late: bool) -> None:
    silent = [True]
    follower = Following(Wanted(silent=lambda _alert: silent[0]))
    follower.connected()
    for name in ("ended", "lasts"):
        follower.hears(opened(name, "minor", 1), retained=True)
    follower.now += 1
    follower.tail.show_open()
    follower.loses()
    follower.connected()
    if late:  # what is retained, after we took it that all had come
        follower.now += 1
        follower.tail.show_open()
    follower.hears(opened("lasts", "minor", 1), retained=True)
    follower.now += 1
    follower.tail.show_open()
    silent[0] = False
    follower.tail.look_again()
    assert follower.shown == ["lasts raised"]


def test_where_nothing_is_retained_what_was_hidden_outlives_a_connection() -> None:
    """As RabbitMQ, which retains nothing for filters with wildcards."""
    silent = [True]
    follower = Following(Wanted(silent=lambda _alert: silent[0]))
    for _ in range(2):
        follower.connected()
        follower.now += 1
        follower.tail.show_open()
        follower.hears(opened("lasts", "minor", 1))
    silent[0] = False
    follower.tail.look_again()
    assert follower.shown == ["lasts raised"]


def test_what_people_did_while_the_connection_was_lost_is_shown_and_once() -> None:
    follower = Following()
    follower.connected()
    follower.hears_of_a_deed("minor", sequence=2, retained=True)
    for one in OPEN[1:3]:
        follower.hears(one, retained=True)
    follower.now += 1
    follower.tail.show_open()
    follower.loses()
    follower.connects()
    for name, sequence in (("minor", 2), ("long critical", 3), ("of another", 4)):
        follower.hears_of_a_deed(name, sequence=sequence, retained=True)
    follower.subscribed()
    follower.hears_of_a_deed("long critical", sequence=3)
    follower.now += 1
    follower.tail.show_open()
    assert follower.shown == ["minor raised", "long critical raised", "long critical acknowledged"]


def test_who_ends_at_once_or_connects_again_has_seen_what_was_open() -> None:
    follower = Following()
    for _ in range(2):
        follower.connected()
        for one in OPEN:
            follower.hears(one, retained=True)
    assert follower.shown == IN_ORDER
    follower.hears(opened("new", "minor", 10), retained=True)
    follower.tail.show_open(at_once=True)
    assert follower.shown == [*IN_ORDER, "new raised"]


def test_what_people_did_is_shown_once_though_it_is_told_twice() -> None:
    """As where a command was interrupted after it had told it."""
    follower = Following()
    follower.connected()
    follower.tail.show_open(at_once=True)
    follower.hears(opened("one", "minor", 1))
    follower.hears_of_a_deed("one")
    follower.hears_of_a_deed("one")
    assert follower.shown == ["one raised", "one acknowledged"]


def test_each_deed_is_shown_and_none_that_is_older_than_what_was_shown() -> None:
    following = Following()
    following.connected()
    following.hears(msgspec.structs.replace(alert("raised"), alert_id="one"))
    following.now += 1
    following.tail.show_open()
    for sequence in (1, 3, 2, 4):
        following.hears_of_a_deed("one", sequence=sequence)
    assert following.shown == ["one raised", *["one acknowledged"] * 3]


def test_of_an_alert_that_is_retained_as_it_was_and_as_it_is_the_latter_is_shown() -> None:
    follower = Following()
    follower.connected()
    for sequence, severity in ((2, "critical"), (1, "minor")):
        follower.hears(opened("one", severity, 1, sequence), retained=True)  # type: ignore[arg-type]
    follower.hears(opened("two", "major", 1), retained=True)
    follower.tail.show_open(at_once=True)
    assert follower.shown == ["two raised", "one updated"]


def test_what_people_had_done_is_known_and_not_shown_as_what_they_do() -> None:
    follower = Following()
    follower.connected()
    follower.hears_of_a_deed("minor", retained=True)
    follower.hears(OPEN[1], retained=True)
    follower.tail.show_open(at_once=True)
    follower.hears_of_a_deed("minor", sequence=2, retained=True)
    assert follower.shown == ["minor raised"]


def test_a_lost_connection_and_its_end_are_said_once_each_time(caplog: pytest.LogCaptureFixture) -> None:
    follower = Following()
    follower.connected()
    for _ in range(2):
        for _ in range(2):  # as paho may tell of it
            follower.loses()
        follower.connected(resumed=len(caplog.messages) == 1)
    follower.loses("Success")  # we end
    said = ["lost" if "connection lost" in line else line.partition("883: ")[2] for line in caplog.messages]
    assert said == ["lost", "reconnected", "lost", f"reconnected; {NOT_KEPT}"]
    assert follower.begun == [True]


def test_what_the_broker_kept_is_shown_event_by_event_before_what_is_open() -> None:
    follower = Following()
    follower.connected()
    for one in (opened("ends", "minor", 1), opened("lasts", "minor", 2)):
        follower.hears(one, retained=True)
    follower.now += 1
    follower.tail.show_open()
    follower.loses()
    follower.connected(resumed=True)
    follower.shown.clear()
    follower.hears(msgspec.structs.replace(event(1, "cleared"), alert_id="ends"))
    follower.hears(opened("lasts", "minor", 2, 1))
    follower.hears_of_a_deed("lasts")
    follower.hears_of_a_deed("lasts", sequence=2, retained=True)
    for one in (opened("lasts", "minor", 2, 2), opened("unheard", "minor", 3), opened("ends", "minor", 1)):
        follower.hears(one, retained=True)
    before = ["ends cleared", "lasts updated", "lasts acknowledged", "lasts acknowledged"]
    assert follower.shown == before
    follower.now += 1
    follower.tail.show_open()
    assert follower.shown == [*before, "lasts updated", "unheard raised"]


def test_what_the_broker_kept_and_a_silence_hides_comes_into_sight_when_that_ends() -> None:
    silent = [True]
    follower = Following(Wanted(silent=lambda _alert: silent[0]))
    follower.connected()
    follower.hears(opened("open", "minor", 1), retained=True)
    follower.now += 1
    follower.tail.show_open()
    follower.loses()
    follower.connected(resumed=True)
    follower.hears(opened("open", "minor", 1), retained=True)
    follower.hears(opened("new", "minor", 1))  # so it was not retained yet
    follower.now += 1
    follower.tail.show_open()
    silent[0] = False
    follower.tail.look_again()
    assert sorted(follower.shown) == ["new raised", "open raised"]


def test_who_may_not_subscribe_is_told_that_and_not_how_the_connection_ended() -> None:
    follower = Following()
    follower.connects()
    refusal = ReasonCode(PacketTypes.SUBACK, "Not authorized")
    follower.tail._on_subscribe(follower.tail._client, None, 1, [refusal], None)
    follower.loses()
    assert "the subscription to alerts: Not authorized" in str(follower.tail._failed)


def run(follower: Following, live: Callable[[threading.Event], None]) -> None:
    """Run it with a client that does what `live` says, which is told when it is to end."""
    ended, client = threading.Event(), follower.tail._client
    client.connect = lambda *_, **__: MQTTErrorCode.MQTT_ERR_SUCCESS  # type: ignore[method-assign]
    client.disconnect = lambda *_, **__: ended.set()  # type: ignore[assignment, method-assign]
    client.loop_forever = lambda *_, **__: live(ended)  # type: ignore[assignment, method-assign]
    before = set(threading.enumerate())
    try:
        follower.tail.run()
    finally:
        assert set(threading.enumerate()) == before


def test_who_ends_before_all_that_is_open_has_come_has_seen_what_has() -> None:
    def live(_ended: threading.Event) -> None:
        follower.connected()
        for one in OPEN:
            follower.hears(one, retained=True)

    follower = Following()
    run(follower, live)
    assert follower.shown == IN_ORDER


def test_what_cannot_be_shown_any_more_ends_it_though_nothing_comes() -> None:
    """As where `alerts tail | head` has read enough."""

    class Closed(list[str]):
        def append(self, _line: str) -> None:
            raise BrokenPipeError

    def live(ended: threading.Event) -> None:
        follower.connected()
        follower.hears(OPEN[0], retained=True)
        follower.now += 1.0
        assert ended.wait(30)

    follower = Following()
    follower.shown = Closed()
    with pytest.raises(BrokenPipeError):
        run(follower, live)
