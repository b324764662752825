"""What each of our MQTT clients is given before it connects, and what it means when it cannot."""

import ssl
from dataclasses import dataclass, field

from paho.mqtt.client import Client, DisconnectFlags
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from streams.errors import ServiceUnavailable, SettingsError
from streams.printable import printable
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

_LONGEST = 300
_OF_ACCOUNTS = frozenset({0x86, 0x87, 0x8A, 0x8C})
"""Bad user name or password, not authorized, banned, bad authentication method (MQTT 5, 3.2.2.2 and 3.14.2.1)."""
_UNSPECIFIED = 0x80
_TAKEN_OVER = 0x8E
QUOTA_EXCEEDED = 0x97
"""More came than the broker takes at a time."""
_ITS_LOG = "its log says why"
_BUSY = "nothing, unless it lasts: then look at the broker's limits"
_MOVED = "set UB_MQTT_HOST and UB_MQTT_PORT to the server that it names"
_WAYS_OUT = {
    0x84: "it does not speak MQTT 5: update it, or take another broker",
    0x85: "it allows no client id such as ours: correct its rules, UB_GATEWAY_ID or UB_WORKER_ID",
    0x87: "see what this account may do there (the broker's ACL)",
    0x88: _BUSY,
    0x89: _BUSY,
    0x95: "raise its limit on packets",
    0x96: _BUSY,
    QUOTA_EXCEEDED: _BUSY,
    0x98: "somebody ended it on the broker, whose log may say why",
    0x9A: "allow retained messages there",
    0x9B: "allow QoS 1 there",
    0x9C: _MOVED,
    0x9D: _MOVED,
    0x9E: "allow shared subscriptions there, or run one gateway without UB_MQTT_SHARE",
    0x9F: _BUSY,
    0xA2: "allow subscriptions with wildcards there",
}
"""By reason."""


def login_of(settings: Settings) -> Login:
    """Return the login that the settings name. Files are read now; SettingsError where one went since the start."""
    password, tls = settings.mqtt_password, None
    if settings.mqtt_tls:
        try:
            tls = client_context(settings.mqtt_ca_file, settings.mqtt_cert_file, settings.mqtt_key_file)
        except ValueError as error:
            raise SettingsError(str(error)) from None
    return Login(settings.mqtt_username, None if password is None else password.get_secret_value(), tls)


def in_words(reason: ReasonCode, properties: Properties | None) -> str:
    """Return the reason of a packet, with what the broker adds to it: words of its own, another server."""
    own = getattr(properties, "ReasonString", "")
    server = getattr(properties, "ServerReference", "")
    said = f"{reason}{f': {own}' if own else ''}{f'; it names {server}' if server else ''}"
    return printable(said[:_LONGEST])


def way_out_of(reason: ReasonCode) -> str:
    """Return what to do about a broker that does not let us in, or throws us out; empty: the reason says it."""
    return _WAYS_OUT.get(reason.value, "")


def refused(host: str, port: int, reason: ReasonCode, properties: Properties | None) -> ServiceUnavailable:
    """Return what to tell a person of a broker that answers our CONNECT with a refusal."""
    why, way_out = in_words(reason, properties), way_out_of(reason) or _ITS_LOG
    if reason.value in _OF_ACCOUNTS:
        why, way_out = f"{why}; look at UB_MQTT_USERNAME and UB_MQTT_PASSWORD", ""
    return ServiceUnavailable("MQTT", f"{host}:{port}", why, refuses=True, way_out=way_out)


def thrown_out(host: str, port: int, reason: ReasonCode, properties: Properties | None) -> ServiceUnavailable:
    """Return what to tell a person of a broker that lets us in, and ends that before it has answered our SUBSCRIBE."""
    return ServiceUnavailable(
        "MQTT",
        f"{host}:{port}",
        in_words(reason, properties),
        what="ends the connection before we are subscribed",
        way_out=way_out_of(reason) or _ITS_LOG,
    )


def refuses(address: str, reason: ReasonCode, properties: Properties | None) -> str:
    """Return the line for a log of that: the process goes on trying."""
    way_out = (
        "correct UB_MQTT_USERNAME and UB_MQTT_PASSWORD and start this process again, or the broker's account"
        if reason.value in _OF_ACCOUNTS
        else way_out_of(reason) or _ITS_LOG
    )
    return f"MQTT at {address} refuses the connection: {in_words(reason, properties)}; {way_out}"


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


def why_ended(flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None) -> str:
    """Return why a connection ended. Where the broker sent no DISCONNECT, paho calls that an unspecified error."""
    if reason.value == _UNSPECIFIED and not flags.is_disconnect_packet_from_server:
        return "the broker gave no reason: it has ended, or the network lost it"
    return in_words(reason, properties)


def lost(
    address: str,
    flags: DisconnectFlags,
    reason: ReasonCode,
    properties: Properties | None,
    client_id: str,
    setting: str,
) -> str:
    """Return what to tell a person of a connection that ended; `setting` is what our name on the broker comes from."""
    why = why_ended(flags, reason, properties)
    if reason.value == _TAKEN_OVER:
        why = f"{why}: another process is called {client_id}, too; give each its own {setting}"
    elif way_out := way_out_of(reason):
        why = f"{why}: {way_out}"
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
