"""What each MQTT client is given, and what a person is told of a connection that failed."""

import ssl
import subprocess
from pathlib import Path

import pytest
from paho.mqtt.client import Client, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from streams.brokers.mqtt_login import Login, login_of, lost, unavailable
from streams.errors import SettingsError
from streams.settings import Settings, load
from tests import certificates
from tests.certificates import Certificates


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


def test_without_tls_nothing_is_verified_and_nothing_read() -> None:
    assert login_of(load()) == Login()


def test_an_authority_of_our_own_is_trusted_instead_of_the_system_s(made: Certificates) -> None:
    tls = login_of(load(mqtt_tls=True, mqtt_ca_file=made.ca)).tls
    assert tls is not None
    assert len(tls.get_ca_certs()) == 1


@pytest.mark.parametrize("with_file", [True, False])
def test_certificate_and_name_are_always_verified(made: Certificates, with_file: bool) -> None:
    tls = login_of(load(mqtt_tls=True, mqtt_ca_file=made.ca if with_file else None)).tls
    assert tls is not None
    assert (tls.verify_mode, tls.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert tls.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("name", ["mqtt_ca_file", "mqtt_cert_file", "mqtt_key_file"])
def test_a_file_without_tls_is_refused(made: Certificates, name: str) -> None:
    assert refusal(**{name: made.ca}).startswith(
        f"UB_{name.upper()} {made.ca}: without UB_MQTT_TLS nothing is encrypted"
    )
    assert refusal(**{name: made.ca}).endswith("set UB_MQTT_TLS=true, or unset the files")


def test_a_file_that_is_not_there_is_named_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.pem"
    said = refusal(mqtt_tls=True, mqtt_ca_file=path)
    assert said.startswith(f"UB_MQTT_CA_FILE {path}: No such file or directory; name the certificate of")
    assert said.endswith("or unset it: the system's authorities are trusted then")


@pytest.mark.parametrize("content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_that_is_no_certificate_is_named_with_the_rule(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ca.pem"
    path.write_text(content)
    said = refusal(mqtt_tls=True, mqtt_ca_file=path)
    assert said.startswith(f"UB_MQTT_CA_FILE {path}: it holds no certificate in PEM; name")


def test_a_folder_is_no_certificate(tmp_path: Path) -> None:
    assert refusal(mqtt_tls=True, mqtt_ca_file=tmp_path).startswith(
        f"UB_MQTT_CA_FILE {tmp_path}: Is a directory"
    )


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Compose sets what is not set."""
    for kind in ("CA", "CERT", "KEY"):
        monkeypatch.setenv(f"UB_MQTT_{kind}_FILE", "")
    assert load().mqtt_ca_file is None


def test_a_certificate_of_ours_needs_its_key(made: Certificates) -> None:
    said = refusal(mqtt_tls=True, mqtt_cert_file=made.server)
    assert said.startswith(f"UB_MQTT_CERT_FILE {made.server}: a certificate needs its key")
    assert refusal(mqtt_tls=True, mqtt_key_file=made.key).startswith(f"UB_MQTT_KEY_FILE {made.key}: ")
    assert login_of(load(mqtt_tls=True, mqtt_cert_file=made.server, mqtt_key_file=made.key)).tls


def test_the_key_of_another_certificate_is_refused(made: Certificates) -> None:
    other = made.ca.with_name("ca.key")
    said = refusal(mqtt_tls=True, mqtt_cert_file=made.server, mqtt_key_file=other)
    assert said.startswith(f"UB_MQTT_CERT_FILE {made.server} and UB_MQTT_KEY_FILE {other}: they are no")


def test_a_key_with_a_passphrase_is_refused_and_nobody_asked_for_it(
    made: Certificates, tmp_path: Path
) -> None:
    locked = tmp_path / "locked.key"
    command = ["openssl", "ec", "-aes256", "-passout", "pass:secret", "-in", made.key, "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    said = refusal(mqtt_tls=True, mqtt_cert_file=made.server, mqtt_key_file=locked)
    assert said.endswith("name a certificate and its own key, without a passphrase")


# ------------------------------------------------------------------ clients


def test_a_client_gets_name_password_and_tls(made: Certificates) -> None:
    settings = load(mqtt_username="hello", mqtt_password="hush", mqtt_tls=True, mqtt_ca_file=made.ca)
    login = login_of(settings)
    client = Client(CallbackAPIVersion.VERSION2)
    login.give_to(client)
    assert (client.username, client.password) == ("hello", "hush")
    assert client._ssl_context is login.tls
    assert "hush" not in repr(login)


def test_a_client_that_is_nobody_stays_so() -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    login_of(Settings()).give_to(client)
    assert (client.username, client._ssl_context) == (None, None)


def test_a_file_that_went_since_the_start_is_a_wrong_setting(made: Certificates, tmp_path: Path) -> None:
    """`notify` logs in anew each time that it tells something."""
    path = tmp_path / "ca.pem"
    path.write_bytes(made.ca.read_bytes())
    settings = load(mqtt_tls=True, mqtt_ca_file=path)
    path.unlink()
    with pytest.raises(SettingsError, match=f"UB_MQTT_CA_FILE {path}: No such file"):
        login_of(settings)


# ------------------------------------------------------------------ words


def test_without_tls_a_failure_is_that_of_the_network() -> None:
    said = unavailable("h", 1883, ConnectionResetError(104, "Connection reset by peer"), tls=False)
    assert str(said).startswith("MQTT at h:1883 does not answer ([Errno 104] Connection reset by peer)")
    assert said.way_out == ""


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "Connection refused"), TimeoutError("timed out")]
)
def test_with_tls_a_broker_that_is_away_is_away(error: OSError) -> None:
    assert unavailable("h", 8883, error, tls=True).way_out == ""


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(104, "Connection reset by peer"),
        ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
        TimeoutError("_ssl.c:1029: The handshake operation timed out"),
    ],
)
def test_a_handshake_that_fails_is_a_port_without_tls(error: OSError) -> None:
    said = unavailable("h", 1883, error, tls=True)
    assert str(said).startswith("MQTT at h:1883 does not answer by TLS (")
    assert said.way_out == "set UB_MQTT_PORT to its TLS listener, mostly 8883, or unset UB_MQTT_TLS"


@pytest.mark.parametrize(
    ("code", "message", "way_out"),
    [
        (
            20,
            "unable to get local issuer certificate",
            "set UB_MQTT_CA_FILE to the certificate of the authority",
        ),
        (
            62,
            "Hostname mismatch, certificate is not valid for 'h'.",
            "set UB_MQTT_HOST to a name that stands in",
        ),
        (64, "IP address mismatch, certificate is not valid for '::1'.", "set UB_MQTT_HOST to a name that"),
        (10, "certificate has expired", "renew its certificate, or set this machine's clock"),
    ],
)
def test_a_certificate_that_is_refused_is_told_with_the_reason(code: int, message: str, way_out: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    said = unavailable("h", 8883, error, tls=True)
    assert str(said).startswith(
        f"MQTT at h:8883 shows a certificate that is refused ({message.rstrip('.')}); {way_out}"
    )
    assert said.way_out.startswith(way_out)


# ------------------------------------------------------------------ the end of a connection


@pytest.mark.parametrize(
    ("by_broker", "reason", "said"),
    [
        (False, 0x80, "(the broker gave no reason: it has ended, or the network lost it)"),
        (True, 0x80, "(Unspecified error)"),
        (False, 0x8D, "(Keep alive timeout)"),
        (True, 0x98, "(Administrative action: somebody ended it on the broker, whose log may say why)"),
    ],
)
def test_a_connection_that_ends_without_a_word_is_no_unspecified_error(
    by_broker: bool, reason: int, said: str
) -> None:
    why = ReasonCode(PacketTypes.DISCONNECT, identifier=reason)
    line = lost("broker:1883", DisconnectFlags(by_broker), why, None, "worker-0", "UB_WORKER_ID")
    assert line == f"MQTT at broker:1883: connection lost {said}; trying again"
