"""What each of our MQTT clients is given before it connects, and what it means when it cannot."""

import ssl
from dataclasses import dataclass, field

from paho.mqtt.client import Client

from streams.errors import ServiceUnavailable, SettingsError
from streams.settings import Settings
from streams.tls import client_context

_OTHER_NAME = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH."""
_OTHER_TIME = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are for the broker (no name: anonymous), and whether we speak TLS with it."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = None

    def give_to(self, client: Client) -> None:
        """Let the client log in so; before it connects."""
        if self.username is not None:
            client.username_pw_set(self.username, self.password)
        if self.tls is not None:
            client.tls_set_context(self.tls)


ANONYMOUS = Login()


def login_of(settings: Settings) -> Login:
    """Return the login that the settings name. Files are read now; SettingsError where one went since the start."""
    password, tls = settings.mqtt_password, None
    if settings.mqtt_tls:
        try:
            tls = client_context(settings.mqtt_ca_file, settings.mqtt_cert_file, settings.mqtt_key_file)
        except ValueError as error:
            raise SettingsError(str(error)) from None
    return Login(settings.mqtt_username, None if password is None else password.get_secret_value(), tls)


def unavailable(host: str, port: int, error: BaseException | None, *, tls: bool) -> ServiceUnavailable:
    """Return what to tell a person of a connection that failed with `error`, with or without TLS."""
    what, way_out = _meaning(error) if tls else ("", "")
    reason = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return ServiceUnavailable("MQTT", f"{host}:{port}", reason.rstrip("."), what=what, way_out=way_out)


def _meaning(error: BaseException | None) -> tuple[str, str]:
    """Return what the broker does, and the way out; empty where it has nothing to do with TLS."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_NAME:
            way_out = (
                "set UB_MQTT_HOST to a name that stands in its certificate, or give it one with this name "
                "(subjectAltName)"
            )
        elif error.verify_code in _OTHER_TIME:
            way_out = "renew its certificate, or set this machine's clock"
        else:
            way_out = (
                "set UB_MQTT_CA_FILE to the certificate of the authority that signed its, both made as "
                "docs/operations.md shows"
            )
        return "shows a certificate that is refused", way_out
    if isinstance(error, ssl.SSLError) and "_ALERT_" in str(error):
        return (
            "refuses our TLS",
            "where it asks for a certificate of its clients, set UB_MQTT_CERT_FILE and UB_MQTT_KEY_FILE",
        )
    # A broker without TLS takes the greeting for a bad packet, and hangs up.
    if isinstance(error, ssl.SSLError | ConnectionResetError | BrokenPipeError) or "handshake" in str(error):
        return (
            "does not answer by TLS",
            "set UB_MQTT_PORT to its TLS listener, mostly 8883, or unset UB_MQTT_TLS",
        )
    return "", ""


def hung_up(host: str, port: int, *, tls: bool) -> ServiceUnavailable:
    """Return what to tell a person of a broker that ended the connection before it answered our CONNECT."""
    way_out = (
        "where it asks for a certificate of its clients, set UB_MQTT_CERT_FILE and UB_MQTT_KEY_FILE"
        if tls
        else "where this port is one for TLS, set UB_MQTT_TLS=true"
    )
    return ServiceUnavailable(
        "MQTT",
        f"{host}:{port}",
        "it ended the connection without an answer",
        way_out=f"{way_out}; otherwise its log says why",
    )
