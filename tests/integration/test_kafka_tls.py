"""Kafka over TLS and with a login: who must not be trusted is refused by each client, with the way out.

The broker is a Tansu behind a listener of kafka_front.py. The whole road over it: tests/e2e/test_kafka_tls.py.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from sensors_sim.broker import tls_context
from sensors_sim.errors import BrokerUnavailable
from sensors_sim.recording.kafka_login import Kafka
from sensors_sim.recording.kafka_publisher import KafkaPublisher
from sensors_sim.recording.kafka_tap import KafkaTap
from streams import topics
from streams.alerts import tell
from streams.alerts.log import open_log
from streams.audit.log import Log
from streams.brokers import admin
from streams.brokers.admin import create_topics, wait_for_kafka
from streams.brokers.kafka_login import kafka_login_of
from streams.doctor.brokers import check_kafka
from streams.doctor.check import TIMEOUT_S, Check
from streams.doctor.examination import guarded
from streams.errors import ServiceUnavailable
from streams.gateway.kafka_sink import KafkaSink
from streams.gateway.records import KafkaRecord
from streams.notify.intake import Intake
from streams.retry import Waiting
from streams.runtime.incarnation import Logs
from streams.settings import Settings, load
from tests.integration.gateway_support import (
    GatewayProcess,
    Services,
    array,
    now_ms,
    publish_all,
    publisher,
    reading,
)
from tests.integration.kafka_front import Account, TlsKafka, tls_kafka
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
WAIT_S = 60.0


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong is found out however busy the machine is."""
    for name in ("brokers.kafka_login", "tls"):
        monkeypatch.setattr(f"streams.{name}._PATIENCE_S", WAIT_S)


@pytest.fixture(scope="module")
def kafka() -> Iterator[TlsKafka]:
    with tls_kafka() as running:
        create_topics(running.bootstrap, load(**running.settings()))
        yield running


# ------------------------------------------------------------------ the clients


def administers(settings: Settings) -> None:
    wait_for_kafka(settings.kafka_bootstrap, WAIT_S, kafka_login_of(settings))


def knows_logs(settings: Settings) -> None:
    logs = Logs(
        settings.kafka_bootstrap, [topics.VEHICLES], ends_are_true=False, login=kafka_login_of(settings)
    )
    asyncio.run(logs.incarnation(topics.VEHICLES))


def audits(settings: Settings) -> None:
    Log(settings.kafka_bootstrap, kafka_login_of(settings)).last_offsets(topics.VEHICLES, 1)


def replays(settings: Settings) -> None:
    with open_log(settings, topics.CELLS, 0) as log:
        assert log.begins == 0


def tells(settings: Settings) -> None:
    tell._to_kafka(settings, [], "test")


def notifies(settings: Settings) -> None:
    nothing = cast(Any, None)
    intake = Intake(settings, [], nothing, nothing, asyncio.Event(), lambda: None, Waiting())

    async def start() -> None:
        await (await intake._started()).stop()

    asyncio.run(start())


def produces(settings: Settings) -> None:
    sent = threading.Event()
    sink = KafkaSink(settings, lambda _record: sent.set())
    try:
        assert sink.open(time.monotonic(), threading.Event())
        sink.put(KafkaRecord(topics.REJECTED, 0, None, b"x" * 200_000, [], 1, ()))
        wait_until(lambda: (sink.pump(), sent.is_set())[1], "a confirmation")
    finally:
        sink.close()


CLIENTS: list[Callable[[Settings], None]] = [
    administers,
    knows_logs,
    audits,
    replays,
    tells,
    notifies,
    produces,
]
NAMES = [client.__name__ for client in CLIENTS]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Clients that wait for half a minute before they say that nobody lets them in."""
    monkeypatch.setattr(request.module, "WAIT_S", 1.0)
    for module in ("streams.audit.log", "streams.alerts.log"):
        consumer = __import__(module, fromlist=["KafkaConsumer"]).KafkaConsumer
        monkeypatch.setattr(
            f"{module}.KafkaConsumer", lambda c=consumer, **more: c(bootstrap_timeout_ms=3_000, **more)
        )
    monkeypatch.setattr(tell, "_TIMEOUT_S", 2.0)


@pytest.mark.parametrize("client", CLIENTS, ids=NAMES)
def test_every_client_is_let_in(kafka: TlsKafka, client: Callable[[Settings], None]) -> None:
    client(load(**kafka.settings()))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("client", CLIENTS, ids=NAMES)
def test_no_client_trusts_another_authority(kafka: TlsKafka, client: Callable[[Settings], None]) -> None:
    with pytest.raises(ServiceUnavailable, match=r"certificate that is refused .*; set UB_KAFKA_CA_FILE"):
        client(load(**kafka.settings(kafka_ca_file=kafka.others.ca)))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("client", CLIENTS, ids=NAMES)
def test_no_client_trusts_another_name(kafka: TlsKafka, client: Callable[[Settings], None]) -> None:
    elsewhere = f"localhost:{kafka.listener.port}"
    with pytest.raises(ServiceUnavailable, match=r"not valid for 'localhost'\); set UB_KAFKA_BOOTSTRAP"):
        client(load(**kafka.settings(kafka_bootstrap=elsewhere)))


# ------------------------------------------------------------------ logins


@pytest.fixture(scope="module", params=MECHANISMS)
def closed(request: pytest.FixtureRequest) -> Iterator[TlsKafka]:
    with tls_kafka(account=Account(request.param)) as running:
        create_topics(running.bootstrap, load(**running.settings()))
        yield running


@pytest.mark.parametrize("client", CLIENTS, ids=NAMES)
def test_who_has_an_account_is_let_in(closed: TlsKafka, client: Callable[[Settings], None]) -> None:
    before = closed.listener.logins
    client(load(**closed.settings()))
    assert closed.listener.logins > before


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("client", [administers, notifies, produces], ids=["admin", "notify", "gateway"])
def test_who_has_another_password_is_not(closed: TlsKafka, client: Callable[[Settings], None]) -> None:
    with pytest.raises(ServiceUnavailable, match=r"refuses us .*; correct UB_KAFKA_USERNAME and UB_KAFKA_PA"):
        client(load(**closed.settings(kafka_password="other")))


# ------------------------------------------------------------------ the doctor


def found_by_doctor(settings: Settings, within_s: float = TIMEOUT_S) -> Check:
    """What he finds who gives a broker that is well so much time: one that refuses him takes all of it."""
    return guarded("Kafka", lambda: check_kafka(settings, within_s))[0]


def test_the_doctor_is_content(kafka: TlsKafka) -> None:
    check = found_by_doctor(load(**kafka.settings()), WAIT_S)
    assert check.ok
    assert check.detail.startswith(f"{kafka.bootstrap} answers over TLS, ")


@pytest.mark.parametrize(
    ("changed", "says", "advice"),
    [
        ("authority", "shows a certificate that is refused (", "set UB_KAFKA_CA_FILE to the certificate of"),
        ("system", "shows a certificate that is refused (", "set UB_KAFKA_CA_FILE to the certificate of"),
        ("name", "not valid for 'localhost')", "set UB_KAFKA_BOOTSTRAP, or what the broker advertises, to"),
        ("plain port", "does not answer by TLS (", "set UB_KAFKA_BOOTSTRAP to its TLS listener, mostly on"),
        ("no tls", "speaks TLS there (", "set UB_KAFKA_TLS=true, or UB_KAFKA_BOOTSTRAP to a listener"),
    ],
)
def test_the_doctor_tells_what_is_wrong(kafka: TlsKafka, changed: str, says: str, advice: str) -> None:
    changes: dict[str, dict[str, object]] = {
        "authority": {"kafka_ca_file": kafka.others.ca},
        "system": {"kafka_ca_file": None},
        "name": {"kafka_bootstrap": f"localhost:{kafka.listener.port}"},
        "plain port": {"kafka_bootstrap": f"127.0.0.1:{kafka.plain}"},
        "no tls": {"kafka_tls": False, "kafka_ca_file": None},
    }
    check = found_by_doctor(load(**kafka.settings(**changes[changed])))
    assert not check.ok
    assert says in check.detail
    assert check.advice.startswith(advice)


def test_the_doctor_tells_that_a_login_is_asked_for() -> None:
    with tls_kafka(account=Account("SCRAM-SHA-256")) as kafka:
        nobody = {"kafka_sasl_mechanism": None, "kafka_username": None, "kafka_password": None}
        check = found_by_doctor(load(**kafka.settings(**nobody)))
        assert check.advice.startswith("where it asks for a login or for a certificate, set UB_KAFKA_SASL_")
        other = found_by_doctor(load(**kafka.settings(kafka_sasl_mechanism="PLAIN")))
        assert "takes no login by PLAIN" in other.detail


def test_a_broker_that_asks_for_a_certificate_takes_ours() -> None:
    with tls_kafka(strict=True) as kafka:
        ours = {"kafka_cert_file": kafka.made.server, "kafka_key_file": kafka.made.key}
        assert found_by_doctor(load(**kafka.settings(**ours)), WAIT_S).ok
        without = found_by_doctor(load(**kafka.settings()))
        assert "UB_KAFKA_CERT_FILE and UB_KAFKA_KEY_FILE" in without.advice


def test_the_name_that_a_broker_advertises_is_verified_too(kafka: TlsKafka) -> None:
    """One reaches it by a name that stands in its certificate, and is sent to one that does not."""
    with tls_kafka(names="DNS:localhost") as other:
        check = found_by_doctor(load(**other.settings(kafka_bootstrap=f"localhost:{other.listener.port}")))
        assert not check.ok
        assert (
            f"Kafka at {other.bootstrap} shows a certificate that is refused (IP address mis" in check.detail
        )


def test_a_login_without_tls(caplog: pytest.LogCaptureFixture) -> None:
    with tls_kafka(tls=False, account=Account("SCRAM-SHA-256")) as kafka:
        assert found_by_doctor(load(**kafka.settings()), WAIT_S).ok
        assert "refuses us" in found_by_doctor(load(**kafka.settings(kafka_password="other"))).detail
    assert "hush" not in caplog.text


# ------------------------------------------------------------------ processes at work


def test_who_waits_for_kafka_says_at_once_what_is_refused(
    kafka: TlsKafka, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once: his time is over after two more attempts."""
    login = kafka_login_of(load(**kafka.settings(kafka_ca_file=kafka.others.ca)))
    attempts, told_by = 0, time.monotonic() + WAIT_S

    def sleep(seconds: float) -> None:
        nonlocal attempts
        attempts += bool(said())
        time.sleep(seconds)

    def said() -> list[str]:
        return [line for line in caplog.messages if line.startswith("waiting: ")]

    def clock() -> float:
        return 5.0 if time.monotonic() > told_by else 2.0 * (attempts > 1)

    monkeypatch.setattr(admin, "time", SimpleNamespace(monotonic=clock, sleep=sleep))
    with pytest.raises(ServiceUnavailable):
        wait_for_kafka(kafka.bootstrap, 1.0, login)
    (line,) = said()
    assert "set UB_KAFKA_CA_FILE to the certificate of the authority that signed its" in line


def test_a_gateway_at_work_says_that_the_new_certificate_is_refused_and_comes_back() -> None:
    with private_directory() as directory, tls_kafka() as kafka:
        mosquitto = Mosquitto(directory)
        services = Services(directory, mosquitto, kafka.tansu)
        settings = services.settings(**kafka.settings())
        create_topics(kafka.bootstrap, settings)
        mosquitto.start()
        gateway = GatewayProcess(settings, directory / "gateway.log")
        try:
            gateway.wait_at_work()
            kafka.listener.stop()
            kafka.listener.tls = kafka.others
            kafka.listener.start()
            with publisher(services) as client:
                publish_all(client, [("ub/v1/north/vehicles", array([reading("v-1", now_ms())]))])
                wait_until(lambda: gateway.lines("shows a certificate that is refused"), "it to say so")
                assert gateway.lines("waiting: Kafka at")
                kafka.listener.stop()
                kafka.listener.tls = kafka.made
                kafka.listener.start()
                wait_until(lambda: gateway.lines("confirms again"), "it to come back")
            assert gateway.terminate() == 0
            assert gateway.lines("1 acknowledged, 0 waiting")
        finally:
            gateway.kill()
            mosquitto.stop()


def test_who_reads_by_aiokafka_says_once_what_is_refused(
    kafka: TlsKafka, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker, or `notify`: the client logs each attempt, and no way out."""
    from streams.brokers.kafka_login import _Refusals, say_refusals

    caplog.set_level(logging.WARNING)
    settings = load(**kafka.settings(kafka_ca_file=kafka.others.ca))
    say_refusals(kafka.bootstrap, kafka_login_of(settings))
    try:
        for _ in range(2):
            with pytest.raises(ServiceUnavailable):
                notifies(settings)
        wait_until(lambda: any("waiting: Kafka" in line for line in caplog.messages), "it to say so")
        (said,) = [line for line in caplog.messages if line.startswith("waiting: ")]
        assert "set UB_KAFKA_CA_FILE" in said
    finally:
        aiokafka = logging.getLogger("aiokafka")
        aiokafka.handlers = [one for one in aiokafka.handlers if not isinstance(one, _Refusals)]


# ------------------------------------------------------------------ the simulator


def reaches(where: Kafka) -> None:
    with KafkaTap(where, ["ub.*"], True, now_ms):
        pass
    target = KafkaPublisher(where, 1)
    target.connect()
    target.close()


def test_the_simulator_is_let_in(kafka: TlsKafka) -> None:
    reaches(Kafka("127.0.0.1", kafka.listener.port, tls_context(kafka.made.ca)))


@pytest.mark.parametrize(
    ("host", "authority", "says"),
    [("127.0.0.1", "others", "name it as its certificate does"), ("localhost", "made", "Hostname mismatch")],
)
def test_the_simulator_trusts_no_other(kafka: TlsKafka, host: str, authority: str, says: str) -> None:
    where = Kafka(host, kafka.listener.port, tls_context(getattr(kafka, authority).ca))
    for client in (
        lambda: reaches(where),
        lambda: KafkaPublisher(where, 1).connect(),
    ):
        with pytest.raises(BrokerUnavailable, match=says):
            client()


def test_the_simulator_tells_a_port_without_tls(kafka: TlsKafka) -> None:
    with pytest.raises(BrokerUnavailable, match="does not speak TLS with us"):
        reaches(Kafka("127.0.0.1", kafka.plain, tls_context(kafka.made.ca)))
