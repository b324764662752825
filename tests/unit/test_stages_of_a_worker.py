"""UB_STAGES: which stages a worker runs, and with whom it shares their partitions."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.errors import LogReplaced, SettingsError
from streams.runtime.incarnation import Incarnation, Logs
from streams.settings import Settings, load
from streams.topics import CELLS, kafka_topics
from streams.wiring import Worker


@pytest.fixture(autouse=True)
def event_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Faust's app wants one when it is made."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    asyncio.set_event_loop(None)
    loop.close()


def agents(tmp_path: Path, **settings: str) -> set[str]:
    worker = Worker(Settings(data_dir=tmp_path, **settings))  # type: ignore[arg-type]
    return {name.rpartition(".")[2] for name in worker.app.agents}


def test_a_worker_runs_all_stages_unless_told_otherwise(tmp_path: Path) -> None:
    assert agents(tmp_path) == {"fleet", "sensing", "requests", "grid", "incidents", "rejects"}


@pytest.mark.parametrize("stages", ["grid, incidents", "sensing", "requests,sensing"])
def test_a_worker_runs_the_stages_that_it_is_told_to(tmp_path: Path, stages: str) -> None:
    assert agents(tmp_path, stages=stages) == set(stages.replace(" ", "").split(","))


def test_a_stage_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(SettingsError, match=r"UB_STAGES 'fleet,gird': name one or more of fleet, sensing"):
        load(stages="fleet,gird")


def test_workers_share_partitions_with_those_that_run_the_same_stages_only() -> None:
    everything, some = Settings(), Settings(stages="grid,fleet")
    assert everything.consumer_group == "urbanbrain"
    assert some.consumer_group == Settings(stages="fleet,grid").consumer_group == "urbanbrain-fleet-grid"


@pytest.mark.parametrize("gone", [spec.name for spec in kafka_topics(8, 4)])
def test_a_worker_ends_when_any_topic_is_gone_be_it_one_that_it_only_writes_to(
    gone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, event_loop: asyncio.AbstractEventLoop
) -> None:
    has = {spec.name: Incarnation("cluster", f"id of {spec.name}") for spec in kafka_topics(8, 4)}
    monkeypatch.setattr(Logs, "_ask", lambda logs: {topic: has.get(topic) for topic in logs._topics})
    worker = Worker(Settings(data_dir=tmp_path, stages="incidents"))

    async def live() -> None:
        await worker._logs.incarnation(CELLS)
        await worker._logs.check()
        del has[gone]
        with pytest.raises(LogReplaced, match=f"topic {gone} is gone"):
            await worker._logs.check()

    event_loop.run_until_complete(live())
