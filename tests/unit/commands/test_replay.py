"""How `alerts replay` ends where it cannot compare: 1 would say that another alert came out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from streams.cli import main

REPLAYED = """
from types import SimpleNamespace
from streams.alerts import log
from streams.commands import replay
from tests.unit.alerts.events import alert

one = alert("raised")

class Kafka:
    def __init__(self, **_): pass
    def beginning_offsets(self, at): return {at[0]: 0}
    def assign(self, at): self.at = at[0]
    def seek(self, *_): pass
    def close(self): pass
    def poll(self, **_): return {self.at: [SimpleNamespace(offset=one.evidence.offset, value=b"", timestamp=1)]}

log.KafkaConsumer = Kafka
replay._stored = lambda *_: ([one], 0)
replay._check_version = lambda *_: None
from streams.cli import main
main(["alerts", "replay", "one"])
"""


def replayed(stdout: int) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", REPLAYED], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.fixture
def nobody() -> Iterator[int]:
    """A pipe that nobody reads."""
    reads, writes = os.pipe()
    os.close(reads)
    yield writes
    os.close(writes)


def test_a_setting_that_is_wrong_says_nothing_about_an_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UB_WINDOW_S", "0")
    done = CliRunner().invoke(main, ["alerts", "replay", "04443a28"])
    assert done.exit_code == 2
    assert done.stderr.startswith("cannot replay: wrong setting: UB_WINDOW_S")


def test_who_does_not_read_how_it_came_out_is_not_told_that_it_differs(nobody: int) -> None:
    assert replayed(nobody) == (2, "")


def test_a_disk_that_is_full_is_not_taken_for_kafka_or_a_difference() -> None:
    with Path("/dev/full").open("w") as full:
        code, said = replayed(full.fileno())
    assert (code, said) == (
        2,
        "cannot replay: cannot write the output: No space left on device; make room there\n",
    )
