"""TLS as a client of a broker, MQTT's or Kafka's: its certificate and its host name are verified, always."""

import socket
import ssl
from pathlib import Path

_OTHER_NAME = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH."""
_OTHER_TIME = (9, 10)
"""X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED."""
_PATIENCE_S = 1.0
"""For each step of a handshake that only shows whether a port speaks TLS."""


def client_context(
    ca_file: Path | None = None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
    *,
    of: str = "MQTT",
) -> ssl.SSLContext:
    """Return a context that trusts the authorities of `ca_file`, else the system's, and shows our certificate, if any.

    ValueError names the file that cannot be used, in the settings `of` that broker, why, and the way out.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ValueError(
            f"UB_{of}_CA_FILE {ca_file}: {_why(error, 'it holds no certificate in PEM')}; name the certificate of the "
            "authority that signed the broker's, or unset it: the system's authorities are trusted then"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Renegotiation (TLS 1.2) alone would have a read wait for a write, unforeseen by paho and kafka-python.
    context.options |= ssl.OP_NO_RENEGOTIATION
    if cert_file is not None:
        try:
            # A key with a passphrase is refused: without `password` OpenSSL would ask the terminal.
            context.load_cert_chain(cert_file, key_file, password="")
        except OSError as error:
            raise ValueError(
                f"UB_{of}_CERT_FILE {cert_file} and UB_{of}_KEY_FILE {key_file}: "
                f"{_why(error, 'they are no certificate and its key in PEM')}; "
                "name a certificate and its own key, without a passphrase"
            ) from None
    return context


def speaks_tls(host: str, port: int) -> bool:
    """Greet it by TLS, and send nothing: a certificate, even one that we do not trust, is the answer."""
    try:
        with (
            socket.create_connection((host, port), timeout=_PATIENCE_S) as plain,
            client_context().wrap_socket(plain, server_hostname=host),
        ):
            return True
    except ssl.SSLCertVerificationError:
        return True
    except OSError:
        return False


def meaning(error: BaseException | None, *, of: str, address: str, listener: str) -> tuple[str, str]:
    """Return what a broker does that failed us with `error`, and the way out; empty where TLS has no part in it.

    `address` and `listener` say which setting has the name that its certificate is for, and which its port for TLS.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_NAME:
            way_out = (
                f"set {address} to a name that stands in its certificate, or give it one with this name "
                "(subjectAltName)"
            )
        elif error.verify_code in _OTHER_TIME:
            way_out = "renew its certificate, or set this machine's clock"
        else:
            way_out = (
                f"set UB_{of}_CA_FILE to the certificate of the authority that signed its, both made as "
                "docs/operations.md shows"
            )
        return "shows a certificate that is refused", way_out
    if isinstance(error, ssl.SSLError) and "_ALERT_" in str(error):
        return (
            "refuses our TLS",
            f"where it asks for a certificate of its clients, set UB_{of}_CERT_FILE and UB_{of}_KEY_FILE",
        )
    # A broker without TLS takes the greeting for a bad packet, and hangs up.
    if isinstance(error, ssl.SSLError | ConnectionResetError | BrokenPipeError) or "handshake" in str(error):
        return "does not answer by TLS", f"set {listener}, or unset UB_{of}_TLS"
    return "", ""


def reason(error: BaseException | None) -> str:
    """Return `error` in the words that say most."""
    said = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else str(error)
    return said.rstrip(".")


def _why(error: OSError, not_pem: str) -> str:
    return not_pem if isinstance(error, ssl.SSLError) else error.strerror or str(error)
