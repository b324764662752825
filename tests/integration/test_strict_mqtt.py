"""Our clients with a broker that offers less than Mosquitto does, answers otherwise, or cuts them off."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest
from click.testing import CliRunner
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from schemas.alert_actions import AlertHandling
from sensors_sim.cli import sim
from streams.alerts import tell as alerts_tell
from streams.alerts.tail import Tail
from streams.brokers import mqtt_reconnects
from streams.doctor.brokers import check_gateways, check_mqtt
from streams.errors import ServiceUnavailable
from streams.fold.contract import MqttMessage
from streams.gateway.mqtt_source import MqttSource
from streams.gateway.receipt import Receipt
from streams.runtime.board import Board
from streams.runtime.mqtt import MqttPublisher
from streams.settings import Settings, load
from tests.integration.strict_mqtt import (
    KEEP_ALIVE_TIMEOUT,
    NO_MATCHING_SUBSCRIBERS,
    NOT_AUTHORIZED,
    QUOTA_EXCEEDED,
    SERVER_BUSY,
    SERVER_MOVED,
    USE_ANOTHER_SERVER,
    StrictMqtt,
    strict_mqtt,
)
from tests.waiting import eventually, wait_until

pytestmark = pytest.mark.integration

ALERTS = [MqttMessage(f"ub/v1/open-alerts/a/{number}", b"%d" % number, retain=True) for number in range(20)]


@pytest.fixture(scope="module")
def mosquitto() -> Iterator[int]:
    """The port of one for all: each test has names of its own there."""
    with private_directory() as directory:
        broker = Mosquitto(directory)
        broker.start()
        try:
            yield broker.port
        finally:
            broker.stop()


def settings_of(broker: StrictMqtt, **more: object) -> Settings:
    return load(mqtt_host="127.0.0.1", mqtt_port=broker.port, **more)


@contextmanager
def gateway_of(broker: StrictMqtt, name: str, wait_s: float = 60) -> Iterator[tuple[MqttSource, list[bytes]]]:
    """A gateway's client that acknowledges at once, and what it got."""
    got: list[bytes] = []

    def take(message: object, connection: int) -> None:
        got.append(message.payload)  # type: ignore[attr-defined]
        receipt = Receipt(message.mid, message.qos, connection, size=1, parts=1)  # type: ignore[attr-defined]
        source.acknowledge([receipt])

    source = MqttSource(settings_of(broker, gateway_id=name), take)
    try:
        assert source.open(time.monotonic() + wait_s, threading.Event())
        yield source, got
    finally:
        source.close(1, keep_session=False)


def follow(broker: StrictMqtt) -> None:
    """Follow alerts until the broker ends it, for a minute at most."""
    tail = Tail(settings_of(broker), lambda *_: None)
    end = threading.Timer(60, tail.stop)
    end.start()
    try:
        tail.run()
    finally:
        end.cancel()


def worker_publishes(
    broker: StrictMqtt, messages: list[MqttMessage], then: Callable[[], None] = lambda: None
) -> None:
    """Have a worker publish."""

    async def play() -> None:
        worker = MqttPublisher(settings_of(broker), "urbanbrain-strict", Board(lambda _region: 0))
        worker.start()
        await asyncio.wait_for(worker.publish(messages), 60)
        await asyncio.to_thread(then)
        worker.stop()

    asyncio.run(play())


# ------------------------------------------------------------------ what the broker does not offer


def test_where_nothing_may_be_retained_a_worker_publishes_all_the_same_and_says_so_once(
    mosquitto: int, caplog: pytest.LogCaptureFixture
) -> None:
    with strict_mqtt(mosquitto, offers={"RetainAvailable": 0}) as broker:
        worker_publishes(broker, ALERTS)
        assert [payload for _, payload in broker.heard] == [one.payload for one in ALERTS]
        assert (broker.connections, broker.ended) == (1, [])
    [said] = caplog.messages
    assert "the broker refuses retained messages" in said
    assert not broker.subscribed  # nothing is repaired that cannot stand


def test_where_nothing_may_be_retained_a_gateway_says_so_and_does_not_say_that_it_is_at_work(
    mosquitto: int, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        strict_mqtt(mosquitto, offers={"RetainAvailable": 0}) as broker,
        gateway_of(broker, "no-retain") as (source, got),
    ):
        source.show_life(1, 0)
        publish(mosquitto, [b"1"])
        wait_until(lambda: got == [b"1"], "the message")
        assert (broker.heard, broker.ended) == ([], [])
    [said] = caplog.messages
    assert "nothing says which gateways are at work" in said


def test_where_only_qos_0_is_taken_a_worker_is_not_held_up(
    mosquitto: int, caplog: pytest.LogCaptureFixture
) -> None:
    with strict_mqtt(mosquitto, offers={"MaximumQoS": 0}) as broker:
        worker_publishes(broker, ALERTS)
        assert (broker.heard, broker.connections) == ([], 1)
    [said] = caplog.messages
    assert "QoS 0 only" in said
    assert "Kafka and the tables have it" in said


def test_where_wildcards_are_refused_a_worker_does_not_ask_and_publishes(
    mosquitto: int, caplog: pytest.LogCaptureFixture
) -> None:
    with strict_mqtt(mosquitto, offers={"WildcardSubscriptionAvailable": 0}) as broker:
        worker_publishes(broker, ALERTS)
        assert (len(broker.heard), broker.connections) == (len(ALERTS), 1)
    [said] = caplog.messages
    assert "the broker refuses subscriptions with wildcards" in said


def test_where_wildcards_are_refused_a_gateway_that_starts_ends_with_the_reason(mosquitto: int) -> None:
    with (
        strict_mqtt(mosquitto, offers={"WildcardSubscriptionAvailable": 0}) as broker,
        pytest.raises(
            ServiceUnavailable,
            match=r"ends the connection before we are subscribed \(Wildcard subscription not supported\); allow ",
        ),
        gateway_of(broker, "no-wildcards", wait_s=3),
    ):
        pass


def test_where_wildcards_are_refused_tail_ends_with_the_reason(mosquitto: int) -> None:
    with strict_mqtt(mosquitto, offers={"WildcardSubscriptionAvailable": 0}) as broker:
        with pytest.raises(ServiceUnavailable, match="Wildcard subscription not supported"):
            follow(broker)
        assert broker.connections == 1


def test_a_session_that_is_kept_less_long_than_asked_is_told_of(
    mosquitto: int, caplog: pytest.LogCaptureFixture
) -> None:
    with strict_mqtt(mosquitto, offers={"SessionExpiryInterval": 1800}) as broker:
        with gateway_of(broker, "short"):
            pass
        [_, check] = check_mqtt(settings_of(broker))
    [said] = caplog.messages
    assert "keeps the session of a gateway that is away for 1,800 seconds" in said
    assert not check.ok
    assert check.detail in said


def test_a_session_is_kept_that_the_broker_forgets_where_it_is_subscribed_to_nothing(mosquitto: int) -> None:
    with strict_mqtt(mosquitto, sparse=True) as broker:
        checks = check_mqtt(settings_of(broker))
    assert [check.ok for check in checks] == [True, True]


def test_a_broker_that_sends_nothing_retained_for_wildcards_is_told_of(mosquitto: int) -> None:
    with strict_mqtt(mosquitto, sparse=True) as broker, gateway_of(broker, "sparse") as (source, _):
        settings = settings_of(broker, gateway_id="sparse")
        [unknown] = check_gateways(settings)
        source.show_life(1, 0)
        # Until the broker retains it, a check that is under way may hear it as it comes.
        found = eventually(lambda: check_gateways(settings)[0], until=lambda check: "filters" in check.detail)
    assert unknown.ok
    assert not found.ok
    assert "no retained messages for filters with wildcards" in found.detail


def test_a_gateway_that_is_granted_less_than_qos_1_does_not_start(mosquitto: int) -> None:
    with (
        strict_mqtt(mosquitto, grants=lambda reasons: [0] * len(reasons)) as broker,
        pytest.raises(ServiceUnavailable, match="granted at QoS 0 only, at which messages may be lost"),
        gateway_of(broker, "granted-0", wait_s=3),
    ):
        pass


def test_recording_where_less_than_qos_1_is_granted_is_refused(mosquitto: int, tmp_path: Path) -> None:
    with strict_mqtt(mosquitto, grants=lambda reasons: [0] * len(reasons)) as broker:
        address = f"127.0.0.1:{broker.port}"
        result = CliRunner().invoke(sim, ["record", str(tmp_path / "day"), "--for", "1", "--mqtt", address])
    assert result.exit_code == 1
    assert "does not let this client listen (Granted QoS 0)" in result.output


# ------------------------------------------------------------------ what the broker answers


@pytest.mark.parametrize("reason", [USE_ANOTHER_SERVER, SERVER_MOVED])
def test_another_server_that_a_broker_names_is_told_to_all(mosquitto: int, reason: int) -> None:
    named = {"ServerReference": "b.example:1883", "ReasonString": "moved\x1b[2J"}
    expected = r": moved\\x1b\[2J; it names b.example:1883\); set UB_MQTT_HOST and UB_MQTT_PORT to the server"
    with strict_mqtt(mosquitto, refuses=reason, answers=named) as broker:
        with pytest.raises(ServiceUnavailable, match=expected):
            check_mqtt(settings_of(broker))
        with pytest.raises(ServiceUnavailable, match=expected):
            follow(broker)
        with pytest.raises(ServiceUnavailable, match=expected), gateway_of(broker, "moved", wait_s=3):
            pass


def test_no_matching_subscribers_is_no_refusal(mosquitto: int, caplog: pytest.LogCaptureFixture) -> None:
    with strict_mqtt(mosquitto, judge=lambda *_: NO_MATCHING_SUBSCRIBERS) as broker:
        worker_publishes(broker, ALERTS)
    assert caplog.messages == []


def test_what_exceeds_the_broker_s_rate_is_sent_again_in_order_on_each_topic(
    mosquitto: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker takes every message but one in five, the first time."""
    seen: dict[bytes, int] = {}
    taken: dict[str, list[int]] = {}

    def judge(topic: str, payload: bytes) -> int:
        seen[payload] = seen.get(payload, 0) + 1
        if int(payload) % 5 == 0 and seen[payload] == 1:
            return QUOTA_EXCEEDED
        taken.setdefault(topic, []).append(int(payload))
        return 0

    messages = [MqttMessage(f"ub/test/{number % 3}", b"%d" % number, retain=False) for number in range(60)]
    with strict_mqtt(mosquitto, judge=judge) as broker:
        worker_publishes(broker, messages)
    for topic, numbers in taken.items():
        of_topic = [int(one.payload) for one in messages if one.topic == topic]
        assert sorted(set(numbers), key=numbers[::-1].index, reverse=True) == of_topic  # as each came last
    [said] = caplog.messages
    assert "takes no more messages at a time (Quota exceeded)" in said


# ------------------------------------------------------------------ how connections end


def test_who_stops_following_while_it_connects_is_heard(mosquitto: int) -> None:
    with strict_mqtt(mosquitto) as broker:
        tail = Tail(settings_of(broker), lambda *_: None)
        tail.stop()  # as a signal does that comes before the broker has answered
        following = threading.Thread(target=tail.run, daemon=True)
        following.start()
        following.join(30)
        assert not following.is_alive()


@pytest.mark.parametrize("reason", [None, 0, NOT_AUTHORIZED, SERVER_BUSY, KEEP_ALIVE_TIMEOUT, QUOTA_EXCEEDED])
def test_a_connection_that_the_broker_ends_costs_neither_gateway_nor_worker_a_message(
    mosquitto: int, reason: int | None
) -> None:
    name = f"cut-{reason}"
    payloads = [b"%d" % number for number in range(50)]
    with strict_mqtt(mosquitto, late_s=0.01, answers={"ReasonString": "enough"}) as broker:
        with gateway_of(broker, name) as (_, got):
            publish(mosquitto, payloads[:25])
            broker.cut(reason)
            publish(mosquitto, payloads[25:], mqtt.MQTTv311)
            wait_until(lambda: set(got) == set(payloads), "all messages")
        broker.heard.clear()

        def cut() -> None:
            wait_until(lambda: broker.heard, "the worker to publish")
            broker.cut(reason)

        cutter = threading.Thread(target=cut)
        cutter.start()
        worker_publishes(broker, ALERTS * 20)
        cutter.join()
        assert set(broker.heard) >= {(one.topic, one.payload) for one in ALERTS}


def test_a_worker_that_is_thrown_out_at_once_comes_back_ever_more_seldom(
    mosquitto: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level("WARNING", "streams.runtime.mqtt")
    monkeypatch.setattr(mqtt_reconnects, "_SHORT_S", 3600.0)  # however slow this machine is just now
    delays: list[int] = []
    set_delay = mqtt.Client.reconnect_delay_set

    def remember(client: mqtt.Client, min_delay: int = 1, max_delay: int = 120) -> None:
        delays.append(min_delay)
        set_delay(client, min_delay, max_delay)

    monkeypatch.setattr(mqtt.Client, "reconnect_delay_set", remember)
    with strict_mqtt(mosquitto) as broker:

        def throw_out() -> None:
            for number in range(1, 4):
                wait_until(lambda number=number: broker.let_in == number, "the worker to be let in")
                broker.cut(NOT_AUTHORIZED)
                wait_until(lambda number=number: len(delays) == 1 + number, "the worker to notice")

        worker_publishes(broker, ALERTS[:1], throw_out)
    assert delays == [1, 1, 2, 4]
    assert "Not authorized: see what this account may do there (the broker's ACL)" in caplog.messages[0]


# ------------------------------------------------------------------ what people did


def tell(broker: StrictMqtt, many: int = 30) -> None:
    settings = settings_of(broker)
    found = [
        AlertHandling(
            action_id=f"action-{number}",
            alert_id=f"alert-{number}",
            sequence=1,
            action="commented",
            by="ops",
            at=1_772_406_000_000,
            text="seen",
            acknowledged=False,
            acknowledged_by=None,
            acknowledged_at=None,
            assignee=None,
            due_at=None,
            comment="seen",
            closed=False,
            closed_by=None,
            kind="oversaturation",
            severity="critical",
            cell="8930994a553ffff",
            zone="default",
        )
        for number in range(many)
    ]
    with alerts_tell._mqtt(settings) as (client, offer):
        ongoing = {one.alert_id for one in found}
        over = alerts_tell._to_mqtt(client, offer, settings, found, ongoing)
        assert [*chain.from_iterable(over)] == found


@pytest.mark.parametrize("offers", [{"ReceiveMaximum": 1}, {"RetainAvailable": 0}])
def test_what_people_did_is_told_to_a_broker_that_offers_less(mosquitto: int, offers: dict[str, int]) -> None:
    with strict_mqtt(mosquitto, offers=offers, late_s=0.01) as broker:
        tell(broker)
        assert (len(broker.heard), broker.ended) == (30, [])


def test_what_people_did_waits_while_the_broker_takes_no_more(mosquitto: int) -> None:
    with (
        strict_mqtt(mosquitto, judge=lambda *_: QUOTA_EXCEEDED) as broker,
        pytest.raises(ServiceUnavailable, match="Quota exceeded"),
    ):
        tell(broker)


def test_what_people_did_and_the_broker_never_takes_is_said_once(
    mosquitto: int, caplog: pytest.LogCaptureFixture
) -> None:
    with strict_mqtt(mosquitto, judge=lambda *_: NOT_AUTHORIZED) as broker:
        tell(broker)
    [said] = caplog.messages
    assert "refuses what was done about alerts (Not authorized); Kafka and the tables have it" in said


def publish(port: int, payloads: list[bytes], version: int = mqtt.MQTTv5) -> None:
    """Publish at QoS 1 and 2, with all properties that a message may have where the version knows any."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=version)
    client.connect("127.0.0.1", port)
    client.loop_start()
    properties = None
    if version == mqtt.MQTTv5:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.MessageExpiryInterval = 600
        properties.PayloadFormatIndicator = 1
        properties.ContentType = "application/json"
        properties.UserProperty = [("maker", "ü"), ("maker", "\u200d")]
        properties.ResponseTopic = "answers"
        properties.CorrelationData = b"\x00"
    for number, payload in enumerate(payloads):
        sent = client.publish("ub/v1/hello/vehicles/ü !", payload, 1 + number % 2, properties=properties)
        sent.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()
