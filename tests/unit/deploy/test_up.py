"""What `urbanbrain up` does with its own processes; tests/e2e runs it as a whole."""

import os
import signal
import threading
from pathlib import Path

import pytest

from deploy import up
from deploy.endpoints import Endpoints
from deploy.native.process import ServiceFailed
from deploy.summary import Figures
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
    """Once ends in order; where that hangs, the second time ends it."""
    pressed = 0

    def city(*arguments: object) -> Figures:
        nonlocal pressed
        asked = arguments[-1]
        assert isinstance(asked, threading.Event)
        for _ in range(3):
            pressed += 1
            os.kill(os.getpid(), signal.SIGINT)
            up._wait(None, asked)
        raise AssertionError("it goes on")

    monkeypatch.setattr(up, "_services", lambda *_: CONTAINERS)
    monkeypatch.setattr(up, "_run_city", city)
    assert up.run(Plan(stack=None, seconds=None, scenario="quiet", speed=1.0, bikes=None, processes=1)) == 130
    assert pressed == 2
    assert "interrupted" in capsys.readouterr().out
