"""What worker processes need of their machine, tried once before they start.

Each of them would end with the same error, and be started again, for good.
"""

import socket
from pathlib import Path
from tempfile import TemporaryFile

from streams.errors import SettingsError

_LAST_PORT = 65535


def try_folders(data_dir: Path, worker_id: str, processes: int) -> None:
    """Make the folder of each process and write to it; SettingsError where this user cannot."""
    for index in range(processes):
        folder = data_dir / f"{worker_id}.{index}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=folder).close()
        except OSError as error:
            raise SettingsError(
                f"wrong setting: UB_DATA_DIR: the folder {folder} cannot be used ({error.strerror or error}); "
                "name one in which this user may write"
            ) from error


def try_ports(first: int, processes: int) -> None:
    """Listen on the port of each process for a moment, if they have any; SettingsError where one is taken."""
    for port in range(first, first + processes) if first else ():
        if port > _LAST_PORT:
            raise _no_port(port, "beyond the last port there is")
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise _no_port(port, error.strerror or str(error)) from error


def _no_port(port: int, reason: str) -> SettingsError:
    return SettingsError(
        f"wrong setting: UB_WEB_PORT: no worker can listen on 127.0.0.1:{port} ({reason}); "
        "name another port (process n takes port + n), or 0 for none"
    )
