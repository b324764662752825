"""Files that no reader can make anything of: each is named, with the reason and the way out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sensors_sim.errors import SimError
from sensors_sim.scenario import load as load_scenario
from sensors_sim.sources.mapping import read_mapping
from streams.errors import UrbanBrainError
from streams.files.districts import load_districts
from streams.files.policy import load_policy
from streams.files.thresholds import read_thresholds
from streams.notify.service import load_receivers
from streams.settings import Settings


def receivers(path: Path) -> object:
    return load_receivers(Settings(notify_file=path), {})


def districts(path: Path) -> object:
    return load_districts(Settings(districts_file=path))


def policy(path: Path) -> object:
    return load_policy(Settings(policy_file=path))


def scenario(path: Path) -> object:
    return load_scenario(str(path))


READERS = (receivers, districts, policy, read_thresholds, scenario, read_mapping)


def refusal(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises((UrbanBrainError, SimError)) as refused:
        read(path)
    said = str(refused.value)
    assert said.count(str(path)) == 1 or said.count(path.name) == 1
    return said


@pytest.mark.parametrize("read", READERS)
def test_a_file_that_is_not_utf_8_is_said_to_be(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "a.toml"
    path.write_text('summary = "x"', "utf-16")
    said = refusal(read, path)
    assert "UTF-8 is expected" in said or "is not UTF-8" in said


@pytest.mark.parametrize("read", READERS)
def test_a_folder_is_named_once(tmp_path: Path, read: Callable[[Path], object]) -> None:
    path = tmp_path / "a.toml"
    path.mkdir()
    assert "Errno" not in refusal(read, path)


@pytest.mark.parametrize("read", [districts, policy])
@pytest.mark.parametrize("text", ["", " \n\n"])
def test_of_an_empty_file_it_is_said_that_it_is(
    tmp_path: Path, read: Callable[[Path], object], text: str
) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(text)
    assert "not JSON (it is empty); a GeoJSON FeatureCollection is expected" in refusal(read, path)


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("text", ["a=" + "[" * 100_000, "a=" + "9" * 5_000])
def test_what_python_cannot_read_is_refused_as_anything_else(
    tmp_path: Path, read: Callable[[Path], object], text: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    refusal(read, path)
