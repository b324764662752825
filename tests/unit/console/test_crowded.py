"""A console that may open no more files says so once a minute."""

import errno
from typing import Any

import pytest

from streams.console.crowded import Crowded


class Loop:
    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.told.append(context)


def test_that_no_file_is_left_is_said_once_a_minute_and_all_else_as_ever(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With 64 files and 120 clients it wrote ten thousand lines a second."""
    now, loop = 0.0, Loop()
    handler: Any = Crowded(lambda: now)
    full = {
        "message": "socket.accept() out of system resource",
        "exception": OSError(errno.EMFILE, "Too many"),
    }
    for _ in range(100):
        handler(loop, full)
    assert len(caplog.messages) == 1
    assert "ulimit -n" in caplog.text
    now = 60.0
    handler(loop, full)
    assert len(caplog.messages) == 2
    assert not loop.told
    for other in ({"message": "no exception"}, {"message": "m", "exception": OSError(errno.EPIPE, "Broken")}):
        handler(loop, other)
    assert [context["message"] for context in loop.told] == ["no exception", "m"]
