"""Mosquitto with production's accounts and ACL: each publisher keeps to its own topics."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from deploy.native import programs
from deploy.native.ports import LOOPBACK, free_port
from deploy.native.process import ServiceProcess
from schemas.owners import RESERVED
from streams import topics
from streams.alerts.tail import Tail
from streams.brokers.mqtt_login import Login
from streams.brokers.probe import probe_mqtt, retained
from streams.errors import ServiceUnavailable
from streams.settings import load

pytestmark = pytest.mark.integration

NAMES_OF_OURS = (
    "alerts",
    "open-alerts",
    "open-alerts-by",
    "alert-actions",
    "incidents",
    "orders",
    "gateway",
    "worker",
    "admin",
)
SOURCE = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto"


@pytest.fixture(scope="module")
def port(stack_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Production's configuration with paths and port of this test, started by production's script."""
    if stack_kind != "native":
        pytest.skip(f"UB_TEST_STACK={stack_kind}: the native stack's programs need not be installed")
    home = tmp_path_factory.mktemp("mosquitto")
    shutil.copytree(SOURCE, home / "config")
    chosen = free_port()
    config = home / "config" / "mosquitto.conf"
    text = (
        config.read_text()
        .replace("/mosquitto/config", f"{home}/config")
        .replace("/mosquitto/data", str(home))
    )
    # The test's directory is closed to other users, so the broker keeps our own user.
    user = "user root\n" if os.geteuid() == 0 else ""
    config.write_text(user + text.replace("listener 1883", f"listener {chosen} {LOOPBACK}"))
    accounts = {
        "CONFIG": str(config),
        "PASSWORDS": str(home / "passwords"),
        "MQTT_GATEWAY_PASSWORD": "g",
        "MQTT_WORKER_PASSWORD": "w",
        "MQTT_ADMIN_PASSWORD": "a",
        "MQTT_PUBLISHERS": "hello:h mobike:m",
        "PATH": f"{programs.mosquitto().parent}:{os.environ['PATH']}",
    }
    setting = [f"{name}={value}" for name, value in accounts.items()]
    process = ServiceProcess("Mosquitto", ["env", *setting, "sh", str(SOURCE / "start.sh")], home / "log")

    def answers() -> bool:
        try:
            probe_mqtt(LOOPBACK, chosen, Login("gateway", "g"), timeout_s=1)
        except ServiceUnavailable:
            return False
        return True

    process.start(answers, 60)
    yield chosen
    process.stop()


class Account(mqtt.Client):
    """A connected MQTT v5 client of one account."""

    def __init__(self, port: int, name: str, password: str) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.username_pw_set(name, password)
        self.ready = self.subscribed = False
        self.reasons: dict[int, str] = {}
        self.received: list[str] = []
        self.on_connect = lambda _c, _u, _f, reason, _p: setattr(self, "ready", not reason.is_failure)
        self.on_subscribe = lambda *_: setattr(self, "subscribed", True)
        self.on_publish = lambda _c, _u, mid, reason, _p: self.reasons.update({mid: reason.getName()})
        self.on_message = lambda _c, _u, message: self.received.append(message.topic)
        self.connect(LOOPBACK, port)
        self.until("ready")

    def until(self, attribute: str) -> None:
        deadline = time.monotonic() + 60
        while not getattr(self, attribute):
            assert time.monotonic() < deadline, attribute
            self.loop(0.05)

    def may_publish(self, topic: str) -> bool:
        mid = self.publish(topic, "x", qos=1).mid
        deadline = time.monotonic() + 60
        while mid not in self.reasons:
            assert time.monotonic() < deadline, topic
            self.loop(0.05)
        return self.reasons[mid] != "Not authorized"


def test_what_the_broker_reserves_is_what_gateway_and_simulator_refuse() -> None:
    assert set(NAMES_OF_OURS) == RESERVED


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        *((f"{name}:x", f"the name {name} is reserved; choose another") for name in NAMES_OF_OURS),
        ("alerts/major:x", "the name alerts/major is no level of a topic; leave out / + and #"),
        ("alert+:x", "the name alert+ is no level of a topic; leave out / + and #"),
        ("hello", "an entry is not name:password"),
        (":secret", "an entry is not name:password"),
        ("hello:a:b", "the password of hello has a colon, where it would end; choose letters and digits"),
    ],
)
def test_no_publisher_has_a_name_that_opens_topics_of_others(
    tmp_path: Path, account: str, reason: str
) -> None:
    environment = {
        "PASSWORDS": str(tmp_path / "passwords"),
        "MQTT_GATEWAY_PASSWORD": "g",
        "MQTT_WORKER_PASSWORD": "w",
        "MQTT_ADMIN_PASSWORD": "a",
        "MQTT_PUBLISHERS": f"mobike:a/b {account}",
        "PATH": "/nowhere",
    }
    done = subprocess.run(
        ["/bin/sh", str(SOURCE / "start.sh")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == f"MQTT_PUBLISHERS: {reason}\n"
    assert not list(tmp_path.iterdir()), "passwords are left on the disk as they are"


def refusal(directory: Path, changed: dict[str, str]) -> str:
    """Return what start.sh says of passwords with which it does not start."""
    environment = {
        "PASSWORDS": str(directory / "passwords"),
        "MQTT_GATEWAY_PASSWORD": "g",
        "MQTT_WORKER_PASSWORD": "w",
        "MQTT_ADMIN_PASSWORD": "a",
        "PATH": "/nowhere",
    }
    done = subprocess.run(
        ["/bin/sh", str(SOURCE / "start.sh")],
        env=environment | changed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("name", ["MQTT_GATEWAY_PASSWORD", "MQTT_WORKER_PASSWORD", "MQTT_ADMIN_PASSWORD"])
def test_no_password_of_ours_is_cut_short(tmp_path: Path, name: str) -> None:
    """mosquitto_passwd would take what stands before the colon for all of it, without a word."""
    said = refusal(tmp_path, {name: "much:longer"})
    account = name.split("_")[1].lower()
    assert said == (
        f"{name}: the password of {account} has a colon, where it would end; choose letters and digits\n"
    )


@pytest.mark.parametrize(
    ("changed", "whose"),
    [
        ({"MQTT_ADMIN_PASSWORD": "change-me"}, "MQTT_ADMIN_PASSWORD: the password of admin"),
        ({"MQTT_PUBLISHERS": "hello:x mobike:change-me"}, "MQTT_PUBLISHERS: the password of mobike"),
    ],
)
def test_the_passwords_of_the_example_open_no_broker(
    tmp_path: Path, changed: dict[str, str], whose: str
) -> None:
    """Everybody knows them, and port 1883 is open to all."""
    said = refusal(tmp_path, changed)
    assert said == f"{whose} is still change-me; choose one of your own (openssl rand -hex 24)\n"


@pytest.mark.parametrize(
    "ids",
    [
        {"GATEWAY_ID": "gateway-change-me", "WORKER_ID": "worker-4b1d"},
        {"GATEWAY_ID": "gateway-9c2e", "WORKER_ID": "worker-change-me"},
    ],
)
def test_the_names_of_the_example_open_no_broker(tmp_path: Path, ids: dict[str, str]) -> None:
    """Any publisher may connect by them, and ends the session of ours with all that waits in it."""
    said = refusal(tmp_path, ids)
    (still,) = [name for name in ids.values() if "change-me" in name]
    assert said.startswith(f"GATEWAY_ID, WORKER_ID: one is still {still}, and a publisher who connects by ")


@pytest.mark.parametrize(
    ("account", "password", "topic", "allowed"),
    [
        ("hello", "h", "ub/v1/hello/vehicles", True),
        ("hello", "h", "ub/v1/hello/vehicles/b1/position", True),
        ("hello", "h", "ub/v1/hello/sensors/air-1", True),
        ("hello", "h", "ub/v1/hello/requests", True),
        ("hello", "h", "ub/v1/mobike/vehicles", False),
        ("hello", "h", "ub/v1/mobike/sensors", False),
        ("hello", "h", "ub/v1/mobike/requests", False),
        ("hello", "h", "ub/v1/alerts/major/oversaturation/89309a4e65bffff", False),
        ("worker", "w", "ub/v1/alerts/major/oversaturation/89309a4e65bffff", True),
        ("hello", "h", "ub/v1/open-alerts/major/oversaturation/89309a4e65bffff/a", False),
        ("worker", "w", "ub/v1/open-alerts/major/oversaturation/89309a4e65bffff/a", True),
        ("hello", "h", "ub/v1/open-alerts-by/operator/hello/major/oversaturation/89309a4e65bffff/a", False),
        ("worker", "w", "ub/v1/open-alerts-by/operator/hello/major/oversaturation/89309a4e65bffff/a", True),
        ("worker", "w", "ub/v1/alert-actions/oversaturation/89309a4e65bffff/a", True),
        ("hello", "h", "ub/v1/alert-actions/oversaturation/89309a4e65bffff/a", False),
        ("worker", "w", "ub/v1/hello/vehicles", False),
        ("gateway", "g", "ub/v1/hello/vehicles", False),
        ("gateway", "g", "ub/v1/gateway/at-work/gateway-0", True),
        ("worker", "w", "ub/v1/gateway/at-work/gateway-0", False),
        ("hello", "h", "ub/v1/gateway/at-work/gateway-0", False),
        ("admin", "a", "ub/v1/alerts/major/oversaturation/89309a4e65bffff", True),
    ],
)
def test_an_account_publishes_only_to_its_own_topics(
    port: int, account: str, password: str, topic: str, *, allowed: bool
) -> None:
    client = Account(port, account, password)
    assert client.may_publish(topic) is allowed
    client.disconnect()


def test_the_gateway_reads_what_every_publisher_sends(port: int) -> None:
    gateway = Account(port, "gateway", "g")
    gateway.subscribe([(wanted, mqtt.SubscribeOptions(1)) for wanted in topics.MQTT_GATEWAY_FILTERS])
    gateway.until("subscribed")
    sent = []
    for name, password in (("hello", "h"), ("mobike", "m")):
        publisher = Account(port, name, password)
        for part in (
            "vehicles",
            "vehicles/b1/position",
            "sensors",
            "sensors/air-1",
            "requests",
            "requests/x",
        ):
            sent.append(f"ub/v1/{name}/{part}")
            assert publisher.may_publish(sent[-1])
        publisher.disconnect()
    deadline = time.monotonic() + 60
    while len(gateway.received) < len(sent):
        assert time.monotonic() < deadline, gateway.received
        gateway.loop(0.05)
    assert sorted(gateway.received) == sorted(sent)
    gateway.disconnect()


def test_the_worker_reads_what_stands_retained(port: int) -> None:
    worker = Account(port, "worker", "w")
    worker.subscribe([(wanted, mqtt.SubscribeOptions(1)) for wanted in topics.MQTT_BOARD_FILTERS])
    worker.until("subscribed")
    sent = [
        topics.alert_topic("major", "oversaturation", "c"),
        topics.open_alert_topic("major", "oversaturation", "c", "a"),
        topics.open_alert_topic_by("district", "Pudong", "major", "oversaturation", "c", "a"),
        topics.incident_topic("major", "i"),
    ]
    assert all(worker.may_publish(topic) for topic in sent)
    deadline = time.monotonic() + 60
    while len(worker.received) < len(sent):
        assert time.monotonic() < deadline, worker.received
        worker.loop(0.05)
    assert sorted(worker.received) == sorted(sent)
    worker.disconnect()


@pytest.mark.parametrize(
    ("account", "password", "may_read"),
    [("gateway", "g", True), ("worker", "w", True), ("hello", "h", False)],
)
def test_our_own_accounts_read_which_gateways_are_at_work(
    port: int, account: str, password: str, *, may_read: bool
) -> None:
    gateway, topic = Account(port, "gateway", "g"), topics.gateway_topic("gateway-0")
    gateway.publish(topic, "x", retain=True)
    assert gateway.may_publish(topic), "the broker has what was published before"
    gateway.disconnect()
    found = retained(LOOPBACK, port, f"{topics.MQTT_GATEWAYS_AT_WORK}/#", Login(account, password))
    assert found == ({topic: b"x"} if may_read else {})


@pytest.mark.parametrize(("account", "password"), [(None, None), ("hello", "wrong"), ("nobody", "x")])
def test_nobody_connects_without_an_account(port: int, account: str | None, password: str | None) -> None:
    with pytest.raises(ServiceUnavailable, match="refuses us"):
        probe_mqtt(LOOPBACK, port, Login(account, password))


def test_who_may_not_follow_alerts_is_told_so(port: int) -> None:
    settings = load(mqtt_host=LOOPBACK, mqtt_port=port, mqtt_username="hello", mqtt_password="wrong")
    with pytest.raises(ServiceUnavailable, match="Not authorized; look at UB_MQTT_USERNAME"):
        Tail(settings, lambda _alert, _payload: None).run()
