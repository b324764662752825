"""The MQTT broker: where it is, who we are, and whether we speak TLS with it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt

from sensors_sim.errors import BrokerUnavailable


class NoCertificate(Exception):
    """A file is of no use for TLS; begins with the option, less what stands before it."""


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
        if self.tls is not None and isinstance(error, ssl.SSLError) and "_ALERT_" in str(error):
            return BrokerUnavailable(
                f"the MQTT broker at {self} refuses our TLS ({error}); where it asks for a certificate of its clients, "
                "name ours with --mqtt-cert-file and --mqtt-key-file"
            )
        if self.tls is not None and isinstance(error, ssl.SSLError | ConnectionResetError):
            return BrokerUnavailable(
                f"the MQTT broker at {self} does not speak TLS with us ({error}); name the port of its TLS listener, "
                "mostly 8883, or leave --mqtt-tls out"
            )
        return BrokerUnavailable(
            f"no MQTT broker at {self} ({error}); start one, or name another with --mqtt host:port"
        )


def tls_context(
    ca_file: Path | None, cert_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """Return what verifies the broker's certificate and name, by an authority of ours, else by the system's.

    With a certificate of ours and its key, for a broker that asks for one. NoCertificate names the file of no use.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise NoCertificate(
            f"ca-file {ca_file}: {why}; name the certificate of the authority that signed the broker's, or leave it out"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if cert_file is not None:
        try:
            # A key with a passphrase is refused: without `password` OpenSSL would ask the terminal.
            context.load_cert_chain(cert_file, key_file, password="")
        except OSError as error:
            pem = "they are no certificate and its key in PEM"
            why = pem if isinstance(error, ssl.SSLError) else error.strerror
            raise NoCertificate(
                f"cert-file {cert_file} and its key {key_file}: {why}; name a certificate and its own key, without a "
                "passphrase"
            ) from None
    return context
