"""Child processes: started by condition, stopped, killed, never orphaned."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.native.process import ServiceFailed, ServiceProcess

SLEEPER = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(600)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('awake', flush=True); time.sleep(600)",
]


def service(tmp_path: Path, argv: list[str], stop_timeout_s: float = 5.0) -> ServiceProcess:
    return ServiceProcess("sleeper", argv, tmp_path / "log", stop_timeout_s=stop_timeout_s)


def awake(tmp_path: Path) -> bool:
    return "awake" in (tmp_path / "log").read_text()


def gone(pid: int) -> bool:
    """A zombie counts as gone: its parent, or init, has yet to collect it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_started_service_runs_until_it_is_stopped(tmp_path: Path) -> None:
    process = service(tmp_path, SLEEPER)
    process.start(lambda: awake(tmp_path), 60)
    pid = process.pid
    assert process.running
    assert os.getsid(pid) == pid, "Ctrl-C in our terminal is not for it"
    process.stop()
    process.stop()
    assert not process.running
    assert gone(pid)


def test_a_service_is_killed_where_its_end_is_not_waited_for(tmp_path: Path) -> None:
    """It has heard that it is to end, and does not; we are interrupted as we wait."""
    deaf = (
        "import os, signal as s\n"
        "s.signal(s.SIGTERM, lambda *_: os.kill(os.getppid(), s.SIGUSR1))\n"
        "print('awake', flush=True)\n"
        "while True: s.pause()"
    )

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    process = service(tmp_path, [sys.executable, "-c", deaf], stop_timeout_s=60)
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        process.start(lambda: awake(tmp_path), 60)
        pid = process.pid
        with pytest.raises(KeyboardInterrupt):
            process.stop()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert gone(pid)


def test_a_service_is_gone_where_its_start_is_interrupted(tmp_path: Path) -> None:
    process = service(tmp_path, SLEEPER)
    pids: list[int] = []

    def interrupt() -> bool:
        pids.append(process.pid)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        process.start(interrupt, 60)
    assert gone(pids[0])


def test_a_service_that_ends_while_starting_is_reported_with_its_log(tmp_path: Path) -> None:
    says_much = "print('starting\\n' * 20, flush=True); raise SystemExit('no such cluster')"
    process = service(tmp_path, [sys.executable, "-c", says_much])
    with pytest.raises(ServiceFailed, match=r"(?s)sleeper ended while starting.*no such cluster"):
        process.start(lambda: False, 60)


def test_a_service_that_never_answers_is_killed_after_the_time_out(tmp_path: Path) -> None:
    process = service(tmp_path, SLEEPER)
    pids: list[int] = []

    def never() -> bool:
        pids[:] = [process.pid]
        return False

    with pytest.raises(ServiceFailed, match=r"did not answer within 0\.2 s"):
        process.start(never, 0.2)
    assert gone(pids[0])


def test_a_service_that_ignores_the_request_to_stop_is_killed(tmp_path: Path) -> None:
    process = service(tmp_path, DEAF, stop_timeout_s=0.3)
    process.start(lambda: awake(tmp_path), 60)
    pid = process.pid
    process.stop()
    assert gone(pid)


def test_starting_twice_is_refused(tmp_path: Path) -> None:
    process = service(tmp_path, SLEEPER)
    process.start(lambda: awake(tmp_path), 60)
    try:
        with pytest.raises(ServiceFailed, match="runs already"):
            process.start(lambda: True, 60)
    finally:
        process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_a_service_dies_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time, pathlib\n"
            "from deploy.native.process import ServiceProcess\n"
            "home = pathlib.Path(sys.argv[1])\n"
            "code = 'import sys, time, pathlib; pathlib.Path(sys.argv[1]).touch(); time.sleep(600)'\n"
            "p = ServiceProcess('s', [sys.executable, '-c', code, str(home / 'up')], home / 'log')\n"
            "p.start((home / 'up').exists, 60)\n"  # setpriv has set the death signal by then
            "print(p.pid, flush=True)\n"
            "time.sleep(600)\n",
            str(tmp_path),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert not gone(pid)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 60
    while not gone(pid):
        assert time.monotonic() < deadline, f"service {pid} outlived its parent"
        time.sleep(0.02)
