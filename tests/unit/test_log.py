"""Who speaks in the log."""

import logging
import os
import re
from collections.abc import Iterator

import pytest

from streams.log import speak_as


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[logging.Handler]:
    made, streams = logging.NullHandler(), logging.getLogger("streams")
    monkeypatch.setattr(logging.getLogger(), "handlers", [made])
    before = streams.level
    yield made
    streams.setLevel(before)


def test_a_line_names_the_process_and_its_id_whatever_it_is_called(handler: logging.Handler) -> None:
    speak_as("worker-50%s.1")
    record = logging.LogRecord("streams.retry", logging.WARNING, "x.py", 1, "%s is away", ("Kafka",), None)
    line = handler.format(record)
    assert re.sub("^[-0-9]+ [:0-9,]+ ", "", line) == (
        f"worker-50%s.1[{os.getpid()}] WARNING streams.retry: Kafka is away"
    )
    assert logging.getLogger("streams.gateway").isEnabledFor(logging.INFO)
