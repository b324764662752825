"""aiokafka says at each try that it failed, dozens of times a second: the log says it once a minute."""

import logging
import re
import threading
import time
from collections.abc import Callable

from streams.said_once import SaidSeldom

_OFFSET = re.compile(r"offset=\d+")
"""It is another one at each commit that is refused."""


class Seldom(logging.Filter):
    """Lets a line of aiokafka pass once a minute, and all other lines."""

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
        with self._lock:
            return self._said.is_due(_OFFSET.sub("", record.getMessage()))


def say_seldom() -> None:
    """From now on write what aiokafka repeats once a minute, wherever the log goes."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom())
