"""What `urbanbrain notify` says while Kafka is away, and how it ends then."""

import logging
import os
import signal
from pathlib import Path

import pytest

from deploy.native.tansu import Tansu
from streams.brokers import hearing
from streams.brokers.admin import wait_for_kafka
from streams.notify import service
from tests.conftest import Database
from tests.integration.notify_support import Desk, hook, notifying
from tests.waiting import eventually, wait_until

pytestmark = pytest.mark.integration


def test_a_kafka_that_hangs_is_told_once_and_so_is_that_it_is_back(
    migrated: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing, "SILENT_S", 2.0)
    monkeypatch.setattr(service, "_LISTEN_S", 1.0)
    tansu = Tansu(tmp_path)

    def said() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.name == hearing.__name__]

    try:
        tansu.start()
        wait_for_kafka(tansu.bootstrap)
        desk = Desk(tansu.bootstrap, migrated)
        with hook() as to, notifying(desk, f'[[receiver]]\nname = "a"\nurl = "{to.url}"'):
            desk.tell("one")
            wait_until(lambda: to.ids == ["one/0"], "the first")
            os.kill(tansu.pid, signal.SIGSTOP)
            try:
                eventually(said)
            finally:
                os.kill(tansu.pid, signal.SIGCONT)
            eventually(said, until=lambda lines: len(lines) == 2)
            desk.tell("two")
            wait_until(lambda: to.ids == ["one/0", "two/0"], "the second")
        desk.close()
    finally:
        tansu.stop()
    hangs, back = said()
    assert hangs.startswith(f"Kafka at {tansu.bootstrap} has not answered for ")
    assert back == f"Kafka at {tansu.bootstrap} answers again"


def test_the_end_that_is_asked_for_while_kafka_is_gone_does_not_wait_for_the_group(
    migrated: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "aiokafka.consumer.group_coordinator")
    tansu = Tansu(tmp_path)
    try:
        tansu.start()
        wait_for_kafka(tansu.bootstrap)
        desk = Desk(tansu.bootstrap, migrated)
        with notifying(desk, '[[receiver]]\nname = "a"\nurl = "http://127.0.0.1:1/"'):
            wait_until(lambda: "(Re-)joining group" in caplog.text, "a member")
            tansu.kill()
        desk.close()  # and its thread has ended
    finally:
        tansu.stop()
