"""The command; what a picture looks like is judged by people."""

import struct
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sensors_sim.cli import sim
from tests.full_disk import files_of_at_most


def call(*arguments: str) -> Result:
    return CliRunner().invoke(sim, ["plot", *arguments])


def test_a_scenario_is_drawn_as_large_as_was_asked(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / "day.png"
    result = call("metro-flood", "-o", str(file), "--bikes", "400", "--for", "300", "--dpi", "40")
    assert result.exit_code == 0, result.output
    assert "day.png: " in result.stderr
    picture = file.read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert struct.unpack(">I", picture[16:20]) == (16 * 40,)
    assert len(picture) > 30_000


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_where_the_disk_is_full_there_is_no_half_of_a_picture(form: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    file = tmp_path / f"day.{form}"
    with files_of_at_most(5_000):
        result = call("metro-flood", "-o", str(file), "--bikes", "400", "--for", "60", "--dpi", "40")
    assert result.exit_code == 1
    assert f"cannot write the picture to {file}: " in " ".join(result.stderr.split())
    assert not file.exists()


def test_a_form_that_is_none_is_refused_before_the_day_is_lived(tmp_path: Path) -> None:
    result = call("commuter", "-o", str(tmp_path / "day.gif"))
    assert result.exit_code == 1
    assert "the name must end in one of .png, .svg, .pdf" in result.stderr


def test_a_folder_that_is_not_there_is_named_before_the_day_is_lived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("sensors_sim.plot.day.live", lambda *_: pytest.fail("the day was lived"))
    result = call("commuter", "-o", str(tmp_path / "nowhere" / "day.png"))
    assert result.exit_code == 1
    assert "nowhere/day.png: No such file or directory; name a file in a folder" in str(result.stderr)


def test_an_unknown_scenario_is_named(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = call("comuter", "-o", str(tmp_path / "day.png"))
    assert result.exit_code == 1
    assert "comuter" in result.stderr


def test_without_matplotlib_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("sensors_sim.plot.", "matplotlib"))]:
        if name != "sensors_sim.plot.command":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = call("commuter", "-o", str(tmp_path / "day.png"))
    assert result.exit_code == 1
    assert "matplotlib" in result.stderr
    assert "pip install 'urbanbrain[plot]'" in result.stderr


@pytest.mark.filterwarnings("error")
def test_a_picture_in_which_nothing_happens_is_drawn_all_the_same(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    result = call(
        "quiet-sunday", "-o", str(tmp_path / "day.png"), "--bikes", "1", "--for", "60", "--dpi", "40"
    )
    assert result.exit_code == 0, result.output
