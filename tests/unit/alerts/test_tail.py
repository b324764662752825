"""What `alerts tail` shows of what comes over MQTT."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import msgspec

from schemas.alerts import Alert, AlertAction
from streams.alerts.tail import Tail, Wanted
from streams.fold.contract import MqttMessage
from streams.incidents.open_alerts import OpenAlerts
from streams.settings import load
from tests.unit.alerts.events import alert


def event(sequence: int, action: AlertAction) -> Alert:
    return msgspec.structs.replace(alert(action), sequence=sequence)


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
