"""The policy file of a running worker: what is written to it judges from then on, unless there is a mistake in it."""

import asyncio
import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streams import configs, policy_reload
from streams.fleet.cells import Cells
from streams.fleet.state import FleetState
from streams.fold.contract import Fold, Record
from streams.grid import locate
from streams.incidents.state import IncidentsState
from streams.policy_reload import PolicyReloader
from streams.settings import Settings
from tests.pipeline import T0, frame, restored
from tests.unit.incidents.counts.mds import document, geography, policy, rule
from tests.unit.incidents.speeds.rides import speed_rule
from tests.unit.incidents.stays.zones import TOWN, feature, gbfs, time_rule

NONE = '{"type": "FeatureCollection", "features": []}'

LOOKS_S = 0.002


def town(*rules: dict[str, object]) -> str:
    return document([policy(1, *rules)], [geography(1, TOWN, "Town")])


class Worker:
    """A fold of each stage that judges, and one that knows no policies; changed as soon as that is asked for."""

    def __init__(self, path: Path | None, thresholds: Path | None = None) -> None:
        self.settings = Settings(policy_file=path, thresholds_file=thresholds)
        self.cells = Cells(locate.Locator(9, 2))
        self.reloader = PolicyReloader(self.settings, self.cells)
        self.fleet = FleetState(self.reloader.fleet, self.cells, restored())
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
    monkeypatch.setattr(policy_reload, "_INTERVAL_S", LOOKS_S)
    caplog.set_level(logging.INFO, logger="streams.policy_reload")


def test_folds_that_are_open_judge_by_a_file_that_was_written_and_so_do_those_opened_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    worker = Worker(path)
    assert worker.fleet._news.ground == ""
    path.write_text(town(time_rule(7, 1, maximum=5), rule(8, 1, maximum=1)))
    asyncio.run(worker.follow_until(lambda: "reloaded: capacities " in caplog.text))
    taken = worker.reloader.policy
    assert [one.rules[0].zone for one in (*taken.counts, *taken.stays)] == ["Town", "Town"]
    assert worker.incidents._policy is taken
    assert worker.fleet._news.config is worker.reloader.fleet.news
    assert worker.fleet._edges.ground == configs.count_ground(taken).version  # type: ignore[union-attr]
    assert f"policy 1 {taken.counts[0].version}" in caplog.text
    assert "applies from now on, but changes what was evaluated before: capacities of cells" in caplog.text


def test_a_file_with_a_mistake_changes_nothing_until_it_is_corrected(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    worker = Worker(path)
    before = worker.reloader.policy
    path.write_text('{"type": "FeatureCollection", ')
    asyncio.run(
        worker.follow_until(lambda: "policy not reloaded, the one before stays in force" in caplog.text)
    )
    assert worker.incidents._policy is worker.reloader.policy is before
    path.write_text(town(rule(8, 1, maximum=1)))
    asyncio.run(worker.follow_until(lambda: worker.incidents._policy is not before))
    assert worker.incidents._policy is worker.reloader.policy


def test_a_property_that_is_misspelt_is_said_at_a_start_and_when_the_file_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be of another program. The zone has the capacity of the settings then, which nobody meant."""
    path = tmp_path / "zones.geojson"
    properties: dict[str, object] = {"name": "plaza", "capacty": 90}
    zones = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": TOWN, "properties": properties}],
    }
    path.write_text(json.dumps(zones))
    worker = Worker(path)
    said = (
        "policy zones.geojson, features: properties ['capacty'] have no effect; known properties are name, capacity, "
        "raise_ratio, clear_ratio, min_duration_s"
    )
    assert [r.message for r in caplog.records if r.levelname == "WARNING"] == [said]
    caplog.clear()
    properties["colour"] = "red"
    path.write_text(json.dumps(zones))
    asyncio.run(worker.follow_until(lambda: "reloaded: capacities " in caplog.text))
    assert "properties ['capacty', 'colour'] have no effect" in caplog.text


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
        patched.setattr(policy_reload, "load_noted", surprised)
        asyncio.run(
            worker.follow_until(lambda: "policy not reloaded, the one before stays in force" in caplog.text)
        )
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
    asyncio.run(
        worker.follow_until(lambda: "policy not reloaded, the one before stays in force" in caplog.text)
    )
    assert worker.incidents._policy is worker.reloader.policy is before
    assert "'Town', of some 549,119 cells, reaches 9,837 km" in caplog.text


def test_a_file_that_was_written_as_the_worker_read_it_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    real = policy_reload.load_noted

    def overtaken(settings: Settings) -> object:
        read = real(settings)
        path.write_text(town(rule(8, 1, maximum=1)))
        return read

    with monkeypatch.context() as patched:
        patched.setattr(policy_reload, "load_noted", overtaken)
        worker = Worker(path)
    assert worker.reloader.policy.counts == ()
    asyncio.run(worker.follow_until(lambda: worker.incidents._policy.counts != ()))


def test_where_the_cells_of_a_city_lie_in_new_areas_is_found_beside_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes seconds, and records and alerts waited for it."""
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    worker = Worker(path)
    readings = [
        {
            "vehicle_id": f"v{i}",
            "operator": "hello",
            "ts": T0,
            "lat": lat,
            "lon": 121.485,
            "vehicle_state": "available",
        }
        for i, lat in enumerate((31.22, 31.23, 31.24, 32.0))
    ]
    worker.fleet.apply(Record("ub.vehicles", 0, 0, frame(readings), T0))
    worker.fleet.take_outputs(at_checkpoint=True)
    asked: list[tuple[str, bool]] = []
    outline = configs._outline

    def seen(cell: str) -> dict[str, Any]:
        asked.append((cell, threading.current_thread() is threading.main_thread()))
        return outline(cell)

    monkeypatch.setattr(configs, "_outline", seen)
    path.write_text(town(time_rule(7, 1, maximum=5), rule(8, 1, maximum=1), speed_rule(9, 1, maximum=6)))
    asyncio.run(worker.follow_until(lambda: worker.incidents._policy.counts != ()))
    assert worker.fleet.take_outputs(at_checkpoint=False), "who stands in the town is told"
    cells = worker.cells.names()
    assert len(cells) == len(readings)
    assert sorted(asked) == sorted((cell, False) for cell in cells for _ in range(3)), (
        "three grounds, each once"
    )


def test_a_file_that_is_still_being_written_is_left_until_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a list of thresholds is a list of thresholds: alerts of the other half ended, and began anew."""
    path = tmp_path / "thresholds.toml"
    parts = [f'[[threshold]]\nname = "{i}"\nmetric = "pm25"\nat_least = {i}\n' for i in range(10)]
    path.write_text("".join(parts))
    worker = Worker(None, path)
    left, sleep = iter(parts), asyncio.sleep

    async def written_meanwhile(seconds: float) -> None:
        if seconds == LOOKS_S and (part := next(left, "")):
            path.write_text(part if part is parts[0] else path.read_text() + part)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", written_meanwhile)
    parts[-1] = parts[-1].replace("at_least = 9", "at_least = 90")
    asyncio.run(worker.follow_until(lambda: "reloaded: capacities " in caplog.text))
    assert caplog.text.count("reloaded: capacities ") == 1
    assert [one.name for one in worker.reloader.policy.thresholds] == [f"{i}" for i in range(10)]


def test_what_was_read_of_a_file_that_was_written_meanwhile_is_not_judged_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "policy.json"
    path.write_text(NONE)
    worker = Worker(path)
    real, numbers = policy_reload.load_noted, iter([2])

    def overtaken(settings: Settings) -> object:
        read = real(settings)
        for number in numbers:
            path.write_text(town(rule(number, 1, maximum=1)))
        return read

    monkeypatch.setattr(policy_reload, "load_noted", overtaken)
    path.write_text(town(rule(1, 1, maximum=1)))
    asyncio.run(worker.follow_until(lambda: "reloaded: capacities " in caplog.text))
    assert caplog.text.count("reloaded: capacities ") == 1
    assert worker.reloader.policy.counts[0].rules[0].rule_id.endswith("2")


def test_files_of_a_kubernetes_config_map_are_followed(tmp_path: Path) -> None:
    """Each is a link to `..data/name`, and `..data` a link to a folder, which gives way to that of the new files."""
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1" / "policy.json").write_text(NONE)
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "policy.json").symlink_to("..data/policy.json")
    worker = Worker(tmp_path / "policy.json")
    (tmp_path / "..2").mkdir()
    (tmp_path / "..2" / "policy.json").write_text(town(rule(8, 1, maximum=1)))
    (tmp_path / "..data_tmp").symlink_to("..2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    asyncio.run(worker.follow_until(lambda: worker.incidents._policy.counts != ()))


def test_a_worker_without_a_file_follows_none() -> None:
    asyncio.run(PolicyReloader(Settings(), Cells(locate.Locator(9, 2))).follow([]))
