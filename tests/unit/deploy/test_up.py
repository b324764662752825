"""What `urbanbrain up` does with its own processes; tests/e2e runs it as a whole."""

import os
import signal
from pathlib import Path

import pytest

from deploy import up
from deploy.endpoints import Endpoints
from deploy.native.process import ServiceFailed
from deploy.up import Plan, _Children

URL = "postgresql://ub_writer@127.0.0.1/urbanbrain"
CONTAINERS = Endpoints("127.0.0.1", 1883, "127.0.0.1:9092", "kafka", URL, URL, URL)
"""No private directory: logs are where those of the run before were."""


def test_a_log_of_the_run_before_does_not_say_that_a_process_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with _Children(CONTAINERS) as children:
        log = children.directory / "gateway.log"
        log.write_text("gateway-0: at work\n")
        with pytest.raises(ServiceFailed, match="gateway ended while starting"):
            children.start("gateway", "gateway", "--help", at_work="at work")
        assert "at work" not in log.read_text()


def test_who_interrupts_twice_is_told_what_became_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once ends in order; a city that hangs leaves no other way."""

    def hang(*_: object) -> Endpoints:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        raise AssertionError("it goes on")

    monkeypatch.setattr(up, "_services", hang)
    assert up.run(Plan(stack=None, seconds=None, scenario="quiet", speed=1.0, bikes=None, processes=1)) == 130
    assert "interrupted" in capsys.readouterr().out
