"""Pausing: SIGUSR1, or the key `p` or space where stdin is a terminal; again to go on."""

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Pause:
    """Whether the play is paused. Toggled from a signal handler, so it takes no lock."""

    def __init__(self, keys: int | None = None) -> None:
        self._on = False
        self._keys = keys
        """File descriptor of a terminal that is asked for keys."""

    def toggle(self, _signum: int = 0, _frame: FrameType | None = None) -> None:
        """Pause, or go on."""
        self._on = not self._on

    @property
    def on(self) -> bool:
        """Whether it is paused; looks for keys that were pressed since."""
        while self._keys is not None and select.select([self._keys], [], [], 0)[0]:
            pressed = os.read(self._keys, 1)
            if not pressed:
                self._keys = None  # the terminal is gone
            elif pressed in (b"p", b"P", b" "):
                self.toggle()
        return self._on


@contextmanager
def pausable() -> Iterator[Pause]:
    """Listen to SIGUSR1, and to keys where stdin is a terminal in front of which we run (main thread only)."""
    before = signal.getsignal(signal.SIGUSR1)
    descriptor = _terminal()
    pause = Pause(descriptor)
    settings = None if descriptor is None else termios.tcgetattr(descriptor)
    signal.signal(signal.SIGUSR1, pause.toggle)
    try:
        if descriptor is not None:
            tty.setcbreak(descriptor)  # keys come at once and are not echoed; Ctrl-C stays a signal
        yield pause
    finally:
        if descriptor is not None and settings is not None:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, settings)
        signal.signal(signal.SIGUSR1, before)


def _terminal() -> int | None:
    try:
        descriptor = sys.stdin.fileno()
        in_front = os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, ValueError):  # no stdin, or none that is a file
        return None
    return descriptor if in_front else None
