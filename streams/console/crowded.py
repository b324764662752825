"""Says now and then that no file is left for another connection: asyncio writes thousands of lines a second."""

import asyncio
import errno
import logging
import time
from collections.abc import Callable
from typing import Any

log = logging.getLogger(__name__)

_AGAIN_S = 60.0
_NO_FILE = (errno.EMFILE, errno.ENFILE)


class Crowded:
    """The exception handler of a loop that serves; everything else is told as ever."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: float | None = None

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Called by asyncio with what went wrong."""
        error = context.get("exception")
        if not isinstance(error, OSError) or error.errno not in _NO_FILE:
            loop.default_exception_handler(context)
            return
        now = self._clock()
        if self._said is None or now - self._said >= _AGAIN_S:
            self._said = now
            log.error(
                "new clients wait: no file is left for another connection (%s); raise the limit of files (ulimit -n), "
                "or lower UB_CONSOLE_MAX_CLIENTS",
                error.strerror,
            )
