"""What `alerts tail` shows of what happens while its connection is lost."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from schemas.alerts import Alert
from streams.alerts.tail import Tail
from streams.incidents.open_alerts import OpenAlerts
from streams.settings import load
from tests.integration.strict_mqtt import StrictMqtt, strict_mqtt
from tests.unit.alerts.events import alert
from tests.waiting import eventually, wait_until

pytestmark = pytest.mark.integration


@pytest.fixture
def mosquitto() -> Iterator[Mosquitto]:
    with private_directory() as directory:
        broker = Mosquitto(directory)
        broker.start()
        try:
            yield broker
        finally:
            broker.stop()


def of(name: str, *actions: str) -> list[Alert]:
    """Return the life of an alert, as far as these actions tell it."""
    return [
        msgspec.structs.replace(alert(action), alert_id=name, sequence=sequence)  # type: ignore[arg-type]
        for sequence, action in enumerate(actions)
    ]


class Worker:
    """Publishes events of alerts as a worker does."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = OpenAlerts()

    def tells(self, *events: Alert) -> None:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.connect("127.0.0.1", self._port)
        client.loop_start()
        for event in events:
            for message in self._open.tell(event).mqtt:
                sent = client.publish(message.topic, message.payload, qos=1, retain=message.retain)
                sent.wait_for_publish(60)
        client.disconnect()
        client.loop_stop()


@contextmanager
def following(port: int) -> Iterator[tuple[Tail, list[str]]]:
    """Give `alerts tail` at work on this port, and what it has shown."""
    shown, at_work = list[str](), threading.Event()
    tail = Tail(
        load(mqtt_host="127.0.0.1", mqtt_port=port),
        lambda one, _payload: shown.append(f"{one.alert_id} {one.action}"),
        at_work=at_work.set,
    )
    thread = threading.Thread(target=tail.run, daemon=True)
    thread.start()
    try:
        assert at_work.wait(60)
        yield tail, shown
    finally:
        tail.stop()
        thread.join(60)
        assert not thread.is_alive()


def session_is_kept(port: int, client_id: bytes) -> bool:
    """Return whether the broker has a session of this name; it has none afterwards."""
    found: list[bool] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id.decode(), protocol=mqtt.MQTTv5)
    client.on_connect = lambda _client, _data, flags, *_: found.append(flags.session_present)
    client.connect("127.0.0.1", port, clean_start=False)
    client.loop_start()
    wait_until(lambda: found, "the broker's word on the session")
    end = Properties(PacketTypes.DISCONNECT)  # type: ignore[no-untyped-call]
    end.SessionExpiryInterval = 0
    client.disconnect(properties=end)
    client.loop_stop()
    return found[0]


BEFORE = *of("ends", "raised"), *of("lasts", "raised")
MEANWHILE = (*of("ends", "raised", "updated", "cleared")[1:], *of("comes and goes", "raised", "cleared"))
SHOWN = ["ends updated", "ends cleared", "comes and goes raised", "comes and goes cleared"]


def goes_through(
    worker: Worker, network: StrictMqtt, shown: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Let two alerts begin, and the others happen while the network is gone, which it still is then."""
    worker.tells(*BEFORE)
    eventually(lambda: list(shown), until=lambda one: one == ["ends raised", "lasts raised"])
    network.away = True
    network.cut()
    wait_until(lambda: "connection lost" in caplog.text, "the end of the connection")
    worker.tells(*MEANWHILE)


def test_what_happens_while_the_network_is_gone_is_shown_after_it(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(mosquitto.port)
    with strict_mqtt(mosquitto.port) as network, following(network.port) as (_, shown):
        goes_through(worker, network, shown, caplog)
        network.away = False
        wait_until(lambda: shown[2:] == SHOWN, "what happened meanwhile")
        worker.tells(*of("lasts", "raised", "cleared")[1:])
        wait_until(lambda: shown[6:] == ["lasts cleared"], "what happens then")
        assert caplog.messages[-1].endswith("reconnected")


def test_what_happens_while_the_network_is_gone_outlives_a_restart_of_the_broker(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with strict_mqtt(mosquitto.port) as network, following(network.port) as (_, shown):
        goes_through(Worker(mosquitto.port), network, shown, caplog)
        mosquitto.restart()
        network.away = False
        wait_until(lambda: shown[2:] == SHOWN, "what happened meanwhile")


def test_nothing_is_kept_for_who_ends(mosquitto: Mosquitto) -> None:
    with following(mosquitto.port) as (tail, _):
        client_id = tail._client._client_id
    gone = f"Client {client_id.decode()} disconnected."
    wait_until(lambda: gone in mosquitto.process.log.read_text(), "the broker to have heard of the end")
    assert not session_is_kept(mosquitto.port, client_id)
