"""Waiting on conditions: no test sleeps for a time that somebody guessed."""

import time
from collections.abc import Callable

POLL_S = 0.05
_SHOWN = 2_000


def eventually[T](
    look: Callable[[], T], timeout_s: float = 60.0, *, until: Callable[[T], object] = bool
) -> T:
    """Call `look` until `until` of its value is true and return that value; the failure shows the last one."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = look()
        if until(value):
            return value
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s; last seen: {str(value)[:_SHOWN]}"
        time.sleep(POLL_S)


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
    """Wait as `eventually` does where the value says nothing: the failure names `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:g} s for {what}"
        time.sleep(0.02)
