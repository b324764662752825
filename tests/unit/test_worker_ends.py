"""What the log says when a worker must not go on."""

import asyncio
import logging
from pathlib import Path

import pytest
from faust.types import TP

from streams import wiring
from streams.errors import LogGap, LogReplaced, ServiceUnavailable
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


def test_a_worker_goes_on_while_kafka_does_not_say_which_topics_it_has_and_ends_when_one_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = ServiceUnavailable("Kafka", "kafka:9092", "no answer")
    answers: list[Exception] = [away, away, LogReplaced("topic ub.cells is gone")]

    async def check() -> None:
        raise answers.pop(0)

    async def watch() -> Exception | None:
        worker = Worker(Settings(data_dir=tmp_path))
        monkeypatch.setattr(worker._logs, "check", check)
        worker._run(worker._watch_logs())
        async with asyncio.timeout(30):
            while worker._background:
                await asyncio.gather(*worker._background)
        return worker.failure

    monkeypatch.setattr(wiring, "_LOOK_AT_LOGS_S", 0)
    assert isinstance(asyncio.run(watch()), LogReplaced)
    assert not answers


def test_after_a_rebalance_what_is_lost_is_dropped_before_what_is_ours_is_opened_and_rewound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust seeks at the end of a rebalance: who rewound before would be moved on again."""
    done: list[tuple[str, object]] = []

    class Told:
        def keep_only(self, partitions: set[int]) -> None:
            done.append(("keep", partitions))

        async def open(self, partitions: set[int]) -> None:
            done.append(("open", partitions))

        async def rewind(self, consumer: object) -> None:
            done.append(("rewind", consumer))

    async def rebalance() -> None:
        worker = Worker(Settings(data_dir=tmp_path))
        worker._stages = {"ub.cells": Told()}  # type: ignore[dict-item]
        worker.app.consumer = "consumer"  # type: ignore[assignment]
        worker.app.rebalancing = True
        async with asyncio.timeout(30):
            await worker._assigned(worker.app, {TP("ub.cells", 2), TP("ub.sensors", 1)})
            while len(done) < 2:  # noqa: ASYNC110 - nobody says when it is opened
                await asyncio.sleep(0)
            for _ in range(10):
                await asyncio.sleep(0)
            done.append(("rebalanced", True))
            worker.app.rebalancing = False
            await asyncio.gather(*worker._background)

    monkeypatch.setattr(wiring, "_POLL_S", 0)
    asyncio.run(rebalance())
    assert done == [("keep", {2}), ("open", {2}), ("rebalanced", True), ("rewind", "consumer")]


@pytest.mark.parametrize("error", [None, KeyError("cell")], ids=["", "though a stage fails as it closes"])
def test_a_worker_that_ends_takes_leave_of_mqtt_and_of_the_database(
    error: Exception | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left: list[str] = []

    async def close(*_: object) -> None:
        left.append("database")

    class Stages:
        def __init__(self, error: Exception | None = None) -> None:
            self.error = error

        async def close(self, _timeout_s: float) -> None:
            if self.error is not None:
                raise self.error
            await asyncio.sleep(0)  # it ends after the one that fails
            left.append("stage")

    async def end() -> Worker:
        worker = Worker(Settings(data_dir=tmp_path))
        worker._stages = {"ub.cells": Stages(error), "ub.partials": Stages()}  # type: ignore[dict-item]
        monkeypatch.setattr(worker._mqtt, "stop", lambda: left.append("mqtt"))
        monkeypatch.setattr(type(worker._store), "__aexit__", close)
        await worker._shutdown()
        return worker

    assert asyncio.run(end()).failure is error
    assert left == [*["stage"] * (1 if error else 2), "mqtt", "database"]
