"""The MQTT broker: where it is, who we are, and whether we speak TLS with it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt

from sensors_sim.errors import BrokerUnavailable


@dataclass(frozen=True, slots=True)
class Broker:
    """`tls` None: we speak without."""

    host: str
    port: int
    username: str | None = None
    password: str | None = None
    tls: ssl.SSLContext | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def let_in(self, client: mqtt.Client) -> None:
        """Give a client its login and TLS; before it connects."""
        if self.username is not None:
            client.username_pw_set(self.username, self.password)
        if self.tls is not None:
            client.tls_set_context(self.tls)

    def unreachable(self, error: Exception) -> BrokerUnavailable:
        """Return what to tell a person of a first connection that failed."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return BrokerUnavailable(
                f"the certificate of the MQTT broker at {self} is refused ({error.verify_message.rstrip('.')}); name "
                "the broker as its certificate does, and the authority that signed it with --mqtt-ca-file"
            )
        if self.tls is not None and isinstance(error, ssl.SSLError | ConnectionResetError):
            return BrokerUnavailable(
                f"the MQTT broker at {self} does not speak TLS with us ({error}); name the port of its TLS listener, "
                "mostly 8883, or leave --mqtt-tls out"
            )
        return BrokerUnavailable(
            f"no MQTT broker at {self} ({error}); start one, or name another with --mqtt host:port"
        )


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return what verifies the broker's certificate and name, by an authority of ours, else by the system's.

    OSError where the file holds no certificate.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
