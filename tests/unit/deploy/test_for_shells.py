"""The file by which another terminal finds the services of `urbanbrain up`."""

import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.endpoints import Endpoints
from deploy.for_shells import environment_file

URL = "postgresql://{}:it's%40secret@127.0.0.1:5433/urbanbrain"
NATIVE = Endpoints(
    "127.0.0.1",
    24490,
    "127.0.0.1:27214",
    "tansu",
    URL.format("ub_owner"),
    URL.format("ub_writer"),
    URL.format("ub_reader"),
)


def sourced(path: Path, *wanted: str) -> list[str]:
    """Return what a POSIX shell has in these variables once it read the file."""
    script = f". '{path}'; " + "; ".join(f'printf "%s\\n" "${name}"' for name in wanted)
    said = subprocess.run(
        ["sh", "-eu", "-c", script],
        env={"PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
    )
    return said.stdout.splitlines()


def test_a_shell_that_reads_it_has_the_settings_and_psql_reads_as_ub_reader(tmp_path: Path) -> None:
    with environment_file(replace(NATIVE, directory=tmp_path)) as path:
        assert path is not None
        assert sourced(path, *NATIVE.environment()) == list(NATIVE.environment().values())
        assert sourced(path, "PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE") == [
            *("127.0.0.1", "5433", "ub_reader", "it's@secret", "urbanbrain")
        ]


def test_a_shell_that_reads_it_judges_by_the_settings_of_the_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`doctor` said there that no policy is set, and `alerts replay` that the policy is another one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UB_POLICY_FILE", "zones of the city.geojson")
    monkeypatch.setenv("UB_THRESHOLDS_FILE", "")
    (tmp_path / ".env").write_text("UB_MIN_DURATION_S=10\nUB_POLICY_FILE=another\nUB_MQTT_PASSWORD=theirs\n")
    monkeypatch.setenv("UB_MQTT_PORT", "1")  # of another broker
    with environment_file(replace(NATIVE, directory=tmp_path)) as path:
        assert path is not None
        assert sourced(path, "UB_POLICY_FILE", "UB_THRESHOLDS_FILE", "UB_MIN_DURATION_S", "UB_MQTT_PORT") == [
            *(str(tmp_path / "zones of the city.geojson"), "", "10", str(NATIVE.mqtt_port))
        ]
        assert "theirs" not in path.read_text()


def test_a_shell_that_reads_it_finds_the_program(tmp_path: Path) -> None:
    with environment_file(replace(NATIVE, directory=tmp_path)) as path:
        assert path is not None
        (found,) = sourced(path, "PATH")
        assert found.startswith(f"{Path(sys.executable).parent}:")


def test_its_passwords_are_for_its_owner_and_it_is_gone_afterwards(tmp_path: Path) -> None:
    with environment_file(replace(NATIVE, directory=tmp_path)) as path:
        assert path is not None
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


def test_one_that_a_killed_process_left_is_replaced(tmp_path: Path) -> None:
    """Others might read it."""
    left = tmp_path / "environment"
    left.write_text("export UB_MQTT_PORT=1\n")
    left.chmod(0o644)
    with environment_file(replace(NATIVE, directory=tmp_path)) as path:
        assert path == left
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert sourced(path, "UB_MQTT_PORT") == [str(NATIVE.mqtt_port)]


def test_of_containers_it_lies_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with environment_file(NATIVE) as path:
        assert path == tmp_path / "build" / "environment"


def test_services_that_the_settings_name_need_none(tmp_path: Path) -> None:
    with environment_file(replace(NATIVE, directory=tmp_path, as_set=True)) as path:
        assert path is None
    assert list(tmp_path.iterdir()) == []
