"""What each of our MQTT clients is given before it connects, and what it means when it cannot."""

import ssl
from dataclasses import dataclass, field

from paho.mqtt.client import Client

from streams.errors import ServiceUnavailable, SettingsError
from streams.settings import Settings
from streams.tls import client_context, meaning, reason


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


def refuses(address: str, why: object) -> str:
    """Return what to tell a person of a broker that answers our CONNECT with a refusal."""
    return (
        f"MQTT at {address} refuses the connection: {why}; correct UB_MQTT_USERNAME and UB_MQTT_PASSWORD and start "
        "this process again, or the broker's account"
    )


def unavailable(host: str, port: int, error: BaseException | None, *, tls: bool) -> ServiceUnavailable:
    """Return what to tell a person of a connection that failed with `error`, with or without TLS."""
    what, way_out = "", ""
    if tls:
        what, way_out = meaning(
            error,
            of="MQTT",
            address="UB_MQTT_HOST",
            listener="UB_MQTT_PORT to its TLS listener, mostly 8883",
        )
    return ServiceUnavailable("MQTT", f"{host}:{port}", reason(error), what=what, way_out=way_out)


def lost(address: str, why: object, client_id: str, setting: str) -> str:
    """Return what to tell a person of a connection that ended; `setting` is what our name on the broker comes from."""
    if why == "Session taken over":
        why = f"{why}: another process is called {client_id}, too; give each its own {setting}"
    return f"MQTT at {address}: connection lost ({why}); trying again"


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
