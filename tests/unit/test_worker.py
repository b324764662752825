"""What Faust's own worker around our app is told, and how a worker process ends."""

import asyncio
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import faust
import pytest

from streams.errors import LogGap
from streams.runtime.driver import FetchWaitTransport
from streams.settings import Settings
from streams.topics import LARGEST_RECORD
from streams.wiring import Worker
from streams.worker import _code, runner_of


def test_a_worker_shows_no_spinner() -> None:
    """It would write control characters to the log: systemd's journal shows such a line as `[blob data]`."""
    with closing(asyncio.new_event_loop()) as loop:
        assert runner_of(faust.App("urbanbrain", loop=loop), loop).spinner is None


@pytest.mark.parametrize(
    ("failure", "fausts", "code"), [(None, 0, 0), (None, None, 0), (None, 3, 3), (LogGap("a hole"), 0, 1)]
)
def test_a_worker_that_must_not_go_on_ends_with_a_code_that_says_so(
    failure: Exception | None, fausts: int | None, code: int
) -> None:
    assert _code(cast(Worker, SimpleNamespace(failure=failure)), fausts) == code


def test_a_worker_whose_supervisor_is_gone_ends() -> None:
    ends = "import os; from streams.worker import end_with; end_with(os.getpid())"
    assert subprocess.run([sys.executable, "-c", ends], check=False).returncode == 1


def test_kafkas_client_is_set_up_as_the_settings_say(tmp_path: Path) -> None:
    with closing(asyncio.new_event_loop()) as loop:
        asyncio.set_event_loop(loop)
        for flavor, checks, wait_ms in (("kafka", True, 20), ("tansu", False, 50)):
            settings = Settings(
                data_dir=tmp_path, kafka_flavor=flavor, kafka_check_crcs=checks, kafka_fetch_wait_ms=wait_ms
            )
            worker = Worker(settings)
            transport = cast(FetchWaitTransport, worker.app.transport)
            assert transport.fetch_wait_ms == wait_ms
            assert transport.leaders_fall_silent is (flavor == "tansu")
            assert worker._logs._ends_are_true is (flavor != "tansu")
            conf: Any = worker.app.conf
            assert conf.broker_check_crcs is checks
            assert conf.producer_max_request_size == LARGEST_RECORD
            assert not conf.topic_allow_declare
            assert not conf.stream_wait_empty
        asyncio.set_event_loop(None)
