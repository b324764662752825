"""Tansu 0.6: speaks the Kafka protocol, keeps everything in memory, forgets it when it stops."""

import signal
import uuid
from pathlib import Path

from deploy.native import programs
from deploy.native.ports import LOOPBACK, answers, free_port
from deploy.native.process import ServiceFailed, ServiceProcess

START_TIMEOUT_S = 15.0


class Tansu:
    """One broker on a port that stays the same over restarts. Its cluster id does not: each start is a new,
    empty log, and checkpoints that name the cluster must be able to tell (streams/store/checkpoint.py).

    `advertised_port`: where clients are sent instead of its own port, for a proxy in between.
    """

    def __init__(self, directory: Path, advertised_port: int | None = None) -> None:
        self._directory = directory
        self._port = free_port()
        self._advertised_port = advertised_port or self._port
        self._process: ServiceProcess | None = None

    @property
    def bootstrap(self) -> str:
        """Address for Kafka clients."""
        return f"{LOOPBACK}:{self._advertised_port}"

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def pid(self) -> int:
        """Its process id; raises ServiceFailed while it does not run."""
        return self.process.pid

    @property
    def process(self) -> ServiceProcess:
        """It, as a process; raises ServiceFailed before it was started."""
        if self._process is None:
            raise ServiceFailed("Tansu is not running; start it first")
        return self._process

    def start(self) -> None:
        """Start an empty broker and wait until it accepts connections."""
        url = f"tcp://{LOOPBACK}:{self._port}"
        self._process = ServiceProcess(
            "Tansu",
            [
                *(str(programs.tansu()), "broker"),
                *("--cluster-id", f"ub-{uuid.uuid4().hex[:12]}"),
                *("--listener-url", url),  # its default is all interfaces
                *("--advertised-listener-url", f"tcp://{self.bootstrap}"),
                *("--storage-engine", "memory://tansu/"),
            ],
            self._directory / "tansu.log",
            stop_signal=signal.SIGTERM,
        )
        self._process.start(lambda: answers(self._port), START_TIMEOUT_S)

    def stop(self) -> None:
        """Stop it; its topics are gone."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """Crash it."""
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        """Stop and start: the same address, an empty log."""
        self.stop()
        self.start()
