"""Private directories: made for one stack, removed with it, swept when their owner died."""

import fcntl
import os
import time
from pathlib import Path

import pytest

from deploy.native.directory import PREFIX, private_directory, sweep


def old_directory(parent: Path, name: str) -> Path:
    directory = parent / (PREFIX + name)
    (directory / "postgres").mkdir(parents=True)
    hour_ago = time.time() - 3600
    os.utime(directory, (hour_ago, hour_ago))
    return directory


def test_the_directory_is_gone_after_an_exception(tmp_path: Path) -> None:
    def use() -> None:
        with private_directory(tmp_path) as directory:
            (directory / "log").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        use()
    assert list(tmp_path.iterdir()) == []


def test_other_users_can_pass_through_but_not_list_it(tmp_path: Path) -> None:
    with private_directory(tmp_path) as directory:
        assert directory.stat().st_mode & 0o777 == 0o711


def test_what_a_killed_owner_left_is_swept_by_the_next_start(tmp_path: Path) -> None:
    left = old_directory(tmp_path, "left")
    with private_directory(tmp_path) as directory:
        assert not left.exists()
        assert directory.exists()


def test_the_directory_of_a_living_owner_is_left_alone(tmp_path: Path) -> None:
    alive = old_directory(tmp_path, "alive")
    handle = os.open(alive, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        assert sweep(tmp_path) == []
        assert alive.exists()
    finally:
        os.close(handle)
    assert sweep(tmp_path) == [alive]


def test_the_directory_of_a_stack_that_runs_for_long_is_left_alone(tmp_path: Path) -> None:
    with private_directory(tmp_path) as directory:
        os.utime(directory, (0, 0))
        assert sweep(tmp_path) == []
        assert directory.exists()


def test_a_newborn_directory_that_is_not_locked_yet_is_left_alone(tmp_path: Path) -> None:
    newborn = tmp_path / (PREFIX + "newborn")
    newborn.mkdir()
    assert sweep(tmp_path) == []
