"""What each of our Kafka clients is given before it connects, and what it means when it cannot.

kafka-python and aiokafka keep to themselves why a connection failed: they try others, and say at the end that there
was none. So what is told is asked anew, of the broker itself, once something has failed.
"""

import asyncio
import logging
import socket
import ssl
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiokafka import errors
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.protocol.metadata import MetadataRequest

from streams.errors import ServiceUnavailable, SettingsError
from streams.said_once import SaidOnce
from streams.settings import Settings
from streams.tls import client_context, meaning, reason, speaks_tls

_PATIENCE_S = 1.0
"""For each step, of each broker that is asked why."""

_HANDSHAKE_S = 5.0
_ASK_AGAIN_S = 10.0

log = logging.getLogger(__name__)

Address = tuple[str, int]


class Impatient(ssl.SSLSocket):
    """Hangs up where a handshake of TLS takes too long: kafka-python would wait for it for good, and say nothing."""

    _patience: threading.Timer | None = None

    def do_handshake(self, block: bool = False) -> None:
        """As ever, while there is time. Without blocking it is called again and again."""
        if self._patience is None:
            self._patience = threading.Timer(_HANDSHAKE_S, self._hang_up)
            self._patience.daemon = True
            self._patience.start()
        try:
            super().do_handshake(block)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except BaseException:
            self._patience.cancel()
            raise
        self._patience.cancel()

    def _hang_up(self) -> None:
        with suppress(OSError):  # it is closed already
            socket.socket.shutdown(self, socket.SHUT_RDWR)


@dataclass(frozen=True, slots=True)
class KafkaLogin:
    """Whether we speak TLS with the brokers, and who we are for them: without a `mechanism` nobody."""

    tls: ssl.SSLContext | None = None
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of a client of kafka-python or aiokafka: both have the same names for them.

        Where there is nothing to say there are none. The context verifies certificate and name.
        """
        found: dict[str, Any] = {}
        if self.tls is not None:
            found |= {"security_protocol": "SSL", "ssl_context": self.tls}
        if self.mechanism is not None:
            found |= {
                "security_protocol": "SASL_PLAINTEXT" if self.tls is None else "SASL_SSL",
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return found


PLAIN = KafkaLogin()


def kafka_login_of(settings: Settings) -> KafkaLogin:
    """Return the login that the settings name. Files are read now; SettingsError where one went since the start."""
    password, tls = settings.kafka_password, None
    if settings.kafka_tls:
        files = settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file
        try:
            tls = client_context(*files, of="KAFKA")
        except ValueError as error:
            raise SettingsError(str(error)) from None
        tls.sslsocket_class = Impatient
    return KafkaLogin(
        tls,
        settings.kafka_sasl_mechanism,
        settings.kafka_username,
        None if password is None else password.get_secret_value(),
    )


def kafka_unavailable(bootstrap: str, login: KafkaLogin, error: BaseException) -> ServiceUnavailable:
    """Return what to tell a person of a client that failed with `error`; asks the brokers, for seconds at most."""
    return kafka_refusal(bootstrap, login) or ServiceUnavailable(
        "Kafka", bootstrap, str(error) or type(error).__name__
    )


def kafka_refusal(bootstrap: str, login: KafkaLogin) -> ServiceUnavailable | None:
    """Return what the first broker does that refuses us or our TLS, or None: they are well, or just away.

    Blocks for seconds at most, if none answers.
    """
    with ThreadPoolExecutor(1) as thread:  # the caller's may have an event loop already
        return thread.submit(_refusal, bootstrap, login).result()


def say_refusals(bootstrap: str, login: KafkaLogin) -> None:
    """From now on say, too, what is refused and the way out when aiokafka logs that it fails: once, not each time."""
    if login != PLAIN:
        logging.getLogger("aiokafka").addHandler(_Refusals(bootstrap, login))


class _Refusals(logging.Handler):
    def __init__(self, bootstrap: str, login: KafkaLogin) -> None:
        super().__init__(logging.ERROR)
        self._bootstrap = bootstrap
        self._login = login
        self._not_before = 0.0
        self._refused = SaidOnce()

    def emit(self, record: logging.LogRecord) -> None:
        """Ask on a thread of its own: whoever logs has work to do."""
        if (now := time.monotonic()) >= self._not_before:
            self._not_before = now + _ASK_AGAIN_S
            threading.Thread(target=self._ask, name="kafka-refusal", daemon=True).start()

    def _ask(self) -> None:
        refusal = _refusal(self._bootstrap, self._login)
        if refusal is None:
            self._refused.over()
        elif self._refused.is_new(str(refusal)):
            log.warning("waiting: %s", refusal)


def _refusal(bootstrap: str, login: KafkaLogin) -> ServiceUnavailable | None:
    """Who lets us in names the others, which may have names that stand in no certificate."""
    waiting = [(host, port) for host, port, _ in collect_hosts(bootstrap, randomize=False)]
    asked: set[Address] = set()
    while waiting:
        address = waiting.pop(0)
        if address in asked:
            continue
        asked.add(address)
        try:
            waiting += _others(address, login)
        except Exception as error:
            if (told := _told(address, login, error)) is not None:
                return told
    return None


def _others(address: Address, login: KafkaLogin) -> list[Address]:
    """Log in to a broker, and return the addresses of all. OSError: it is away, or the handshake of TLS failed."""
    with socket.create_connection(address, _PATIENCE_S) as plain:
        if login.tls is not None:
            login.tls.wrap_socket(plain, server_hostname=address[0]).close()
    return asyncio.run(_brokers(address, login))


async def _brokers(address: Address, login: KafkaLogin) -> list[Address]:
    async with asyncio.timeout(_PATIENCE_S):
        connection = await create_conn(*address, **login.options)
        try:
            metadata = await connection.send(MetadataRequest([]))
        finally:
            connection.close()
    return [(host, port) for _, host, port, *_ in metadata.brokers]


def _told(address: Address, login: KafkaLogin, error: Exception) -> ServiceUnavailable | None:
    host, port = address
    what, way_out, said, refuses = "", "", reason(error), False
    closed = isinstance(error, errors.KafkaConnectionError)
    if isinstance(error, errors.SaslAuthenticationFailed):
        refuses = True
        way_out = "correct UB_KAFKA_USERNAME and UB_KAFKA_PASSWORD, or UB_KAFKA_SASL_MECHANISM"
    elif isinstance(error, errors.UnsupportedSaslMechanismError | errors.IllegalSaslStateError):
        what, said = f"takes no login by {login.mechanism}", error.description.rstrip(".")
        way_out = "set UB_KAFKA_SASL_MECHANISM to one that this listener has, or unset it where it has none"
    elif login.tls is not None and (not closed or "_ALERT_" in str(error.__cause__)):
        what, way_out = meaning(
            error.__cause__ if closed else error,
            of="KAFKA",
            address="UB_KAFKA_BOOTSTRAP, or what the broker advertises,",
            listener="UB_KAFKA_BOOTSTRAP to its TLS listener, mostly on port 9093 or 9094",
        )
    elif login.tls is None and (closed or isinstance(error, TimeoutError)) and speaks_tls(*address):
        what, said = "speaks TLS there", "the connection was without"
        way_out = "set UB_KAFKA_TLS=true, or UB_KAFKA_BOOTSTRAP to a listener without TLS"
    elif closed:
        said = "it ended the connection without an answer"
        way_out = (
            "where it asks for a login or for a certificate, set UB_KAFKA_SASL_MECHANISM, UB_KAFKA_USERNAME and "
            "UB_KAFKA_PASSWORD, or UB_KAFKA_CERT_FILE and UB_KAFKA_KEY_FILE; otherwise its log says why"
        )
    if not way_out:
        return None
    return ServiceUnavailable("Kafka", f"{host}:{port}", said, refuses=refuses, what=what, way_out=way_out)
