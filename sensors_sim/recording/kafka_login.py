"""Kafka: where it is, who we are, and whether we speak TLS with it (I/O lives here)."""

import socket
import ssl
from dataclasses import dataclass, field
from typing import Any

from sensors_sim.errors import BrokerUnavailable

_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Kafka:
    """One of its bootstrap servers. `tls` None: we speak without; no `mechanism`: without a login."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of kafka-python's clients."""
        found: dict[str, Any] = {"bootstrap_servers": str(self)}
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

    def greet(self) -> None:
        """Shake hands by TLS, where we speak it: kafka-python says nothing of a certificate that it refuses.

        It would wait without end for one that never comes. BrokerUnavailable where that fails.
        """
        if self.tls is None:
            return
        try:
            with socket.create_connection((self.host, self.port), _PATIENCE_S) as plain:
                self.tls.wrap_socket(plain, server_hostname=self.host).close()
        except OSError as error:
            raise self.unreachable(error) from None

    def unreachable(self, error: Exception) -> BrokerUnavailable:
        """Return what to tell a person of a connection that failed."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return BrokerUnavailable(
                f"the certificate of Kafka at {self} is refused ({error.verify_message.rstrip('.')}); name it as its "
                "certificate does, and the authority that signed it with --kafka-ca-file"
            )
        if isinstance(error, ssl.SSLError | ConnectionResetError) or "handshake" in str(error):
            return BrokerUnavailable(
                f"Kafka at {self} does not speak TLS with us ({error}); name the port of its TLS listener, or leave "
                "--kafka-tls out"
            )
        login = ", or correct the login (--kafka-username)" if self.mechanism else ""
        return BrokerUnavailable(
            f"no Kafka at {self} ({str(error) or type(error).__name__}); start one, or name another with "
            f"--kafka host:port{login}"
        )
