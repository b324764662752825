"""aiokafka says at each try that it failed, dozens of times a second: the log says it once a minute."""

import logging
import threading
import time
from collections.abc import Callable

_AGAIN_S = 60.0


class Seldom(logging.Filter):
    """Lets a line of aiokafka pass once a minute, and all other lines."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[str, float] = {}
        """When each line was said last."""
        self._lock = threading.Lock()
        """A handler asks before it takes its own, and consumers have a thread of theirs."""

    def __len__(self) -> int:
        return len(self._said)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is to be written."""
        if record.name.partition(".")[0] != "aiokafka":
            return True
        now, line = self._clock(), record.getMessage()
        with self._lock:
            self._said = {one: at for one, at in self._said.items() if now - at < _AGAIN_S}
            if line in self._said:
                return False
            self._said[line] = now
            return True


def say_seldom() -> None:
    """From now on write what aiokafka repeats once a minute, wherever the log goes."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom())
