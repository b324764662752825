"""aiokafka says at each try that it failed, dozens of times a second: the log says it once a minute.

What it does about that, it says besides, without another reason: that is left out.
"""

import logging
import re
import threading
import time
from collections.abc import Callable

from streams.said_once import SaidSeldom

_OFFSET = re.compile(r"offset=\d+")
"""It is another one at each commit that is refused."""

_NO_REASONS = frozenset(
    {
        "Heartbeat failed for group %s because it is rebalancing",  # as each member of a group that another one joins
        "Heartbeat send request failed: %s. Will retry.",  # after "Error sending HeartbeatRequest to node …"
        "Heartbeat session expired - marking coordinator dead",
        "Marking the coordinator dead (node %s)for group %s.",
        "Unable to update metadata from %s",  # after what failed with each of these nodes
    }
)

_NO_CONNECTION = "NodeNotReadyError"
"""Why something could not be sent, where "Unable connect to node …" says why that is."""


class Seldom(logging.Filter):
    """Lets a line of aiokafka pass once a minute, if it gives a reason, and all other lines."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._said = SaidSeldom(clock)
        self._lock = threading.Lock()
        """A handler asks before it takes its own, and consumers have a thread of theirs."""

    def __len__(self) -> int:
        return len(self._said)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is to be written."""
        if record.name.partition(".")[0] != "aiokafka":
            return True
        text = record.getMessage()
        if record.msg in _NO_REASONS or _NO_CONNECTION in text:
            return False
        with self._lock:
            return self._said.is_due(_OFFSET.sub("", text))


def say_seldom() -> None:
    """From now on write what aiokafka repeats once a minute, and no more, wherever the log goes."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom())
