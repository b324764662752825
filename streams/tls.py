"""TLS as a client of the MQTT broker: its certificate and its host name are verified, always."""

import ssl
from pathlib import Path


def client_context(
    ca_file: Path | None = None, cert_file: Path | None = None, key_file: Path | None = None
) -> ssl.SSLContext:
    """Return a context that trusts the authorities of `ca_file`, else the system's, and shows our certificate, if any.

    ValueError names the file that cannot be used, why, and the way out.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise ValueError(
            f"UB_MQTT_CA_FILE {ca_file}: {_why(error, 'it holds no certificate in PEM')}; name the certificate of the "
            "authority that signed the broker's, or unset it: the system's authorities are trusted then"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Renegotiation (TLS 1.2) alone would have a read wait for a write, which paho's loop does not foresee.
    context.options |= ssl.OP_NO_RENEGOTIATION
    if cert_file is not None:
        try:
            # A key with a passphrase is refused: without `password` OpenSSL would ask the terminal.
            context.load_cert_chain(cert_file, key_file, password="")
        except OSError as error:
            raise ValueError(
                f"UB_MQTT_CERT_FILE {cert_file} and UB_MQTT_KEY_FILE {key_file}: "
                f"{_why(error, 'they are no certificate and its key in PEM')}; "
                "name a certificate and its own key, without a passphrase"
            ) from None
    return context


def _why(error: OSError, not_pem: str) -> str:
    return not_pem if isinstance(error, ssl.SSLError) else error.strerror or str(error)
