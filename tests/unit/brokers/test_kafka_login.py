"""What each Kafka client is given, and what a person is told of a login or certificate that is refused."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import errors
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from streams import wiring
from streams.brokers import kafka_login
from streams.brokers.kafka_login import PLAIN, KafkaLogin, kafka_login_of, kafka_unavailable
from streams.errors import ServiceUnavailable, SettingsError
from streams.settings import load
from tests import certificates
from tests.certificates import Certificates

LOGIN = {"kafka_sasl_mechanism": "SCRAM-SHA-256", "kafka_username": "hello", "kafka_password": "hush"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.made(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def refusal(**values: object) -> str:
    with pytest.raises(SettingsError) as raised:
        load(**values)
    return str(raised.value).removeprefix("wrong setting: ")


# ------------------------------------------------------------------ settings


def test_without_tls_and_login_a_client_is_given_nothing() -> None:
    assert kafka_login_of(load()) == PLAIN
    assert PLAIN.options == {}


@pytest.mark.parametrize("with_file", [True, False])
def test_certificate_and_name_are_always_verified(made: Certificates, with_file: bool) -> None:
    tls = kafka_login_of(load(kafka_tls=True, kafka_ca_file=made.ca if with_file else None)).tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("name", ["kafka_ca_file", "kafka_cert_file", "kafka_key_file"])
def test_a_file_without_tls_is_refused(made: Certificates, name: str) -> None:
    said = refusal(**{name: made.ca})
    assert said.startswith(f"UB_{name.upper()} {made.ca}: without UB_KAFKA_TLS nothing is encrypted")
    assert said.endswith("set UB_KAFKA_TLS=true, or unset the files")


def test_a_file_that_is_of_no_use_is_named_with_the_way_out(made: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    assert refusal(kafka_tls=True, kafka_ca_file=path).startswith(f"UB_KAFKA_CA_FILE {path}: No such file")
    path.write_text("no certificate")
    assert refusal(kafka_tls=True, kafka_ca_file=path).startswith(f"UB_KAFKA_CA_FILE {path}: it holds no")
    said = refusal(kafka_tls=True, kafka_cert_file=made.server, kafka_key_file=made.ca.with_name("ca.key"))
    assert said.startswith(f"UB_KAFKA_CERT_FILE {made.server} and UB_KAFKA_KEY_FILE ")


def test_a_certificate_of_ours_needs_its_key(made: Certificates) -> None:
    assert refusal(kafka_tls=True, kafka_cert_file=made.server).startswith(
        f"UB_KAFKA_CERT_FILE {made.server}: a certificate needs its key"
    )
    assert kafka_login_of(load(kafka_tls=True, kafka_cert_file=made.server, kafka_key_file=made.key)).tls


def test_a_file_that_went_since_the_start_is_a_wrong_setting(made: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(made.ca.read_bytes())
    settings = load(kafka_tls=True, kafka_ca_file=path)
    path.unlink()
    with pytest.raises(SettingsError, match=f"UB_KAFKA_CA_FILE {path}: No such file"):
        kafka_login_of(settings)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (
            {"kafka_username": "hello"},
            "UB_KAFKA_USERNAME: without UB_KAFKA_SASL_MECHANISM there is no login to Kafka",
        ),
        (
            {"kafka_password": "hush"},
            "UB_KAFKA_PASSWORD: without UB_KAFKA_SASL_MECHANISM there is no login to Kafka",
        ),
        ({"kafka_sasl_mechanism": "PLAIN"}, "set UB_KAFKA_USERNAME and UB_KAFKA_PASSWORD, or unset the"),
        (LOGIN | {"kafka_password": None}, "set UB_KAFKA_PASSWORD, or unset the mechanism"),
        (LOGIN | {"kafka_sasl_mechanism": "GSSAPI"}, "UB_KAFKA_SASL_MECHANISM='GSSAPI': "),
    ],
)
def test_half_a_login_is_refused(given: dict[str, object], says: str) -> None:
    said = refusal(**given)
    assert says in said
    assert "hush" not in said


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Compose sets what is not set."""
    for name in ("CA_FILE", "CERT_FILE", "KEY_FILE", "SASL_MECHANISM", "USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"UB_KAFKA_{name}", "")
    assert kafka_login_of(load()) == PLAIN


# ------------------------------------------------------------------ clients


def login(made: Certificates, *, tls: bool, sasl: bool) -> KafkaLogin:
    files = {"kafka_tls": True, "kafka_ca_file": made.ca} if tls else {}
    return kafka_login_of(load(**files, **(LOGIN if sasl else {})))


@pytest.mark.parametrize(
    ("tls", "sasl", "protocol"),
    [(True, False, "SSL"), (True, True, "SASL_SSL"), (False, True, "SASL_PLAINTEXT")],
)
def test_all_clients_are_given_the_same(made: Certificates, tls: bool, sasl: bool, protocol: str) -> None:
    ours = login(made, tls=tls, sasl=sasl)
    wanted: dict[str, Any] = {"security_protocol": protocol}
    if tls:
        wanted["ssl_context"] = ours.tls
    if sasl:
        wanted |= {
            "sasl_mechanism": "SCRAM-SHA-256",
            "sasl_plain_username": "hello",
            "sasl_plain_password": "hush",
        }
    assert ours.options == wanted
    assert set(wanted) <= set(
        KafkaProducer.DEFAULT_CONFIG
    )  # who is given another name is told by kafka-python
    app = wiring._faust_app(load(), ours)
    from_faust = credentials_to_aiokafka_auth(app.conf.broker_credentials, app.conf.ssl_context)
    assert {name: value for name, value in from_faust.items() if value is not None} == wanted
    producer = app.transport.create_producer()
    assert producer._settings_auth() == from_faust  # they go before what it says without
    assert "hush" not in repr(ours) + repr(app.conf.broker_credentials)


def test_without_tls_and_login_faust_is_given_nothing() -> None:
    app = wiring._faust_app(load(), PLAIN)
    assert app.conf.broker_credentials is None
    assert app.conf.ssl_context is None


@pytest.mark.parametrize("asked", ["true", "false"])
def test_checksums_are_checked_where_that_is_asked_for(asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UB_KAFKA_CHECK_CRCS", asked)
    app = wiring._faust_app(load(), PLAIN)
    assert app.conf.broker_check_crcs is (asked == "true")


# ------------------------------------------------------------------ words


def test_a_refusal_that_comes_back_after_kafka_let_us_in_is_said_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = ServiceUnavailable("Kafka", "broker:9094", "it refuses us", refuses=True)
    answers = iter([refused, refused, None, refused])
    monkeypatch.setattr(kafka_login, "_refusal", lambda _bootstrap, _login: next(answers))
    asking = kafka_login._Refusals("broker:9094", PLAIN)
    for _ in range(4):
        asking._ask()
    assert caplog.messages == [f"waiting: {refused}"] * 2


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port that takes connections and says nothing, as a broker does that takes our greeting for a size."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_handshake_that_is_not_answered_is_given_up(
    deaf: int, made: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As kafka-python makes it: without blocking, and without end."""
    monkeypatch.setattr(kafka_login, "_HANDSHAKE_S", 0.2)
    tls = login(made, tls=True, sasl=False).tls
    assert tls is not None
    with socket.create_connection(("127.0.0.1", deaf)) as plain:
        ours = tls.wrap_socket(plain, server_hostname="127.0.0.1", do_handshake_on_connect=False)
        ours.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            ours.do_handshake()
        ours._patience.join(60)  # type: ignore[attr-defined]
        with pytest.raises(ssl.SSLError) as given_up:
            ours.do_handshake()
        assert not isinstance(given_up.value, ssl.SSLWantReadError)
        ours.close()


def test_nobody_is_asked_for_long(deaf: int, made: Certificates) -> None:
    said = kafka_unavailable(
        f"127.0.0.1:{deaf}", login(made, tls=True, sasl=False), KafkaTimeoutError("no broker")
    )
    assert "does not answer by TLS" in str(said)
    assert said.way_out.startswith("set UB_KAFKA_BOOTSTRAP to its TLS listener, mostly on port 9093")


def test_who_is_away_is_away(made: Certificates) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        nobody = f"127.0.0.1:{server.getsockname()[1]}"
    for ours in (PLAIN, login(made, tls=True, sasl=True)):
        said = kafka_unavailable(nobody, ours, KafkaTimeoutError("no broker"))
        assert str(said).startswith(f"Kafka at {nobody} does not answer (KafkaTimeoutError: no broker)")
        assert said.way_out == ""


def told(ours: KafkaLogin, error: Exception) -> ServiceUnavailable:
    found = kafka_login._told(("h", 9093), ours, error)
    assert found is not None
    return found


def test_a_password_that_is_refused_is_told() -> None:
    said = told(
        KafkaLogin(None, "PLAIN", "hello", "hush"), errors.SaslAuthenticationFailed("Authentication failed")
    )
    assert "refuses us" in str(said)
    assert said.way_out.startswith("correct UB_KAFKA_USERNAME and UB_KAFKA_PASSWORD")
    assert "hush" not in str(said)


def test_a_mechanism_that_is_not_there_is_told() -> None:
    said = told(KafkaLogin(None, "PLAIN", "hello", "hush"), errors.UnsupportedSaslMechanismError())
    assert str(said).startswith("Kafka at h:9093 takes no login by PLAIN (")


def test_a_name_that_stands_in_no_certificate_may_be_one_that_is_advertised(made: Certificates) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 62, "Hostname mismatch, certificate is not valid for 'h'."
    said = told(login(made, tls=True, sasl=False), error)
    assert str(said).startswith("Kafka at h:9093 shows a certificate that is refused (Hostname mismatch, ")
    assert said.way_out.startswith("set UB_KAFKA_BOOTSTRAP, or what the broker advertises, to a name")


def test_whoever_asks_may_have_an_event_loop(deaf: int) -> None:
    """As a worker has."""

    async def ask() -> ServiceUnavailable | None:
        return kafka_login.kafka_refusal(f"127.0.0.1:{deaf}", PLAIN)

    assert asyncio.run(ask()) is None
