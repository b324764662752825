"""Free TCP ports on the loopback interface."""

import random
import socket
from contextlib import closing

LOOPBACK = "127.0.0.1"
_RANGE = range(20_000, 32_768)
"""Below Linux's range for outgoing connections (32768-60999): a service that was killed finds its port free
again, instead of taken by some client's connection."""


def free_port() -> int:
    """Return a port on which nothing listens now. Its owner should bind it soon."""
    for port in random.sample(_RANGE, k=200):
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port among 200 tried in {_RANGE.start}-{_RANGE.stop - 1} on {LOOPBACK}")


def answers(port: int, host: str = LOOPBACK, timeout_s: float = 0.5) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout_s):
            return True
    except OSError:
        return False
