"""Eclipse Mosquitto on the loopback interface, without accounts: a throwaway broker for demo and tests.

The limits are those of production (deploy/mosquitto/conf.d/limits.conf). Accounts and the ACL are not: any
local process may connect, as any user. deploy/mosquitto/mosquitto.conf is the configuration that has them.
"""

import pwd
import shutil
import signal
from pathlib import Path

from deploy.native import programs
from deploy.native.ports import LOOPBACK, free_port
from deploy.native.process import ServiceProcess, is_root
from streams.brokers.probe import probe_mqtt
from streams.errors import ServiceUnavailable

LIMITS = Path(__file__).resolve().parent.parent / "mosquitto" / "conf.d" / "limits.conf"
START_TIMEOUT_S = 10.0


class Mosquitto:
    """One broker. Sessions, queues and retained messages are in `directory` and survive stop and start."""

    def __init__(self, directory: Path) -> None:
        self.host = LOOPBACK
        self.port = free_port()
        home = directory / "mosquitto"
        home.mkdir()
        config = home / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} {LOOPBACK}\n"
            "allow_anonymous true\n"
            f"persistence_location {home}/\n"
            "log_dest stdout\n"
            f"{LIMITS.read_text()}"
        )
        user = _unprivileged_user() if is_root() else None
        if user is not None:
            shutil.chown(home, user)
            shutil.chown(config, user)  # with a umask of 077 nobody else may read it
        self._process = ServiceProcess(
            "Mosquitto",
            [str(programs.mosquitto()), "-c", str(config)],
            directory / "mosquitto.log",
            user=user,
            stop_signal=signal.SIGTERM,  # writes its database before it ends
        )

    @property
    def pid(self) -> int:
        """Its process id; raises ServiceFailed while it does not run."""
        return self._process.pid

    @property
    def process(self) -> ServiceProcess:
        """It, as a process."""
        return self._process

    def start(self) -> None:
        """Start it and wait until it accepts an MQTT v5 session."""
        self._process.start(self._accepts, START_TIMEOUT_S)

    def _accepts(self) -> bool:
        try:
            probe_mqtt(self.host, self.port, timeout_s=1.0)
        except ServiceUnavailable:
            return False
        return True

    def stop(self) -> None:
        """Stop it in order; what it holds is on disk."""
        self._process.stop()

    def kill(self) -> None:
        """Crash it; what it took in since its last autosave is lost."""
        self._process.kill()

    def restart(self) -> None:
        """Stop and start on the same port with the same data."""
        self.stop()
        self.start()


def _unprivileged_user() -> str:
    """Return a user to run as when we are root: Mosquitto would change to its own by itself, and a change of
    user clears the signal that ends it with us.
    """
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "mosquitto" if "mosquitto" in names else "nobody"
