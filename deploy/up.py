"""`urbanbrain up`: services, our processes and a simulated city (or none) in one go; alerts as they come; a summary.

The order at the end matters: the city stops and waits for its acknowledgements, the gateway hands on what
it holds, the worker folds and stores the rest; only then are the figures read and the services taken down.
Without a city others may go on publishing, so the gateway is stopped first.
"""

import asyncio
import json
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

from rich.console import Console

from deploy.containers import ContainerStack, can_start, engine_answers
from deploy.endpoints import PLAIN, Endpoints, without_password
from deploy.for_shells import environment_file
from deploy.native.ports import free_port
from deploy.native.process import ServiceProcess
from deploy.native.stack import NativeStack
from deploy.readiness import claimed, clock_ms, partitions_of
from deploy.summary import Figures, read, render
from schemas.alerts import Alert
from streams import settings as settings_module
from streams.alerts.tail import Tail
from streams.alerts.text import styled
from streams.brokers.admin import create_topics, wait_for_kafka
from streams.brokers.kafka_login import kafka_login_of
from streams.console.hosts import url_of
from streams.errors import ServiceUnavailable, UrbanBrainError
from streams.settings import Settings
from streams.store.migrate import migrate
from streams.terminal import Terminal

POLL_S = 0.25
CATCH_UP_TIMEOUT_S = 60.0
AT_REST_S = 3.0
"""Without news in a ledger; it is stored once a second."""
READY_TIMEOUT_S = 180.0
"""Where code was never compiled before, and the machine is busy, a worker took more than a minute to begin."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run. `stack` None: Docker where it can be used, else native. `scenario` None: no city."""

    stack: str | None
    seconds: float | None
    scenario: str | None
    speed: float
    bikes: int | None
    processes: int


@dataclass(frozen=True, slots=True)
class _Told:
    """What the city told at its end: readings sent, by what they are about, and how many the broker refused, and why.

    Nothing where there was no city.
    """

    sent: Mapping[str, int] = field(default_factory=dict)
    refused: int = 0
    refusal: str = ""


class Interrupted(Exception):
    """Ctrl-C or SIGTERM, for the second time."""


def run(plan: Plan) -> int:
    """Run the plan; return 0 if the ledger balances, 130 if it was cut short."""
    console = Terminal(highlight=False, soft_wrap=True)
    say, asked = _Steps(console), threading.Event()
    try:
        with _stopping_on_signals(asked), ExitStack() as cleanup:
            endpoints, services = _services(plan, say, cleanup)
            settings = settings_module.load(**_overrides(endpoints))
            figures = _run_city(plan, endpoints, services, settings, console, say, asked)
            say("stopping the services")
    except Interrupted:
        say("interrupted: the services are down, and this run has no ledger")
        return 130
    render(console, figures)
    return 0 if figures.balanced else 1


class _Steps:
    """Says each step with the seconds since the start."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        self._console.print(f"[{time.monotonic() - self._began:5.1f} s] {text}", style="dim", markup=False)


def _services(plan: Plan, say: _Steps, cleanup: ExitStack) -> tuple[Endpoints, tuple[ServiceProcess, ...]]:
    """Start the services, or take those that the settings name; `cleanup` stops what was started.

    Returned are also those that run as processes of ours.
    """
    processes: tuple[ServiceProcess, ...] = ()
    kind = plan.stack or ("docker" if can_start() else "native")
    if kind == "external":
        settings = settings_module.load()
        say("using the services that the settings name")
        url = settings.database_url.get_secret_value()
        endpoints = Endpoints(
            mqtt_host=settings.mqtt_host,
            mqtt_port=settings.mqtt_port,
            kafka_bootstrap=settings.kafka_bootstrap,
            kafka_flavor=settings.kafka_flavor,
            database_url=url,
            writer_url=url,
            reader_url=url,
            as_set=True,
        )
        return endpoints, processes
    if kind == "docker":
        if plan.stack and not engine_answers():
            raise UrbanBrainError(
                "no Docker engine answers (`docker info`); start it, or leave --stack out: services then run natively"
            )
        say("starting Mosquitto, Kafka and TimescaleDB in containers (the first time pulls the images)")
        endpoints = cleanup.enter_context(ContainerStack()).endpoints
    else:
        say("starting Mosquitto, Tansu (Kafka protocol) and PostgreSQL with TimescaleDB on free ports")
        stack = cleanup.enter_context(NativeStack())
        endpoints, processes = stack.endpoints, stack.processes
    say(
        f"MQTT at {endpoints.mqtt_host}:{endpoints.mqtt_port}, Kafka at {endpoints.kafka_bootstrap}, "
        f"database {without_password(endpoints.reader_url)}"
    )
    return endpoints, processes


def _overrides(endpoints: Endpoints) -> dict[str, object]:
    plain = {name.removeprefix("UB_").lower(): value for name, value in PLAIN.items()}
    return {
        **({} if endpoints.as_set else plain),
        "mqtt_host": endpoints.mqtt_host,
        "mqtt_port": endpoints.mqtt_port,
        "kafka_bootstrap": endpoints.kafka_bootstrap,
        "kafka_flavor": endpoints.kafka_flavor,
        "database_url": endpoints.writer_url,
    }


def _prepare(endpoints: Endpoints, settings: Settings, say: _Steps) -> None:
    """Make what the processes find when they start: tables and topics."""
    say("bringing the database schema up to date")
    asyncio.run(migrate(endpoints.database_url, lambda line: say(f"  {line}")))
    say("creating the Kafka topics")
    wait_for_kafka(endpoints.kafka_bootstrap, login=kafka_login_of(settings))
    create_topics(endpoints.kafka_bootstrap, settings)


def _run_city(
    plan: Plan,
    endpoints: Endpoints,
    services: tuple[ServiceProcess, ...],
    settings: Settings,
    console: Console,
    say: _Steps,
    asked: threading.Event,
) -> Figures:
    """Run gateway, worker, console and city until the time is over or Ctrl-C; return the figures."""
    _prepare(endpoints, settings, say)
    with environment_file(endpoints) as environment, _Children(endpoints) as children:
        say(
            f"starting gateway, {plan.processes} worker process(es) and console; logs in {children.directory}"
        )
        # Who publishes before the gateway has subscribed is heard by nobody.
        gateway = children.start("gateway", "gateway", at_work="at work")
        began_ms = clock_ms(settings.database_url.get_secret_value())
        worker = children.start("worker", "worker", "--processes", str(plan.processes))
        page = _start_console(endpoints, settings, children, say)
        if environment is not None:
            say(f"for urbanbrain and psql in another terminal:  . {shlex.quote(str(environment))}")
        if not endpoints.as_set:  # elsewhere others may look after some partitions, and keep them
            _wait_for_worker(settings, began_ms, worker, asked, say)
        city = None
        if plan.scenario is not None and not asked.is_set():
            city = _start_city(plan, plan.scenario, children, say)
        if plan.scenario is None:
            say("no city: everything is ready for your own data; Ctrl-C ends it")
        began = "all was ready" if city is None else "the city began"
        with _alerts(settings, console, say, began):
            at_work = *services, *filter(None, (gateway, worker, page, city))
            _wait(plan.seconds, asked, say, *at_work, lasting=services)
            told = _stop_in_order(city, gateway, worker, children, settings, say)
        figures = read(settings.database_url.get_secret_value(), told.sent)
        return replace(figures, refused_by_broker=told.refused, refusal=told.refusal)


def _stop_in_order(
    city: ServiceProcess | None,
    gateway: ServiceProcess,
    worker: ServiceProcess,
    children: "_Children",
    settings: Settings,
    say: _Steps,
) -> _Told:
    """Stop who publishes first, then who waits for it; return what the city told. The module says why in this order."""
    told = _Told()
    if city is not None:
        say("stopping the city")
        city.stop()
        told = children.told("city")
    say("letting gateway and worker finish what is under way")
    if city is None:
        gateway.stop()  # who publishes may go on
    _catch_up(settings, told, say)  # the gateway too: the broker may still hold messages for it
    gateway.stop()
    worker.stop()
    return told


def _start_city(plan: Plan, scenario: str, children: "_Children", say: _Steps) -> ServiceProcess:
    say(f"starting the city: scenario {scenario} at {plan.speed:g} times real time; Ctrl-C ends it")
    bikes = [] if plan.bikes is None else ["--bikes", str(plan.bikes)]
    return children.start(
        "city", "sim", "run", scenario, "--speed", f"{plan.speed:g}", "--json", "--quiet", *bikes
    )


def _start_console(
    endpoints: Endpoints, settings: Settings, children: "_Children", say: Callable[[str], None]
) -> ServiceProcess:
    """Start the console, and say where it is once it is there: a port that was set may be taken."""
    url, environment = _console_settings(endpoints, settings)
    console = children.start("console", "console", environment=environment, at_work="the console is at")
    say(f"the live map is at {url}")
    return console


def _console_settings(endpoints: Endpoints, settings: Settings) -> tuple[str, dict[str, str]]:
    """Return where the console will be, and what it is told: it reads as ub_reader, on a free port if none is set."""
    chosen = "console_port" in settings.model_fields_set and settings.console_port != 0
    port = settings.console_port if chosen else free_port()
    environment = {"UB_DATABASE_URL": endpoints.reader_url, "UB_CONSOLE_PORT": str(port)}
    return url_of(settings.console_host, port), environment


def _wait_for_worker(
    settings: Settings,
    since_ms: int,
    worker: ServiceProcess,
    asked: threading.Event,
    say: Callable[[str], None],
) -> None:
    """Wait until the worker has taken all of its partitions: who publishes before makes a backlog."""
    say("waiting until the worker looks after all partitions")
    deadline, wanted = time.monotonic() + READY_TIMEOUT_S, partitions_of(settings)
    while worker.running and not asked.is_set() and claimed(settings, since_ms) < wanted:
        if time.monotonic() > deadline:
            say("the worker is not ready yet: alerts on what is published before it is come late, or never")
            return
        asked.wait(POLL_S)


def _wait(
    seconds: float | None,
    asked: threading.Event,
    say: Callable[[str], None],
    *processes: ServiceProcess,
    lasting: Collection[ServiceProcess] = (),
) -> None:
    """Wait until the time is over, or for Ctrl-C. Say when the city's scenario ends: the map stands still then.

    `lasting` are those that never come to an end by themselves.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    at_work = list(processes)
    while not asked.is_set() and (deadline is None or time.monotonic() < deadline):
        asked.wait(POLL_S)
        for process in [process for process in at_work if not process.running]:
            if process.failed or process in lasting:
                raise UrbanBrainError(
                    f"{process.name} ended by itself; the end of its log:\n{process.log_tail()}"
                )
            until = "; all else stays up until Ctrl-C" if deadline is None else ""
            say(f"the {process.name} has come to its end{until}")
            at_work.remove(process)


def _catch_up(settings: Settings, told: _Told, say: Callable[[str], None]) -> None:
    """Wait until every reading that the broker took is in the ledger and every window of it is written.

    Where nobody knows how many were sent: until no more came for a while.
    """
    deadline = time.monotonic() + CATCH_UP_TIMEOUT_S
    ledgers, since = None, 0.0
    while time.monotonic() < deadline:
        figures = read(settings.database_url.get_secret_value(), told.sent)
        if figures.ledgers != ledgers:
            ledgers, since = figures.ledgers, time.monotonic()
        at_rest = told.sent or time.monotonic() - since >= AT_REST_S
        if at_rest and figures.missing <= told.refused and figures.complete:
            return
        time.sleep(POLL_S)
    what = "not everything arrived" if told.sent else "the stages were not done"
    say(f"{what} within {CATCH_UP_TIMEOUT_S:.0f} s")


class _Children:
    """Our own processes, with their logs beside the services' or in build/logs."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.directory = (endpoints.directory or Path("build")) / "logs"
        self._environment = endpoints.environment()
        self._cleanup = ExitStack()

    def __enter__(self) -> "_Children":
        self.directory.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    def start(
        self, name: str, *arguments: str, environment: Mapping[str, str] | None = None, at_work: str = ""
    ) -> ServiceProcess:
        """Start one of our commands, and wait until its log says that it is `at_work`.

        It is stopped when this object is left, if not before.
        """
        log = self.directory / f"{name}.log"
        log.unlink(missing_ok=True)  # in build/logs there may be one of a run before, which was at work, too
        process = ServiceProcess(
            name,
            [sys.executable, "-m", "streams.cli", *arguments],
            log,
            # nor are modules imported from the folder, whatever lies there
            environment={**os.environ, "PYTHONSAFEPATH": "1", **self._environment, **(environment or {})},
            directory=Path.cwd(),  # settings may name files from here, and .env is here
            stop_timeout_s=30.0,
        )
        self._cleanup.callback(process.stop)
        process.start(lambda: at_work in log.read_text(), timeout_s=READY_TIMEOUT_S)
        return process

    def told(self, name: str) -> _Told:
        """Return what the city's last line of JSON says that it sent, and that was refused."""
        for line in reversed((self.directory / f"{name}.log").read_text().splitlines()):
            with suppress(json.JSONDecodeError):
                summary = json.loads(line)
                if isinstance(summary, dict) and "sent" in summary:
                    sent = {str(about): int(count) for about, count in summary["sent"].items()}
                    return _Told(sent, int(summary["readings_refused"]), summary["refusal"] or "")
        raise UrbanBrainError(f"the {name} left no summary in {self.directory / name}.log")


@contextmanager
def _alerts(settings: Settings, console: Console, say: _Steps, since: str) -> Iterator[None]:
    """Show alerts while the context lasts; `since` says what has just happened."""
    began = time.monotonic()
    first = threading.Event()

    def show(alert: Alert, payload: bytes) -> None:
        if not first.is_set():
            first.set()
            say(f"first alert, {time.monotonic() - began:.1f} s after {since}")
        text, style = styled(alert)
        console.print(text, style=style, markup=False)

    tail = Tail(settings, show)
    thread = threading.Thread(target=_follow, args=(tail,), name="alerts", daemon=True)
    thread.start()
    try:
        yield
    finally:
        tail.stop()
        thread.join(5)


def _follow(tail: Tail) -> None:
    with suppress(ServiceUnavailable, BrokenPipeError):  # whoever needs the broker says so; alerts just end
        tail.run()


@contextmanager
def _stopping_on_signals(asked: threading.Event) -> Iterator[None]:
    """Ctrl-C and SIGTERM ask for an orderly end; the second time they interrupt whatever is under way."""

    def stop(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise Interrupted
        asked.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
