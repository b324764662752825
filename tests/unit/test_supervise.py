"""How a worker process ended, as the log of its supervisor says it, and when it is started again."""

import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from streams import supervise
from streams.supervise import Supervisor, how


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("sys.exit(1)", "ended with code 1"),
        (
            "os.kill(os.getpid(), 9)",
            "was killed by SIGKILL: if nobody did, the kernel was out of memory (dmesg)",
        ),
        ("os.kill(os.getpid(), 11)", "was killed by SIGSEGV"),
        ("os.kill(os.getpid(), 40)", "was killed by signal 40"),
    ],
)
def test_who_is_killed_cannot_say_so_itself(end: str, said: str) -> None:
    done = subprocess.run([sys.executable, "-S", "-c", f"import os, sys; {end}"], check=False)
    assert how(done.returncode) == said


class Ending(Supervisor):
    """Its process has always ended by the time it is looked at."""

    def _spawn(self, index: int) -> subprocess.Popen[bytes]:
        return SimpleNamespace(poll=lambda: 1)  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("does", "code", "said"),
    [
        ("time.sleep(60)", 0, []),
        ("signal.signal(15, lambda *_: sys.exit(0)); print(flush=True); time.sleep(60)", 0, []),
        ("signal.signal(15, lambda *_: sys.exit(time.sleep(0.5))); print(flush=True); time.sleep(60)", 0, []),
        (
            "signal.signal(15, lambda *_: sys.exit(1)); print(flush=True); time.sleep(60)",
            1,
            ["worker 0 ended with code 1 as it was to stop"],
        ),
    ],
    ids=["still starting", "in order", "after a while", "in trouble"],
)
def test_a_process_that_is_told_to_end_while_it_starts_has_ended_as_asked(
    does: str, code: int, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    command = [sys.executable, "-S", "-c", f"import signal, sys, time; print(flush=True); {does}"]
    supervisor = Supervisor(1, "worker", 0)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(2 if "signal.signal" in does else 1):
            process.stdout.readline()
        supervisor._children[0].process = process
        assert supervisor._end() == code
    assert caplog.messages == said


def test_a_process_that_dies_again_and_again_is_started_ever_later_and_soon_again_once_it_was_steady(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr(supervise, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(supervise, "random", SimpleNamespace(random=lambda: 0.0))
    supervisor = Ending(1, "worker", 0)
    [child] = supervisor._children
    child.start_at = now
    for lived_s in (*[1.0] * 7, 61.0):
        now = child.start_at - 0.01
        supervisor._tend(child)
        assert child.process is None
        now = child.start_at
        supervisor._tend(child)
        now += lived_s
        supervisor._tend(child)
    assert re.findall(r"again in (\S+) s", caplog.text) == [
        "1.0",
        "2.0",
        "4.0",
        "8.0",
        "16.0",
        "30.0",
        "30.0",
        "1.0",
    ]


def test_a_process_that_cannot_be_started_is_tried_again_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def spawn(_supervisor: Supervisor, index: int) -> SimpleNamespace:
        if index == 0 and not caplog.messages:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return SimpleNamespace(poll=lambda: None)

    monkeypatch.setattr(supervise, "_FIRST_DELAY_S", 0.0)
    monkeypatch.setattr(Supervisor, "_spawn", spawn)
    supervisor = Supervisor(2, "worker", 0)
    for child in supervisor._children * 2:
        supervisor._tend(child)
    assert all(child.process for child in supervisor._children)
    [said] = caplog.messages
    assert said.startswith(
        "worker 0 cannot be started ([Errno 11] Resource temporarily unavailable); starting again"
    )


def test_a_process_that_does_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervise, "_GRACE_S", 0.2)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    supervisor = Supervisor(1, "worker", 0)
    with subprocess.Popen([sys.executable, "-S", "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        supervisor._children[0].process = process
        assert supervisor._end() == 1
        assert process.returncode == -signal.SIGKILL
    assert caplog.messages == ["worker 0 did not end within 0 s: killed"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_supervisor_that_is_told_to_stop_ends_its_processes(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spawn(_supervisor: Supervisor, _index: int) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
        running.append(process)
        signal.raise_signal(number)
        return process

    running: list[subprocess.Popen[bytes]] = []
    monkeypatch.setattr(Supervisor, "_spawn", spawn)
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        assert Supervisor(2, "worker", 0).run() == 0
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert [process.returncode for process in running] == [-signal.SIGTERM] * 2


@pytest.mark.parametrize(("web_port", "ports"), [(0, ["0", "0"]), (6066, ["6066", "6067"])])
def test_each_process_has_a_name_of_its_own_and_a_port_if_there_is_one(
    web_port: int, ports: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        subprocess, "Popen", lambda _command, env: told.append((env["UB_WORKER_ID"], env["UB_WEB_PORT"]))
    )
    supervisor = Supervisor(2, "worker", web_port)
    for index in range(2):
        supervisor._spawn(index)
    assert told == list(zip(["worker.0", "worker.1"], ports, strict=True))


def test_a_worker_process_begins_where_the_command_does() -> None:
    """Interrupted as it imports the rest, it would print a traceback on the terminal of its supervisor."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    process = Supervisor(1, "worker", 0)._spawn(0)
    process.kill()
    process.wait()
    assert isinstance(process.args, list)
    assert f"{process.args[2]}:main" == project["scripts"]["urbanbrain"]
