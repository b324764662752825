"""What `urbanbrain up` does with its own processes; tests/e2e runs it as a whole."""

import os
import signal
import socket
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest
from rich.console import Console

from deploy import containers, up
from deploy.endpoints import Endpoints
from deploy.native.process import ServiceFailed, ServiceProcess
from deploy.summary import Figures
from deploy.up import Plan, _Children
from streams.errors import UrbanBrainError
from streams.fold.contract import Ledger
from streams.settings import Settings
from streams.store.queries import AlertCounts

URL = "postgresql://ub_writer@127.0.0.1/urbanbrain"
CONTAINERS = Endpoints("127.0.0.1", 1883, "127.0.0.1:9092", "kafka", URL, URL, URL)
"""No private directory: logs are where those of the run before were."""


def figures_of(sent: Mapping[str, int], arrived: int) -> Figures:
    """Of a run in which so many vehicles arrived, and nothing else."""
    return Figures(
        sent=sent,
        ledgers={"vehicles": Ledger(arrived, arrived), "sensors": Ledger(), "requests": Ledger()},
        refused_at_gateway={},
        rejected=[],
        windows={},
        complete=True,
        alerts=AlertCounts(0, 0),
        oversaturated=[],
    )


def test_a_log_of_the_run_before_does_not_say_that_a_process_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with _Children(CONTAINERS) as children:
        log = children.directory / "gateway.log"
        log.write_text("gateway-0: at work\n")
        with pytest.raises(ServiceFailed, match="gateway ended while starting"):
            children.start("gateway", "gateway", "--help", at_work="at work")
        assert "at work" not in log.read_text()


def test_who_interrupts_twice_is_told_what_became_of_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once ends in order; where that hangs, the second time ends it."""
    pressed = 0

    def city(*arguments: object) -> Figures:
        nonlocal pressed
        asked = arguments[-1]
        assert isinstance(asked, threading.Event)
        for _ in range(3):
            pressed += 1
            os.kill(os.getpid(), signal.SIGINT)
            up._wait(None, asked, print)
        raise AssertionError("it goes on")

    monkeypatch.setattr(up, "_services", lambda *_: (CONTAINERS, ()))
    monkeypatch.setattr(up, "_run_city", city)
    assert up.run(Plan(stack=None, seconds=None, scenario="quiet", speed=1.0, bikes=None, processes=1)) == 130
    assert pressed == 2
    assert "interrupted" in capsys.readouterr().out


@pytest.mark.parametrize(("arrived", "code"), [(10, 0), (9, 1)])
def test_a_run_whose_ledgers_do_not_balance_has_failed(
    arrived: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "_services", lambda *_: (CONTAINERS, ()))
    monkeypatch.setattr(up, "_run_city", lambda *_: figures_of({"vehicles": 10}, arrived))
    plan = Plan(stack=None, seconds=None, scenario="quiet", speed=1.0, bikes=None, processes=1)
    assert up.run(plan) == code


class Named:
    """A process that notes its end."""

    def __init__(self, name: str, ends: list[str]) -> None:
        self._name, self._ends = name, ends

    def stop(self) -> None:
        self._ends.append(self._name)


@pytest.mark.parametrize(
    ("has_city", "order"),
    [
        (True, ["city", "all of 10 arrived", "gateway", "worker"]),
        (False, ["gateway", "all of 0 arrived", "gateway", "worker"]),
    ],
)
def test_who_publishes_ends_before_who_waits_for_it(
    has_city: bool, order: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a city others may go on publishing, so the gateway is the first; to stop it again is nothing."""
    ends: list[str] = []
    city, gateway, worker = (Named(name, ends) for name in ("city", "gateway", "worker"))
    told = up._Told({"vehicles": 10})
    children = SimpleNamespace(told=lambda _name: told)
    monkeypatch.setattr(
        up, "_catch_up", lambda _, told, __: ends.append(f"all of {sum(told.sent.values())} arrived")
    )
    found = up._stop_in_order(
        cast("Any", city if has_city else None),
        cast("Any", gateway),
        cast("Any", worker),
        cast("Any", children),
        Settings(),
        cast("Any", lambda _: None),
    )
    assert ends == order
    assert found == (told if has_city else up._Told())


@pytest.mark.parametrize(
    ("settings", "is_as_set"),
    [(Settings(console_port=8123), True), (Settings(console_port=0), False), (Settings(), False)],
)
def test_the_console_listens_where_the_settings_say_or_on_a_free_port(
    settings: Settings, is_as_set: bool
) -> None:
    url, environment = up._console_settings(
        replace(CONTAINERS, reader_url="postgresql://ub_reader@db/x"), settings
    )
    assert environment["UB_DATABASE_URL"] == "postgresql://ub_reader@db/x"
    port = int(environment["UB_CONSOLE_PORT"])
    assert f":{port}/" in url
    assert (port == settings.console_port) is is_as_set
    assert port != 0


def test_the_map_is_named_once_it_is_there_and_a_port_that_is_taken_ends_it_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was named, then all was said to be ready, and only then did it fail."""
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            _Children(CONTAINERS) as children,
            pytest.raises(ServiceFailed, match=rf"UB_CONSOLE_PORT={port}: the console cannot listen there"),
        ):
            up._start_console(CONTAINERS, Settings(console_port=port), children, said.append)
    assert said == []
    with _Children(CONTAINERS) as children:
        up._start_console(CONTAINERS, Settings(console_port=port), children, said.append)
        with socket.create_connection(("127.0.0.1", port), 10.0):
            pass
    assert said == [f"the live map is at http://127.0.0.1:{port}/"]


class AskedAfter(threading.Event):
    """Ctrl-C at the third look after the end of a process."""

    def __init__(self, process: ServiceProcess) -> None:
        super().__init__()
        self._process = process
        self._looks = 0

    def wait(self, timeout: float | None = None) -> bool:
        self._looks += not self._process.running
        if self._looks == 3:
            self.set()
        return super().wait(0.001)


@pytest.mark.parametrize(("seconds", "until"), [(None, "; all else stays up until Ctrl-C"), (60.0, "")])
def test_a_city_whose_scenario_is_over_says_so_once(
    tmp_path: Path, seconds: float | None, until: str
) -> None:
    """Nothing moves any more then, and nothing is wrong."""
    city = ServiceProcess("city", ["true"], tmp_path / "city.log")
    city.start(lambda: True, timeout_s=10.0)
    said: list[str] = []
    up._wait(seconds, AskedAfter(city), said.append, city)
    assert said == [f"the city has come to its end{until}"]


def test_a_process_that_fails_ends_the_run_with_the_end_of_its_log(tmp_path: Path) -> None:
    gateway = ServiceProcess("gateway", ["sh", "-c", "echo no such broker; exit 1"], tmp_path / "gateway.log")
    gateway.start(lambda: True, timeout_s=10.0)
    with pytest.raises(
        UrbanBrainError, match=r"gateway ended by itself; the end of its log:\n  no such broker"
    ):
        up._wait(None, AskedAfter(gateway), print, gateway)


@pytest.mark.parametrize("code", [0, 1])
def test_a_service_that_ends_ends_the_run_whatever_its_exit_code(code: int, tmp_path: Path) -> None:
    """Nobody starts it again, and whoever reads on waits for good."""
    broker = ServiceProcess("Mosquitto", ["sh", "-c", f"echo bye; exit {code}"], tmp_path / "mosquitto.log")
    broker.start(lambda: True, timeout_s=10.0)
    with pytest.raises(UrbanBrainError, match=r"Mosquitto ended by itself; the end of its log:\n  bye"):
        up._wait(None, AskedAfter(broker), print, broker, lasting=(broker,))


SUMMARY = '{"sent": {"vehicles": 7}, "readings_refused": 2, "refusal": %s}'


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([SUMMARY % '"too much"'], up._Told({"vehicles": 7}, 2, "too much")),
        ([SUMMARY % "null", "5", "[]", "stopped"], up._Told({"vehicles": 7}, 2, "")),
        ([SUMMARY.replace("7", "6") % "null", SUMMARY % "null"], up._Told({"vehicles": 7}, 2, "")),
    ],
    ids=["refused", "more lines", "the newest"],
)
def test_what_the_city_sent_is_what_its_last_summary_says(
    lines: list[str], told: up._Told, tmp_path: Path
) -> None:
    with _Children(replace(CONTAINERS, directory=tmp_path)) as children:
        (children.directory / "city.log").write_text("\n".join(["it begins", *lines, ""]))
        assert children.told("city") == told
        (children.directory / "city.log").write_text("killed\n")
        with pytest.raises(UrbanBrainError, match="the city left no summary"):
            children.told("city")


def test_our_processes_end_with_the_run_and_signals_are_again_as_they_were(tmp_path: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with (
        up._stopping_on_signals(threading.Event()),
        _Children(replace(CONTAINERS, directory=tmp_path)) as children,
    ):
        console = children.start("console", "sim", "--help")
        assert signal.getsignal(signal.SIGTERM) not in before.values()
    assert {number: signal.getsignal(number) for number in before} == before
    with pytest.raises(ServiceFailed, match="is not running"):
        console.pid  # noqa: B018 - it asks


def test_our_processes_find_what_a_setting_names_from_the_folder_of_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They ran in that of their logs: a file named from here was not there, and `.env` was not read.

    What else is in the folder is not theirs: modules that lie there are not imported.
    """
    here = tmp_path / "here"
    here.mkdir()
    square = '{"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]]]}'
    zone = f'{{"type": "Feature", "properties": {{"name": "here"}}, "geometry": {square}}}'
    (here / "zones.geojson").write_text(f'{{"type": "FeatureCollection", "features": [{zone}]}}')
    (here / ".env").write_text("UB_DEFAULT_CAPACITY=41\n")
    (here / "click.py").write_text("raise SystemExit('a module of the folder')")
    monkeypatch.chdir(here)
    monkeypatch.delenv("UB_DEFAULT_CAPACITY", raising=False)
    with _Children(replace(CONTAINERS, directory=tmp_path / "stack")) as children:
        with pytest.raises(ServiceFailed, match="check ended while starting"):
            children.start("check", "policy", "check", "zones.geojson", at_work="never")
        assert "raised at 41" in (children.directory / "check.log").read_text()


class Takes:
    """A worker that takes one partition at each look, up to `most`."""

    def __init__(self, most: int) -> None:
        self.taken = 0
        self._most = most

    def claimed(self, _settings: Settings, _since_ms: int) -> int:
        self.taken = min(self.taken + 1, self._most)
        return self.taken


def waited(
    worker: ServiceProcess, most: int, asked: threading.Event, patched: pytest.MonkeyPatch
) -> list[str]:
    """What is said while `up` waits for a worker that takes so many of three partitions."""
    said: list[str] = []
    patched.setattr(up, "POLL_S", 0.001)
    patched.setattr(up, "partitions_of", lambda _settings: 3)
    patched.setattr(up, "claimed", Takes(most).claimed)
    up._wait_for_worker(Settings(), 0, worker, asked, said.append)
    return said


def test_who_publishes_is_started_when_the_worker_has_its_partitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or when it has ended, nobody waits for it any more, or all of that takes too long, which is said."""
    waits = ["waiting until the worker looks after all partitions"]
    worker = ServiceProcess("worker", ["sleep", "60"], tmp_path / "worker.log")
    worker.start(lambda: True, timeout_s=10.0)
    try:
        assert waited(worker, 3, threading.Event(), monkeypatch) == waits
        asked = threading.Event()
        asked.set()
        assert waited(worker, 2, asked, monkeypatch) == waits
        monkeypatch.setattr(up, "READY_TIMEOUT_S", 0.05)
        [*_, late] = waited(worker, 2, threading.Event(), monkeypatch)
        assert late.startswith("the worker is not ready yet")
    finally:
        worker.stop()
    monkeypatch.setattr(up, "READY_TIMEOUT_S", 60.0)
    assert waited(worker, 2, threading.Event(), monkeypatch) == waits


def caught_up(
    told: up._Told, arrived: int, patched: pytest.MonkeyPatch, *, complete: bool = True
) -> list[str]:
    """What is said by who waits until so many vehicles have arrived."""
    figures = replace(figures_of(told.sent, arrived), complete=complete)
    said: list[str] = []
    patched.setattr(up, "POLL_S", 0.001)
    patched.setattr(up, "CATCH_UP_TIMEOUT_S", 0.05)
    patched.setattr(up, "read", lambda *_: figures)
    up._catch_up(Settings(), told, said.append)
    return said


def test_nobody_waits_for_readings_that_the_broker_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert caught_up(up._Told({"vehicles": 10}, refused=2), 8, monkeypatch) == []
    [late] = caught_up(up._Told({"vehicles": 10}, refused=2), 7, monkeypatch)
    assert late.startswith("not everything arrived")
    [late] = caught_up(up._Told({"vehicles": 8}), 8, monkeypatch, complete=False)
    assert late.startswith("not everything arrived"), "its windows are not written"


def test_without_a_city_it_is_waited_until_no_more_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = iter(range(4))

    def read(*_: object) -> Figures:
        return figures_of({}, next(counts, 3))

    monkeypatch.setattr(up, "POLL_S", 0.001)
    monkeypatch.setattr(up, "AT_REST_S", 0.02)
    monkeypatch.setattr(up, "read", read)
    said: list[str] = []
    up._catch_up(Settings(), up._Told(), said.append)
    assert said == []
    assert next(counts, None) is None
    monkeypatch.setattr(up, "AT_REST_S", 60.0)
    monkeypatch.setattr(up, "CATCH_UP_TIMEOUT_S", 0.05)
    up._catch_up(Settings(), up._Told(), said.append)
    assert said == ["the stages were not done within 0 s"]


class Native:
    """Services that are there at once."""

    endpoints, processes = CONTAINERS, ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_where_testcontainers_is_not_installed_the_services_run_natively(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is a development dependency, and who only has the program may have Docker."""
    monkeypatch.setattr(containers, "engine_answers", lambda: True)
    monkeypatch.setattr(up, "NativeStack", Native)
    monkeypatch.setattr(containers, "find_spec", lambda _: None)
    plan = Plan(stack=None, seconds=None, scenario=None, speed=1.0, bikes=None, processes=1)
    with ExitStack() as cleanup:
        assert up._services(plan, up._Steps(Console(quiet=True)), cleanup) == (CONTAINERS, ())
