"""The set-up scripts, on a PATH of small programs of our own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[3] / "deploy" / "setup"
TOOLS = ("bash", "sh", "cat", "cp", "mv", "rm", "tr", "chmod", "mkdir", "id", "uname", "timeout", "env")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A directory that is all of PATH: the usual tools, no Python, no services, no Docker."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name in TOOLS:
        found = next(Path(d) / name for d in ("/usr/bin", "/bin") if (Path(d) / name).exists())
        (directory / name).symlink_to(found)
    return directory


def program(programs: Path, name: str, body: str) -> None:
    (programs / name).write_text(f"#!/bin/sh\n{body}\n")
    (programs / name).chmod(0o755)


def bash(programs: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script with the set-up's functions sourced; we may do what root may, by plain calls."""
    sources = "".join(f". '{SETUP}/{name}.sh'\n" for name in ("say", "root", "python", "services", "venv"))
    rights = 'as_root() { "$@"; }\nmay_be_root() { :; }\n'
    return subprocess.run(
        [programs / "bash", "-euo", "pipefail", "-c", sources + rights + script],
        env={"PATH": str(programs), "HOME": str(programs), "LOG": str(programs.parent / "log")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_python_that_exists_but_does_not_run_is_passed_over(programs: Path) -> None:
    program(programs, "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    (programs / "python3.12").symlink_to(sys.executable)
    done = bash(programs, "find_python")
    assert done.stdout.strip() == str(programs / "python3.12"), done.stderr


def test_an_old_python_that_comes_first_is_passed_over(programs: Path) -> None:
    program(programs, "python3", "exit 1")
    (programs / "python3.14").symlink_to(sys.executable)
    assert bash(programs, "find_python").stdout.strip() == str(programs / "python3.14")


def test_a_python_is_found_without_a_home(programs: Path) -> None:
    """As in a service, or a container's shell."""
    (programs / "python3.13").symlink_to(sys.executable)
    done = bash(programs, "unset HOME; find_python")
    assert done.stdout.strip() == str(programs / "python3.13"), done.stderr


@pytest.mark.parametrize("sudo", [None, "echo 'sudo: a password is required' >&2; exit 1"])
def test_who_may_not_use_apt_is_told_once_what_to_have_installed(programs: Path, sudo: str | None) -> None:
    program(programs, "apt-get", "echo called >> $LOG")
    (programs / "id").unlink()
    program(programs, "id", "echo 1000")
    if sudo is not None:
        program(programs, "sudo", sudo)
    script = f". '{SETUP}/root.sh'; missing_packages() {{ echo mosquitto; }}; require_services"
    done = bash(programs, script)
    assert done.returncode == 1
    assert "installing with apt: mosquitto" in done.stdout
    assert done.stderr.count("a password is required") == (sudo is not None)
    assert done.stderr.count("set-up stopped") == 1
    assert "apt-get install --no-install-recommends" in done.stderr
    assert not (programs.parent / "log").exists()


def test_without_a_python_and_without_apt_the_way_out_is_named(programs: Path) -> None:
    done = bash(programs, "python_works() { false; }; require_python")
    assert done.returncode == 1
    assert "Python 3.12 or newer" in done.stderr


def test_a_docker_engine_that_answers_spares_the_packages(programs: Path) -> None:
    program(programs, "docker", "exit 0")
    program(programs, "apt-get", "echo called >> $LOG")
    done = bash(programs, "missing_packages() { echo mosquitto; }; require_services")
    assert done.returncode == 0, done.stderr
    assert not (programs.parent / "log").exists()


def test_a_docker_engine_is_found_on_a_mac_which_has_no_timeout(programs: Path) -> None:
    program(programs, "docker", "exit 0")
    (programs / "timeout").unlink()
    done = bash(programs, "missing_packages() { echo mosquitto; }; require_services")
    assert done.returncode == 0, done.stderr
    program(programs, "docker", "exit 1")
    assert bash(programs, "docker_answers").returncode == 1


def test_a_docker_client_without_an_engine_does_not_count(programs: Path) -> None:
    program(programs, "docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    program(programs, "apt-get", 'echo "$@" >> $LOG')
    script = f"POLICY='{programs}/policy-rc.d'; missing_packages() {{ echo mosquitto; }}; require_services"
    done = bash(programs, script)
    assert done.returncode == 0, done.stderr
    assert "installing with apt: mosquitto" in done.stdout
    calls = (programs.parent / "log").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["update", "install"]
    assert calls[1].endswith(" mosquitto")


def test_without_docker_and_without_apt_the_way_out_is_named(programs: Path) -> None:
    done = bash(programs, "missing_packages() { echo mosquitto; }; require_services")
    assert done.returncode == 1
    assert "start Docker, or install Eclipse Mosquitto 2 and PostgreSQL 17 with TimescaleDB" in done.stderr


def test_what_an_environment_was_built_from_is_known_without_sha256sum(programs: Path) -> None:
    """As on a Mac, whose `shasum -a 256` says the same."""
    (programs / "sha256sum").symlink_to(shutil.which("sha256sum") or "")
    script = f"cd '{SETUP.parents[1]}'; venv_fingerprint"
    known = bash(programs, script).stdout
    assert len(known.split()[0]) == 64
    (programs / "sha256sum").unlink()
    program(programs, "shasum", f'[ "$*" = "-a 256" ] && exec {shutil.which("sha256sum")}')
    assert bash(programs, script).stdout == known


@pytest.mark.parametrize("exit_code", [0, 1])
def test_services_cannot_start_while_apt_runs_and_all_is_as_before_afterwards(
    programs: Path, tmp_path: Path, exit_code: int
) -> None:
    policy, cluster = tmp_path / "policy-rc.d", tmp_path / "createcluster.conf"
    cluster.write_text("ssl = on\n")
    seen = f'sh {policy}; echo "policy $?" >> $LOG; cat {cluster} >> $LOG'
    program(programs, "apt-get", f'[ "$1" = install ] || exit 0; {seen}; exit {exit_code}')
    done = bash(
        programs, f"POLICY='{policy}'; CLUSTER_POLICY='{cluster}'; install_programs_only postgresql-17"
    )
    assert done.returncode == exit_code, done.stderr
    assert (tmp_path / "log").read_text() == "policy 101\nssl = on\ncreate_main_cluster = false\n"
    assert not policy.exists()
    assert cluster.read_text() == "ssl = on\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "createcluster.conf", "log"]


def test_a_policy_of_the_machines_own_stays(programs: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    program(programs, "apt-get", "exit 0")
    bash(programs, f"POLICY='{policy}'; install_programs_only mosquitto")
    assert policy.read_text() == "#!/bin/sh\nexit 101\n"


def test_make_help_lists_every_target() -> None:
    makefile = (SETUP.parents[1] / "Makefile").read_text()
    (line,) = [line for line in makefile.splitlines() if line.startswith(".PHONY:")]
    shown = subprocess.run(
        ["make", "--no-print-directory", "-C", SETUP.parents[1], "help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MAKEFLAGS": ""},
    ).stdout
    assert [row.split()[1] for row in shown.splitlines()] == line.split()[1:]
