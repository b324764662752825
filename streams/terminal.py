"""The console of rich that commands write to: texts as they are, and who writes is told that nobody reads on."""

import errno
import os
from typing import Any

from rich.console import Console


class Terminal(Console):
    """A console that shows `:a:` as it is, and raises BrokenPipeError where nobody reads what it writes any more.

    By itself rich ends only the thread that writes, and with exit code 1, whatever that means for the command.
    """

    def __init__(self, **how: Any) -> None:
        super().__init__(emoji=False, **how)

    def on_broken_pipe(self) -> None:
        """Tell whoever writes."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
