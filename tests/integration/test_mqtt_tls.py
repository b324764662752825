"""MQTT over TLS with a real Mosquitto: everything passes, and what must not be trusted is refused with the way out."""

import asyncio
import logging
import os
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from paho.mqtt.client import Client

from deploy.native import programs
from deploy.native.directory import private_directory
from deploy.native.ports import LOOPBACK, free_port
from deploy.native.process import ServiceProcess
from deploy.native.tansu import Tansu
from schemas import codec
from schemas.alerts import Alert
from sensors_sim.broker import Broker, tls_context
from sensors_sim.recording.reader import Recording
from sensors_sim.score.listen import Listener
from sensors_sim.sources.contract import Report
from streams import topics
from streams.alerts import tell
from streams.alerts.tail import Tail
from streams.brokers.admin import create_topics, wait_for_kafka
from streams.brokers.mqtt_login import Login
from streams.brokers.probe import probe_mqtt
from streams.doctor.brokers import check_mqtt
from streams.doctor.check import Check
from streams.doctor.examination import guarded
from streams.errors import ServiceUnavailable
from streams.fold.contract import MqttMessage
from streams.gateway import mqtt_source
from streams.gateway.mqtt_source import MqttSource
from streams.runtime.mqtt import MqttPublisher
from streams.settings import Settings, load
from streams.tls import client_context
from tests import certificates
from tests.integration.gateway_support import (
    Reader,
    Services,
    array,
    now_ms,
    publish_all,
    publisher,
    reading,
    running_gateway,
)
from tests.integration.tls_support import TlsBroker, TlsMosquitto, tls_broker
from tests.unit.alerts.events import alert
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
SIM = (sys.executable, "-c", "from sensors_sim.cli import sim; sim()")


PATIENT_S = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is found out however busy the machine is."""
    monkeypatch.setattr("streams.tls._PATIENCE_S", PATIENT_S)


@pytest.fixture(scope="module")
def broker() -> Iterator[TlsBroker]:
    with tls_broker() as running:
        yield running


# ------------------------------------------------------------------ the gateway


@pytest.fixture
def services() -> Iterator[tuple[Services, TlsMosquitto]]:
    with private_directory() as directory:
        mosquitto = TlsMosquitto(directory)
        services = Services(directory, mosquitto, Tansu(directory))
        try:
            mosquitto.start()
            services.tansu.start()
            wait_for_kafka(services.tansu.bootstrap)
            create_topics(services.tansu.bootstrap, services.settings())
            yield services, mosquitto
        finally:
            mosquitto.stop()
            services.tansu.stop()


def test_20_000_messages_arrive_and_are_acknowledged(services: tuple[Services, TlsMosquitto]) -> None:
    """They wait in the broker, which sends them as fast as it can; large ones are among them."""
    ours, mosquitto = services
    start = now_ms() - 3_600_000
    single = [reading(f"v-{n % 2_000}", start + n) for n in range(19_900)]
    large = [[reading(f"w-{n}", start + 1_000 * k + n) for n in range(1_000)] for k in range(100)]
    messages = [
        (f"ub/v1/north/vehicles/{item['vehicle_id']}/position", msgspec.json.encode(item)) for item in single
    ]
    for place, readings in enumerate(large):
        messages.insert(190 * place, ("ub/v1/north/vehicles", array(readings)))
    wanted = {(str(item["vehicle_id"]), item["ts"]) for item in [*single, *chain.from_iterable(large)]}
    tls = {"mqtt_port": mosquitto.tls_port, "mqtt_tls": True, "mqtt_ca_file": mosquitto.certificates.ca}

    with running_gateway(ours, **tls) as first:
        assert first.terminate() == 0  # its session stays
    with publisher(ours) as client:
        publish_all(client, messages)
    with running_gateway(ours, **tls) as gateway, Reader(ours) as reader:
        reader.read_until(lambda seen: len(seen.pairs) == len(wanted), "all readings")
        assert gateway.terminate() == 0
        assert gateway.lines("stopped; 20000 messages, 119900 readings accepted, 0 rejected"), gateway.log
        assert gateway.lines("20000 acknowledged, 0 waiting")
    assert reader.pairs == wanted
    assert len(reader.rows) == len(wanted)
    with running_gateway(ours, **tls) as again:
        assert again.terminate() == 0
        assert again.lines("stopped; 0 messages")  # the broker heard every acknowledgement


@pytest.fixture
def refused_at_start(
    broker: TlsBroker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., str]:
    """Return what a gateway says that ends; its time is over once it told the same while it waited."""

    def refused(why: str, **settings: object) -> str:
        caplog.set_level(logging.WARNING, "streams.gateway")
        source = MqttSource(load(**broker.settings(**settings)), lambda _message, _connection: None)
        told_by = time.monotonic() + 60

        def clock() -> float:
            told = any(line.startswith("waiting: ") and why in line for line in caplog.messages)
            return 1.0 if told or time.monotonic() > told_by else 0.0

        monkeypatch.setattr(mqtt_source, "time", SimpleNamespace(monotonic=clock))
        try:
            with pytest.raises(ServiceUnavailable) as raised:
                source.open(1.0, threading.Event())
        finally:
            source.close(1)
        assert f"waiting: {raised.value}" in caplog.messages
        return str(raised.value)

    return refused


def test_a_gateway_that_does_not_trust_the_broker_says_so(
    broker: TlsBroker, refused_at_start: Callable[..., str]
) -> None:
    said = refused_at_start("shows a certificate that is refused", mqtt_ca_file=broker.others.ca)
    assert said.startswith(f"MQTT at {broker.host}:{broker.tls} shows a certificate that is refused (")
    assert "set UB_MQTT_CA_FILE to the certificate of the authority that signed its" in said


def test_a_gateway_without_tls_at_a_port_for_tls_says_so(refused_at_start: Callable[..., str]) -> None:
    said = refused_at_start("ended the connection without an answer", mqtt_tls=False, mqtt_ca_file=None)
    assert "where this port is one for TLS, set UB_MQTT_TLS=true" in said


def refusals_of(client: Client) -> list[ssl.SSLError]:
    """Return a list to which each certificate is added that it did not trust, once it has told what it tells."""
    refusals: list[ssl.SSLError] = []
    tell = client.on_connect_fail
    assert tell is not None

    def failed(of: Client, data: Any) -> None:
        tell(of, data)
        if isinstance(error := sys.exception(), ssl.SSLError):
            refusals.append(error)

    client.on_connect_fail = failed
    return refusals


def test_a_gateway_at_work_says_once_that_the_new_certificate_is_refused_and_comes_back(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_source.random, "randint", lambda _least, _most: 1)
    caplog.set_level(logging.INFO, "streams.gateway")

    def said(part: str) -> list[str]:
        return [line for line in caplog.messages if part in line]

    with private_directory() as directory:
        mosquitto = TlsMosquitto(directory)
        ours = mosquitto.certificates
        others = certificates.made(directory / "others")
        kept = [(path, path.read_bytes()) for path in (ours.server, ours.key)]
        settings = load(mqtt_port=mosquitto.tls_port, mqtt_tls=True, mqtt_ca_file=ours.ca)
        source = MqttSource(settings, lambda _message, _connection: None)
        try:
            mosquitto.start()
            tries = refusals_of(source._client)
            assert source.open(time.monotonic() + 60, threading.Event())
            mosquitto.stop()
            ours.server.write_bytes(others.server.read_bytes())
            ours.key.write_bytes(others.key.read_bytes())
            mosquitto.start()
            wait_until(lambda: said("shows a certificate that is refused"), "the gateway to say so")
            wait_until(lambda: len(tries) > 1, "it to try again")
            assert len(said("shows a certificate that is refused")) == 1
            mosquitto.stop()
            for path, content in kept:
                path.write_bytes(content)
            mosquitto.start()
            wait_until(lambda: said(": reconnected"), "the gateway to come back")
        finally:
            source.close(1)
            mosquitto.stop()


# ------------------------------------------------------------------ alerts


def test_alerts_go_out_and_are_followed(broker: TlsBroker) -> None:
    settings = load(**broker.settings())
    event = alert()
    message = MqttMessage(
        topics.alert_topic(event.severity, event.kind, event.cell), codec.encode(event), retain=True
    )
    seen: list[Alert] = []

    async def publish() -> None:
        worker = MqttPublisher(settings, "urbanbrain-worker-tls")
        worker.start()
        await asyncio.wait_for(worker.publish([message] * 500), 60)
        worker.stop()

    asyncio.run(publish())
    tail = Tail(settings, lambda found, _payload: (seen.append(found), tail.stop())[0])
    following = threading.Thread(target=tail.run, daemon=True)
    following.start()
    following.join(60)
    assert seen == [event]


def test_what_people_do_goes_out(broker: TlsBroker) -> None:
    with tell._mqtt(load(**broker.settings())) as (client, _):
        sent = client.publish("ub/v1/alert-actions/oversaturation/x", b"{}", qos=1)
        sent.wait_for_publish(60)
        assert sent.is_published()


def follow(settings: Settings) -> None:
    tail = Tail(settings, lambda *_: None)
    end = threading.Timer(60, tail.stop)  # where it is let in
    end.start()
    try:
        tail.run()
    finally:
        end.cancel()


def examine(settings: Settings) -> list[Check]:
    return check_mqtt(settings, PATIENT_S)


def let_in(settings: Settings) -> None:
    with tell._mqtt(settings):
        pass


CLIENTS: list[Callable[[Settings], Any]] = [follow, let_in, examine]


@pytest.mark.parametrize("client", CLIENTS, ids=["tail", "tell", "doctor"])
def test_who_speaks_mqtt_trusts_no_other_authority(
    broker: TlsBroker, client: Callable[[Settings], Any]
) -> None:
    with pytest.raises(ServiceUnavailable, match=r"certificate that is refused .*; set UB_MQTT_CA_FILE"):
        client(load(**broker.settings(mqtt_ca_file=broker.others.ca)))


@pytest.mark.parametrize("client", CLIENTS, ids=["tail", "tell", "doctor"])
def test_who_speaks_mqtt_trusts_no_other_name(broker: TlsBroker, client: Callable[[Settings], Any]) -> None:
    with pytest.raises(ServiceUnavailable, match=r"not valid for 'localhost'\); set UB_MQTT_HOST"):
        client(load(**broker.settings(mqtt_host="localhost")))


def test_a_worker_says_once_what_it_does_not_trust(
    broker: TlsBroker, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)

    async def wait() -> None:
        worker = MqttPublisher(load(**broker.settings(mqtt_host="localhost")), "urbanbrain-worker-tls")
        tries = refusals_of(worker._client)
        worker.start()
        await asyncio.to_thread(wait_until, lambda: len(tries) > 1, "it to try again")
        worker.stop()

    asyncio.run(wait())
    (said,) = [line for line in caplog.messages if line.startswith("waiting: ")]
    assert "set UB_MQTT_HOST to a name that stands in its certificate" in said


# ------------------------------------------------------------------ the doctor


def found_by_doctor(settings: Settings) -> Check:
    return guarded("MQTT broker", lambda: examine(settings))[0]


def test_the_doctor_is_content(broker: TlsBroker) -> None:
    check = found_by_doctor(load(**broker.settings()))
    assert check == Check("MQTT broker", True, f"{broker.host}:{broker.tls} accepts MQTT v5 over TLS")


@pytest.mark.parametrize(
    ("changed", "says", "advice"),
    [
        ("authority", "shows a certificate that is refused (", "set UB_MQTT_CA_FILE to the certificate of"),
        ("system", "shows a certificate that is refused (", "set UB_MQTT_CA_FILE to the certificate of"),
        ("name", "not valid for 'localhost')", "set UB_MQTT_HOST to a name that stands in"),
        (
            "plain port",
            "does not answer by TLS (",
            "set UB_MQTT_PORT to its TLS listener, mostly 8883, or unset",
        ),
        ("no tls", "speaks TLS there (", "set UB_MQTT_TLS=true, or UB_MQTT_PORT to a listener without TLS"),
        ("asks", "(it ended the connection without an answer)", "where it asks for a certificate of its"),
    ],
)
def test_the_doctor_tells_what_is_wrong(broker: TlsBroker, changed: str, says: str, advice: str) -> None:
    changes: dict[str, dict[str, object]] = {
        "authority": {"mqtt_ca_file": broker.others.ca},
        "system": {"mqtt_ca_file": None},
        "name": {"mqtt_host": "localhost"},
        "plain port": {"mqtt_port": broker.plain},
        "no tls": {"mqtt_tls": False, "mqtt_ca_file": None},
        "asks": {"mqtt_port": broker.strict},
    }
    check = found_by_doctor(load(**broker.settings(**changes[changed])))
    assert not check.ok
    assert says in check.detail
    assert check.advice.startswith(advice)


def test_a_broker_that_asks_for_a_certificate_takes_ours(broker: TlsBroker) -> None:
    ours = {"mqtt_cert_file": broker.made.server, "mqtt_key_file": broker.made.key}
    checks = examine(load(**broker.settings(mqtt_port=broker.strict, **ours)))
    assert all(check.ok for check in checks)


# ------------------------------------------------------------------ the simulator


def simulate(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("UB_")}
    return subprocess.run(
        [*SIM, *arguments],
        cwd=ROOT,
        env={**ours, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


RUN = ("run", "commuter", "--bikes", "200", "--for", "120", "--speed", "max", "--quiet", "--json")


def test_the_simulator_publishes_records_and_replays(broker: TlsBroker, tmp_path: Path) -> None:
    where = ("--mqtt", f"{broker.host}:{broker.tls}", "--mqtt-tls", "--mqtt-ca-file", str(broker.made.ca))
    tape = tmp_path / "tape.jsonl.zst"
    recorder = subprocess.Popen(
        [*SIM, "record", str(tape), "--messages", "5", *where], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        assert recorder.stderr is not None
        assert "recording" in recorder.stderr.readline()
        done = simulate(*RUN, *where)
        assert done.returncode == 0, done.stderr
        summary = msgspec.json.decode(done.stdout)
        assert summary["readings_acknowledged"] == summary["readings_sent"] > 200
        assert recorder.wait(30) == 0
    finally:
        recorder.kill()
        recorder.communicate()
    assert len(list(Recording(tape).read(Report()))) == 5
    played = simulate("replay", str(tape), "--speed", "max", "--quiet", *where)
    assert played.returncode == 0, played.stderr


def test_the_simulator_takes_the_variables_of_the_others(broker: TlsBroker) -> None:
    variables = {
        "UB_MQTT_HOST": broker.host,
        "UB_MQTT_PORT": str(broker.tls),
        "UB_MQTT_TLS": "true",
        "UB_MQTT_CA_FILE": str(broker.made.ca),
    }
    assert simulate(*RUN, **variables).returncode == 0
    plain = {"UB_MQTT_PORT": str(broker.plain), "UB_MQTT_TLS": "false", "UB_MQTT_CA_FILE": ""}
    done = simulate(*RUN, **(variables | plain))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("host", "authority", "says"),
    [
        (
            "127.0.0.1",
            "others",
            "is refused (self-signed certificate in certificate chain|is refused (unable",
        ),
        (
            "localhost",
            "made",
            "is refused (Hostname mismatch, certificate is not valid for 'localhost'); name",
        ),
    ],
)
def test_the_simulator_trusts_no_other(broker: TlsBroker, host: str, authority: str, says: str) -> None:
    ca = getattr(broker, authority).ca
    done = simulate(*RUN, "--mqtt", f"{host}:{broker.tls}", "--mqtt-tls", "--mqtt-ca-file", str(ca))
    assert done.returncode == 1
    assert any(part in done.stderr for part in says.split("|")), done.stderr


def test_the_simulator_tells_a_port_without_tls(broker: TlsBroker) -> None:
    done = simulate(*RUN, "--mqtt", f"{broker.host}:{broker.plain}", "--mqtt-tls")
    assert done.returncode == 1
    assert "does not speak TLS with us" in done.stderr


@pytest.mark.parametrize("with_tls", [True, False])
def test_the_simulator_refuses_a_file_that_is_of_no_use(
    broker: TlsBroker, tmp_path: Path, with_tls: bool
) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate")
    done = simulate(*RUN, "--mqtt-ca-file", str(path), *(["--mqtt-tls"] if with_tls else []))
    assert done.returncode == 2
    rule = "it holds no certificate in PEM" if with_tls else "without TLS no certificate is used"
    assert f"--mqtt-ca-file {path}: {rule}" in done.stderr.replace("\n", " ")


def test_the_simulator_shows_its_certificate_to_a_broker_that_asks(broker: TlsBroker) -> None:
    where = ("--mqtt", f"{broker.host}:{broker.strict}", "--mqtt-tls", "--mqtt-ca-file", str(broker.made.ca))
    ours = ("--mqtt-cert-file", str(broker.made.server), "--mqtt-key-file", str(broker.made.key))
    done = simulate(*RUN, *where, *ours)
    assert done.returncode == 0, done.stderr
    variables = {"UB_MQTT_CERT_FILE": str(broker.made.server), "UB_MQTT_KEY_FILE": str(broker.made.key)}
    done = simulate(*RUN, *where, **variables)
    assert done.returncode == 0, done.stderr


def test_the_simulator_says_that_it_has_no_certificate_where_one_is_asked_for(broker: TlsBroker) -> None:
    where = ("--mqtt", f"{broker.host}:{broker.strict}", "--mqtt-tls", "--mqtt-ca-file", str(broker.made.ca))
    done = simulate(*RUN, *where)
    assert done.returncode == 1
    assert "--mqtt-cert-file" in done.stderr.replace("\n", " "), done.stderr


@pytest.mark.parametrize("kind", ["cert", "key"])
def test_the_simulator_s_certificate_needs_its_key(broker: TlsBroker, kind: str) -> None:
    done = simulate(*RUN, "--mqtt-tls", f"--mqtt-{kind}-file", str(broker.made.server))
    assert done.returncode == 2
    assert "a certificate needs its key" in done.stderr.replace("\n", " ")


def test_the_simulator_refuses_the_key_of_another_certificate(broker: TlsBroker) -> None:
    files = ("--mqtt-cert-file", str(broker.made.server), "--mqtt-key-file", str(broker.others.key))
    done = simulate(*RUN, "--mqtt-tls", *files)
    assert done.returncode == 2
    assert "they are no certificate and its key" in " ".join(done.stderr.split())


def test_score_hears_alerts(broker: TlsBroker) -> None:
    where = Broker(broker.host, broker.tls, tls=tls_context(broker.made.ca))
    with Listener(where, "ub-score-tls"):
        pass
    with (
        pytest.raises(Exception, match="certificate of the MQTT broker"),
        Listener(replace(where, tls=tls_context(broker.others.ca)), "ub-score-tls"),
    ):
        pass


# ------------------------------------------------------------------ the documents


def test_the_listener_of_the_page_is_one_that_production_starts_with(tmp_path: Path) -> None:
    """With its accounts: they hold for both listeners."""
    try:
        program = programs.mosquitto()
    except programs.ProgramMissing as error:
        pytest.skip(str(error))
    source = ROOT / "deploy" / "mosquitto"
    shutil.copytree(source, tmp_path / "config")
    made = certificates.made(tmp_path / "config" / "tls")
    plain, tls = free_port(), free_port()
    (tmp_path / "config" / "conf.d" / "tls.conf").write_text(certificates.documented("conf"))
    for path in (tmp_path / "config" / "mosquitto.conf", tmp_path / "config" / "conf.d" / "tls.conf"):
        text = path.read_text().replace("/mosquitto/config", f"{tmp_path}/config")
        text = text.replace("/mosquitto/data", str(tmp_path)).replace(
            "listener 8883", f"listener {tls} {LOOPBACK}"
        )
        path.write_text(text.replace("listener 1883", f"listener {plain} {LOOPBACK}"))
    if os.geteuid() == 0:  # the folder is closed to other users
        config = tmp_path / "config" / "mosquitto.conf"
        config.write_text("user root\n" + config.read_text())
    accounts = {
        "CONFIG": str(tmp_path / "config" / "mosquitto.conf"),
        "PASSWORDS": str(tmp_path / "passwords"),
        "MQTT_GATEWAY_PASSWORD": "g",
        "MQTT_WORKER_PASSWORD": "w",
        "MQTT_ADMIN_PASSWORD": "a",
        "PATH": f"{program.parent}:{os.environ['PATH']}",
    }
    setting = [f"{name}={value}" for name, value in accounts.items()]
    process = ServiceProcess("Mosquitto", ["env", *setting, "sh", str(source / "start.sh")], tmp_path / "log")
    login = Login("gateway", "g", client_context(made.ca))

    def answers() -> bool:
        try:
            probe_mqtt(LOOPBACK, plain, Login("gateway", "g"), timeout_s=1)
        except ServiceUnavailable:
            return False
        return True

    process.start(answers, 60)
    try:
        assert probe_mqtt(LOOPBACK, tls, login).session_kept
        with pytest.raises(ServiceUnavailable, match="refuses us"):
            probe_mqtt(LOOPBACK, tls, replace(login, password="wrong"))
    finally:
        process.stop()
