"""A file is whole or not there."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sensors_sim.errors import ScenarioError
from sensors_sim.scenario_commands import write_truth
from sensors_sim.truth.entry import Truth
from sensors_sim.whole_file import write_whole
from tests.full_disk import files_of_at_most


def test_what_a_full_disk_leaves_of_a_file_is_removed(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    link.symlink_to(file)
    write_whole(link, b"x" * 20_000)
    assert file.read_bytes() == b"x" * 20_000
    with files_of_at_most(10_000), pytest.raises(OSError, match="File too large"):
        write_whole(link, b"y" * 20_000)
    assert link.is_symlink()
    assert not file.exists()


def test_a_file_that_cannot_be_opened_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"x")
    assert tmp_path.is_dir()


def test_why_a_file_cannot_be_written_is_said_though_half_of_it_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a folder of somebody else: the file may be written, and not be removed."""

    def refuse(self: Path) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "unlink", refuse)
    with files_of_at_most(10_000), pytest.raises(OSError, match="File too large"):
        write_whole(tmp_path / "file", b"x" * 20_000)


def test_what_is_no_file_is_not_removed(tmp_path: Path) -> None:
    """A device, or a pipe whose reader has enough."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: _first_byte(pipe))
        with pytest.raises(BrokenPipeError):
            write_whole(pipe, b"x" * 1_000_000)
        assert first.result() == b"x"
    assert pipe.is_fifo()


def _first_byte(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        return file.read(1)


def test_half_a_truth_is_none(tmp_path: Path) -> None:
    file = tmp_path / "truth.json"
    with (
        files_of_at_most(10),
        pytest.raises(ScenarioError, match=r"cannot write the truth to .*truth\.json: File too"),
    ):
        write_truth(Truth("mine", 1, 0, 1_000, ()), file)
    assert not file.exists()
