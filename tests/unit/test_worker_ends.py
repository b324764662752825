"""What the log says when a worker must not go on."""

import asyncio
import logging
from pathlib import Path

import pytest

from streams.errors import LogGap, ServiceUnavailable
from streams.settings import Settings
from streams.wiring import Worker

FAUST = ("faust.app.base", "faust.worker", "faust.agents.actor")


async def ended_by(error: Exception, tmp_path: Path) -> None:
    worker = Worker(Settings(data_dir=tmp_path))
    worker._fatal(error)
    await asyncio.gather(*worker._background)


@pytest.fixture(autouse=True)
def faust_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FAUST:
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)


@pytest.mark.parametrize(
    ("error", "traced"),
    [(LogGap("ub.vehicles[3]: records 17 to 20 are missing"), False), (KeyError("cell"), True)],
    ids=["a reason that its line explains", "a fault of ours"],
)
def test_only_a_fault_of_ours_is_traced(
    error: Exception, traced: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A traceback below a line that says it all sends whoever reads the log at night the wrong way."""
    asyncio.run(ended_by(error, tmp_path))
    (said,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert said.name == "streams.wiring"
    assert said.levelno == logging.ERROR
    assert said.getMessage() == f"the worker ends: {error}"
    assert bool(said.exc_info) is traced


def test_what_faust_says_of_it_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(ended_by(LogGap("ub.vehicles[3]: records 17 to 20 are missing"), tmp_path))
    caplog.clear()
    for name in FAUST:
        logging.getLogger(name).error("Crashed")
    assert caplog.messages == []


def test_who_waits_for_a_service_when_the_end_is_asked_for_is_no_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def end() -> Worker:
        worker = Worker(Settings(data_dir=tmp_path))
        worker._stages.clear()
        await worker._shutdown()
        worker._fatal(ServiceUnavailable("PostgreSQL", "db:5432", "connection refused"))
        return worker

    assert asyncio.run(end()).failure is None
    assert caplog.messages == []
