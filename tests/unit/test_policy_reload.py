"""The policy file of a running worker: what is written to it judges from then on, unless there is a mistake in it."""

import asyncio
import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from streams import configs, policy_reload
from streams.fleet.cells import Cells
from streams.fleet.state import FleetState
from streams.fold.contract import Fold
from streams.grid import locate
from streams.incidents.state import IncidentsState
from streams.policy_reload import PolicyReloader
from streams.settings import Settings
from tests.pipeline import restored
from tests.unit.incidents.counts.mds import document, geography, policy, rule
from tests.unit.incidents.stays.zones import TOWN, feature, gbfs, time_rule

NONE = '{"type": "FeatureCollection", "features": []}'


def town(*rules: dict[str, object]) -> str:
    return document([policy(1, *rules)], [geography(1, TOWN, "Town")])


class Worker:
    """A fold of each stage that judges, and one that knows no policies; changed as soon as that is asked for."""

    def __init__(self, path: Path) -> None:
        self.settings = Settings(policy_file=path)
        self.reloader = PolicyReloader(self.settings)
        cells = Cells(locate.Locator(9, 2))
        self.fleet = FleetState(self.reloader.fleet, cells, restored())
        self.incidents = configs.incidents_fold(self.settings, self.reloader.policy, restored())

    async def follow_until(self, done: Callable[[], bool]) -> None:
        stages = [Stage("fleet", self.fleet), Stage("sensing", None), Stage("incidents", self.incidents)]
        following = asyncio.create_task(self.reloader.follow(stages))  # type: ignore[arg-type]
        async with asyncio.timeout(60):
            while not done():  # noqa: ASYNC110 - it does not say when it changes
                await asyncio.sleep(0.001)
        following.cancel()


class Stage:
    def __init__(self, name: str, fold: FleetState | IncidentsState | None) -> None:
        self.name, self.fold = name, fold

    async def between_records(self, change: Callable[[Fold], None]) -> None:
        assert self.fold is not None, "only folds that go by a policy are held up"
        change(self.fold)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(policy_reload, "_INTERVAL_S", 0.001)
    caplog.set_level(logging.INFO, logger="streams.policy_reload")


def test_folds_that_are_open_judge_by_a_file_that_was_written_and_so_do_those_opened_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    worker = Worker(path)
    assert worker.fleet._news.ground == ""
    path.write_text(town(time_rule(7, 1, maximum=5), rule(8, 1, maximum=1)))
    asyncio.run(worker.follow_until(lambda: "taken anew" in caplog.text))
    taken = worker.reloader.policy
    assert [one.rules[0].zone for one in (*taken.counts, *taken.stays)] == ["Town", "Town"]
    assert worker.incidents._policy is taken
    assert worker.fleet._news.config is worker.reloader.fleet.news
    assert worker.fleet._edges.ground == configs.count_ground(taken).version  # type: ignore[union-attr]
    assert f"policy 1 {taken.counts[0].version}" in caplog.text
    assert "judges from here on, and did not before: capacities of cells" in caplog.text


def test_a_file_with_a_mistake_changes_nothing_until_it_is_corrected(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    worker = Worker(path)
    before = worker.reloader.policy
    path.write_text('{"type": "FeatureCollection", ')
    asyncio.run(worker.follow_until(lambda: "the policy stays as it was" in caplog.text))
    assert worker.incidents._policy is worker.reloader.policy is before
    path.write_text(town(rule(8, 1, maximum=1)))
    asyncio.run(worker.follow_until(lambda: worker.incidents._policy is not before))
    assert worker.incidents._policy is worker.reloader.policy


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_of_the_same_size_and_time_is_read_too(tmp_path: Path, replaced: bool) -> None:
    """As an archive brings it, or `cp -p`."""
    path = tmp_path / "policy.json"
    path.write_text(town(rule(8, 1, maximum=10)))
    worker = Worker(path)
    before, known = worker.reloader.policy, path.stat()
    written = tmp_path / "new" if replaced else path
    written.write_text(town(rule(8, 1, maximum=12)))
    os.utime(written, ns=(known.st_atime_ns, known.st_mtime_ns))
    written.rename(path)
    assert (path.stat().st_mtime_ns, path.stat().st_size) == (known.st_mtime_ns, known.st_size)
    asyncio.run(worker.follow_until(lambda: worker.incidents._policy is not before))


def test_the_types_of_vehicles_beside_geofencing_zones_are_followed_too(tmp_path: Path) -> None:
    path, types = tmp_path / "geofencing_zones.json", tmp_path / "vehicle_types.json"
    path.write_text(gbfs(feature(TOWN, {"ride_end_allowed": False, "vehicle_type_ids": ["v1"]})))
    kind = '{"data": {"vehicle_types": [{"vehicle_type_id": "v1", "form_factor": "%s"}]}}'
    types.write_text(kind % "scooter_standing")
    worker = Worker(path)
    before = worker.reloader.policy
    assert before.stays[0].rules[0].vehicle_types == {"scooter_standing"}
    types.write_text(kind % "moped")
    asyncio.run(worker.follow_until(lambda: worker.incidents._policy is not before))
    assert worker.reloader.policy.stays[0].rules[0].vehicle_types == {"moped"}


def test_a_file_that_nobody_expected_ends_no_worker(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    worker = Worker(path)
    before = worker.reloader.policy

    def surprised(settings: Settings) -> object:
        raise OverflowError(f"{settings.policy_file} is beyond us")

    path.write_text(town(rule(8, 1, maximum=2)))
    with monkeypatch.context() as patched:
        patched.setattr(policy_reload, "load_policy", surprised)
        asyncio.run(worker.follow_until(lambda: "the policy stays as it was" in caplog.text))
    assert "is beyond us" in caplog.text
    assert worker.incidents._policy is worker.reloader.policy is before
    path.write_text(town(rule(8, 1, maximum=10)))
    asyncio.run(worker.follow_until(lambda: worker.incidents._policy is not before))


def test_a_zone_with_a_mistyped_corner_changes_nothing_and_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    worker = Worker(path)
    before = worker.reloader.policy
    ring = [[121.4, 31.2], [121.5, 31.2], [121.5, 31.3], [12.14, 31.3], [121.4, 31.2]]
    area = geography(1, {"type": "Polygon", "coordinates": [ring]}, "Town")
    path.write_text(document([policy(1, rule(8, 1, maximum=1))], [area]))
    asyncio.run(worker.follow_until(lambda: "the policy stays as it was" in caplog.text))
    assert worker.incidents._policy is worker.reloader.policy is before
    assert "'Town', of some 549,119 cells, reaches 9,837 km" in caplog.text


def test_a_file_that_was_written_as_the_worker_read_it_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    real = policy_reload.load_policy

    def overtaken(settings: Settings) -> object:
        read = real(settings)
        path.write_text(town(rule(8, 1, maximum=1)))
        return read

    with monkeypatch.context() as patched:
        patched.setattr(policy_reload, "load_policy", overtaken)
        worker = Worker(path)
    assert worker.reloader.policy.counts == ()
    asyncio.run(worker.follow_until(lambda: worker.incidents._policy.counts != ()))


def test_a_worker_without_a_file_follows_none() -> None:
    asyncio.run(PolicyReloader(Settings()).follow([]))
