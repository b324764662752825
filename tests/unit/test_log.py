"""Who speaks in the log."""

import logging
import os
import re
from collections.abc import Iterator

import pytest

from streams.log import speak_as, to_stderr


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


@pytest.mark.parametrize("client", ["kafka", "aiokafka"])
def test_what_a_client_of_kafka_does_is_not_said_however_much_we_say(
    monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    root, of_client = logging.getLogger(), logging.getLogger(client)
    monkeypatch.setattr(root, "level", logging.INFO)  # as after `-v`: pytest has handlers of its own
    monkeypatch.setattr(of_client, "level", logging.NOTSET)
    to_stderr(verbose=True)
    assert of_client.getEffectiveLevel() == logging.WARNING
