"""A native Mosquitto that speaks TLS on a second port, with certificates of docs/operations.md."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from deploy.native.ports import LOOPBACK, free_port
from deploy.native.programs import ProgramMissing
from tests import certificates
from tests.certificates import Certificates


class TlsMosquitto(Mosquitto):
    """The native broker, with listeners for TLS beside the plain one."""

    def __init__(self, directory: Path) -> None:
        try:
            super().__init__(directory)
        except ProgramMissing as error:
            pytest.skip(str(error))
        home = directory / "mosquitto"
        self.certificates = certificates.made(home / "tls")
        self.tls_port, self.strict_port = free_port(), free_port()
        config = home / "mosquitto.conf"
        listener = (
            f"listener {{}} {LOOPBACK}\n"
            f"certfile {self.certificates.server}\n"
            f"keyfile {self.certificates.key}\n"
        )
        asks = f"cafile {self.certificates.ca}\nrequire_certificate true\n"
        config.write_text(
            config.read_text() + listener.format(self.tls_port) + listener.format(self.strict_port) + asks
        )
        if os.geteuid() == 0:  # as the broker's own user, which may not read what is ours
            for path in (home / "tls").iterdir():
                shutil.chown(path, home.owner())
            shutil.chown(home / "tls", home.owner())


@dataclass(frozen=True, slots=True)
class TlsBroker:
    """Where it listens."""

    host: str
    plain: int
    tls: int
    strict: int
    """Asks for a certificate of its clients."""
    made: Certificates
    others: Certificates
    """Of an authority that has nothing to do with it."""

    def settings(self, **more: object) -> dict[str, object]:
        """Settings of a client that is let in."""
        values = {
            "mqtt_host": self.host,
            "mqtt_port": self.tls,
            "mqtt_tls": True,
            "mqtt_ca_file": self.made.ca,
        }
        return values | more


@contextmanager
def tls_broker() -> Iterator[TlsBroker]:
    """Run one while the context lasts."""
    with private_directory() as directory:
        broker = TlsMosquitto(directory)
        others = certificates.made(directory / "others")
        try:
            broker.start()
            yield TlsBroker(
                broker.host, broker.port, broker.tls_port, broker.strict_port, broker.certificates, others
            )
        finally:
            broker.stop()
