"""Tansu 0.6: speaks the Kafka protocol, keeps everything in memory, forgets it when it stops."""

import signal
import uuid
from pathlib import Path

from deploy.native import programs
from deploy.native.ports import LOOPBACK, answers, free_port
from deploy.native.process import ServiceProcess

START_TIMEOUT_S = 15.0


class Tansu:
    """One broker on a port that stays the same over restarts. Its cluster id does not: each start is a new,
    empty log, and checkpoints that name the cluster must be able to tell (design D2).
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port = free_port()
        self._process: ServiceProcess | None = None

    @property
    def bootstrap(self) -> str:
        """Address for Kafka clients."""
        return f"{LOOPBACK}:{self._port}"

    def start(self) -> None:
        """Start an empty broker and wait until it accepts connections."""
        url = f"tcp://{self.bootstrap}"
        self._process = ServiceProcess(
            "Tansu",
            [
                *(str(programs.tansu()), "broker"),
                *("--cluster-id", f"ub-{uuid.uuid4().hex[:12]}"),
                *("--listener-url", url),  # its default is all interfaces
                *("--advertised-listener-url", url),
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
