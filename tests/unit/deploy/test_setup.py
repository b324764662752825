"""The set-up scripts, on a PATH of small programs of our own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).resolve().parents[3] / "deploy" / "setup"
TOOLS = (
    *("bash", "sh", "cat", "cp", "mv", "rm", "tr", "chmod", "mkdir", "id", "uname", "timeout", "env"),
    *("dirname", "find", "grep", "sha256sum", "sort", "true"),
)


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


@pytest.mark.parametrize("stage", ["apt runs", "apt is done"])
def test_what_a_killed_set_up_left_behind_is_undone_by_the_next(
    programs: Path, tmp_path: Path, stage: str
) -> None:
    """No service could be started any more, and no cluster made: the next run took both files for the machine's own."""
    policy, cluster = tmp_path / "policy-rc.d", tmp_path / "createcluster.conf"
    cluster.write_text("ssl = on\n")
    files = f"POLICY='{policy}'; CLUSTER_POLICY='{cluster}'"
    killed = bash(
        programs,
        f"{files}; apt_install() {{ sh -c 'kill -s KILL $PPID'; }}; install_programs_only postgresql-17",
    )
    assert killed.returncode == 137, killed.stderr
    assert policy.exists()
    program(programs, "apt-get", "exit 0")
    missing = "postgresql-17" if stage == "apt runs" else ""
    done = bash(programs, f"{files}; missing_packages() {{ echo {missing}; }}; require_services")
    assert done.returncode == 0, done.stderr
    assert cluster.read_text() == "ssl = on\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bin", "createcluster.conf"]


def checkout(folder: Path, programs: Path) -> Path:
    """A checkout whose environment is up to date; its Python notes what it is asked for."""
    shutil.copytree(SETUP, folder / "deploy" / "setup")
    for name in ("mosquitto", "setpriv"):
        program(programs, name, "exit 0")
    for name in ("schemas", "streams"):
        (folder / name).mkdir()
        (folder / name / "module.py").write_text("before = 1\n")
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).write_text("")
    (folder / ".venv" / "bin").mkdir(parents=True)
    program(folder / ".venv" / "bin", "python", '[ "$1" = -c ] || echo "$@" >> $LOG')
    done = bash(programs, f"cd '{folder}'; venv_fingerprint > \"$STAMP\"")
    assert done.returncode == 0, done.stderr
    return folder


def set_up(folder: Path, programs: Path) -> list[str]:
    """Run the set-up in a checkout; return what its Python was asked for."""
    log = programs.parent / "log"
    log.unlink(missing_ok=True)
    done = bash(programs, f"bash '{folder}/deploy/setup/setup.sh'")
    assert done.returncode == 0, done.stderr
    return log.read_text().splitlines() if log.exists() else []


def test_code_that_a_pull_has_changed_is_compiled_again(programs: Path, tmp_path: Path) -> None:
    """Neither the lock file nor pyproject.toml was another, so a worker had to do it after each upgrade."""
    folder = checkout(tmp_path / "checkout", programs)
    compiles = ["-m compileall -q schemas sensors_sim streams deploy", "-m streams.warm"]
    assert set_up(folder, programs) == compiles
    assert set_up(folder, programs) == []
    (folder / "streams" / "module.py").write_text("after = 1\n")
    assert set_up(folder, programs) == compiles
    assert set_up(folder, programs) == []


def test_code_that_did_not_compile_is_tried_again(programs: Path, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout", programs)
    program(folder / ".venv" / "bin", "python", '[ "$1" = -c ]')
    done = bash(programs, f"bash '{folder}/deploy/setup/setup.sh'")
    assert (done.returncode, "compiling failed" in done.stderr) == (1, True)
    program(folder / ".venv" / "bin", "python", '[ "$1" = -c ] || echo "$@" >> $LOG')
    assert len(set_up(folder, programs)) == 2


def test_where_apt_has_no_browser_its_lists_are_read_once(programs: Path, tmp_path: Path) -> None:
    """As on Ubuntu, where each `make test` asked for a password first."""
    folder, log = checkout(tmp_path / "checkout", programs), tmp_path / "log"
    program(programs, "apt-cache", "exit 1")
    program(programs, "apt-get", 'echo "$@" >> $LOG')
    program(programs, "sudo", 'shift; exec "$@"')
    for _ in range(2):
        done = bash(programs, f"bash '{folder}/deploy/setup/browser.sh'")
        assert done.returncode == 0
        assert "the tests of the console's page are skipped" in done.stdout
    assert log.read_text().splitlines() == ["update -q"]


def test_who_may_not_use_apt_is_told_of_the_browser_in_one_line(programs: Path, tmp_path: Path) -> None:
    folder = checkout(tmp_path / "checkout", programs)
    program(programs, "apt-cache", "exit 1")
    program(programs, "apt-get", "exit 1")
    (programs / "id").unlink()
    program(programs, "id", "echo 1000")
    done = bash(programs, f"bash '{folder}/deploy/setup/browser.sh'")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


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
