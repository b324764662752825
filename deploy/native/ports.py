"""Free TCP ports on the loopback interface."""

import random
import socket
import sys
from collections import deque
from contextlib import closing

LOOPBACK = "127.0.0.1"
_RANGE = range(20_000, 32_768)
"""Below Linux's range for outgoing connections (32768-60999): a service that was killed finds its port free
again, instead of taken by some client's connection."""
_TRIED = 200
_MOST = 256
"""Ports that a process keeps for itself: each takes a file descriptor."""
_PATIENCE_S = 0.5
_reserved: deque[socket.socket] = deque()


def free_port() -> int:
    """Return a port on which nothing listens now, and which is given to nobody else soon.

    Servers bind theirs seconds later, a database after its cluster was made. Until this process ends, or has asked
    for some hundred more, no process of ours is given the same (on Linux).
    """
    tried = random.sample(_RANGE, k=min(_TRIED, len(_RANGE)))
    for port in tried:
        if _reserve(port) and _is_free(port):
            return port
    raise OSError(f"no free port among {len(tried)} tried in {min(_RANGE)}-{max(_RANGE)} on {LOOPBACK}")


def _reserve(port: int) -> bool:
    """Take a name that one process at a time can have: an abstract socket, which goes with its process."""
    if sys.platform != "linux":
        return True
    mark = socket.socket(socket.AF_UNIX)
    try:
        mark.bind(f"\0urbanbrain-port-{port}")
    except OSError:
        mark.close()
        return False
    _reserved.append(mark)
    if len(_reserved) > _MOST:
        _reserved.popleft().close()
    return True


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Whether something accepts TCP connections on this port of the loopback."""
    try:
        with socket.create_connection((LOOPBACK, port), _PATIENCE_S):
            return True
    except OSError:
        return False
