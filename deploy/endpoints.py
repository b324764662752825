"""Where the three services of one stack answer, however they were started (native, Docker, external)."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

PLAIN = {
    "UB_MQTT_TLS": "false",
    "UB_MQTT_CA_FILE": "",
    "UB_MQTT_CERT_FILE": "",
    "UB_MQTT_KEY_FILE": "",
    "UB_KAFKA_TLS": "false",
    "UB_KAFKA_CA_FILE": "",
    "UB_KAFKA_CERT_FILE": "",
    "UB_KAFKA_KEY_FILE": "",
    "UB_KAFKA_SASL_MECHANISM": "",
    "UB_KAFKA_USERNAME": "",
    "UB_KAFKA_PASSWORD": "",
}
"""Neither TLS nor, with Kafka, a login."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Addresses of one running stack.

    `database_url` is the owner's (it may create databases, roles and extensions), the other two are those
    of the roles `ub_writer` and `ub_reader` in the same database. The URLs hold passwords: `repr` hides them.
    `directory` holds logs and data of a native stack and is None elsewhere. Brokers of ours are plain, whatever the
    settings say; `as_set`: they are those that the settings are about.
    """

    mqtt_host: str
    mqtt_port: int
    kafka_bootstrap: str
    kafka_flavor: str
    database_url: str
    writer_url: str
    reader_url: str
    directory: Path | None = None
    as_set: bool = False

    def __repr__(self) -> str:
        return (
            f"Endpoints(mqtt={self.mqtt_host}:{self.mqtt_port}, {self.kafka_flavor}={self.kafka_bootstrap}, "
            f"database={without_password(self.database_url)}, directory={self.directory})"
        )

    def environment(self) -> dict[str, str]:
        """Return the settings (streams/settings.py) of a process that works with this stack as ub_writer."""
        return {
            **({} if self.as_set else PLAIN),
            "UB_MQTT_HOST": self.mqtt_host,
            "UB_MQTT_PORT": str(self.mqtt_port),
            "UB_KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "UB_KAFKA_FLAVOR": self.kafka_flavor,
            "UB_DATABASE_URL": self.writer_url,
        }


def database_url(user: str, password: str, host: str, port: int, name: str) -> str:
    """Return a libpq URL; user, password and database name are percent-encoded."""
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return f"postgresql://{login}@{host}:{port}/{quote(name, safe='')}"


def with_login(url: str, user: str, password: str) -> str:
    """Return `url` for another role of the same database."""
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{login}@{address}"))


def with_database(url: str, name: str) -> str:
    """Return `url` for another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path="/" + quote(name, safe="")))


def without_password(url: str) -> str:
    """Return `url` fit for a log line."""
    parts = urlsplit(url)
    login, at, address = parts.netloc.rpartition("@")
    user = unquote(login.partition(":")[0])
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}{at}{address}"))
