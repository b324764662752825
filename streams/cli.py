"""The command line. Every error that a person can mend is one line and a non-zero exit."""

import asyncio
import faulthandler
import io
import logging
import os
import signal
import sys
import threading
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from streams.ending import end_at_once_on_sigterm
from streams.errors import UrbanBrainError
from streams.log import speak_as, to_stderr
from streams.numbers import Real, Whole
from streams.output import FULL, drop_output, no_room

if TYPE_CHECKING:
    from streams.settings import Settings

_ELSEWHERE = {
    "alerts": (
        "streams.commands.alerts",
        *("streams.commands.actions", "streams.commands.replay", "streams.commands.silence"),
    ),
    "audit": ("streams.audit.command",),
    "console": ("streams.commands.console",),
    "incidents": ("streams.commands.incidents",),
    "notify": ("streams.commands.notify",),
    "policy": ("streams.commands.policy",),
    "sim": ("sensors_sim.cli",),
}
"""Commands of other modules: the first has the command by its name, the others add commands of their own to it.

Each is imported when it is asked for: all of them take seconds on a busy machine, and somebody waits for `alerts list`.
"""


class _Group(click.Group):
    """Knows the commands of _ELSEWHERE, and turns our errors into click's: one line, exit code 1."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _ELSEWHERE:
            return super().get_command(ctx, cmd_name)
        module, *_ = [import_module(name) for name in _ELSEWHERE[cmd_name]]
        command: click.Command = getattr(module, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UrbanBrainError as error:
            raise click.ClickException(str(error)) from None
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)  # as a shell says it
        except OSError as error:
            if error.errno not in FULL:
                raise
            drop_output()
            raise click.ClickException(no_room(error)) from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--verbose", "-v", is_flag=True, help="Log at level INFO, not only warnings and errors.")
def main(verbose: bool) -> None:
    """Watch a city in real time: readings of bikes and sensors in, tables per cell and alerts out.

    Settings come from environment variables (UB_...) and the file .env; `urbanbrain doctor` checks them.
    """
    for stream in (sys.stdout, sys.stderr):
        # Names and comments may be in any script, and a terminal in Latin-1.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    to_stderr(verbose=verbose)
    # libpq asks for these, whatever is set for the database or the role: psycopg reads times in no other style
    os.environ |= {"PGDATESTYLE": "ISO", "PGCLIENTENCODING": "UTF8"}
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # until now, see streams/start.py
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.__stderr__ is not None and hasattr(signal, "SIGUSR1"):  # not on Windows
        faulthandler.register(signal.SIGUSR1, file=sys.__stderr__)


@main.command()
@click.option(
    "--stack",
    type=click.Choice(["docker", "native", "external"]),
    help="Where MQTT, Kafka and the database run (default: docker if an engine answers, otherwise native).",
)
@click.option(
    "--seconds",
    type=Real(min=0),
    envvar="DEMO_SECONDS",
    help="Stop after this many seconds (default: at Ctrl-C).",
)
@click.option(
    "--scenario",
    default="metro-flood",
    show_default=True,
    help="Scenario to run: a name from `urbanbrain sim list`, or a TOML file.",
)
@click.option("--no-city", is_flag=True, help="Start no simulated city; publish data of your own.")
@click.option(
    "--speed",
    type=Real(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds of event time per second: 60 runs an hour in a minute.",
)
@click.option("--bikes", type=Whole(min=1), help="Number of bikes (default: the scenario's).")
@click.option(
    "--processes",
    type=Whole(min=1),
    default=1,
    show_default=True,
    help="Number of worker processes.",
)
def up(
    stack: str | None,
    seconds: float | None,
    scenario: str,
    no_city: bool,
    speed: float,
    bikes: int | None,
    processes: int,
) -> None:
    """Start everything with a simulated city, and show alerts.

    Starts the services (unless --stack is external), the gateway, the workers and the console, and stops them at the
    end.
    """
    from sensors_sim.errors import SimError  # noqa: PLC0415
    from sensors_sim.scenario import load  # noqa: PLC0415

    source = click.get_current_context().get_parameter_source
    asked = [n for n in ("scenario", "speed", "bikes") if source(n) is not ParameterSource.DEFAULT]
    if no_city and asked:
        names = ", ".join(f"--{name}" for name in asked)
        raise click.UsageError(f"{names}: only for a city, and --no-city runs none; leave one of them out")
    try:
        load(scenario)
    except SimError as error:
        raise click.ClickException(str(error)) from None
    from deploy.up import Plan, run  # noqa: PLC0415 - the only command that needs deploy/

    plan = Plan(
        stack=stack,
        seconds=seconds,
        scenario=None if no_city else scenario,
        speed=speed,
        bikes=bikes,
        processes=processes,
    )
    sys.exit(run(plan))


@main.command()
@click.option(
    "--wait",
    type=Real(min=0, max=86_400),
    help="Seconds to wait for each service at startup (default: UB_SERVICE_WAIT_S).",
)
@click.option(
    "--leave",
    is_flag=True,
    help="Forward the messages that the broker holds for UB_GATEWAY_ID, delete its MQTT session, and exit.",
)
def gateway(wait: float | None, leave: bool) -> None:
    """Forward readings from MQTT to Kafka until SIGTERM.

    A message is acknowledged to the MQTT broker only after Kafka has confirmed it, so none is lost.
    """
    from streams.brokers.admin import create_topics, wait_for_kafka  # noqa: PLC0415
    from streams.brokers.kafka_login import kafka_login_of  # noqa: PLC0415
    from streams.brokers.topic_setup import say_misfits  # noqa: PLC0415
    from streams.columnar.compiled import MAKING  # noqa: PLC0415
    from streams.gateway import packed  # noqa: PLC0415
    from streams.gateway.bridge import Bridge  # noqa: PLC0415
    from streams.memory import spare_collector  # noqa: PLC0415
    from streams.settings import say_misspelt  # noqa: PLC0415

    settings = _settings() if wait is None else _settings(service_wait_s=wait)
    speak_as(settings.gateway_id)
    say_misspelt()
    end_at_once_on_sigterm()
    logging.getLogger(__name__).info(MAKING)
    packed.prepare()
    wait_for_kafka(settings.kafka_bootstrap, settings.service_wait_s, kafka_login_of(settings))
    create_topics(settings.kafka_bootstrap, settings)
    say_misfits(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    spare_collector()
    Bridge(settings, leave=leave).run(stop)


@main.command()
@click.option(
    "--processes",
    type=Whole(min=1),
    default=1,
    show_default=True,
    help="Number of worker processes; they share the partitions.",
)
@click.option(
    "--wait",
    type=Real(min=0, max=86_400),
    default=30.0,
    show_default=True,
    help="Seconds to wait for Kafka at startup.",
)
@click.option(
    "--supervised-by", type=Whole(), hidden=True, help="Be one worker process of this supervisor (pid)."
)
def worker(processes: int, wait: float, supervised_by: int | None) -> None:
    """Run the processing stages until SIGTERM.

    UB_STAGES selects them; default: fleet, sensing, requests, grid, incidents, rejects.
    """
    from streams.brokers.admin import create_topics, wait_for_kafka  # noqa: PLC0415
    from streams.brokers.kafka_login import kafka_login_of  # noqa: PLC0415
    from streams.brokers.topic_setup import say_misfits  # noqa: PLC0415
    from streams.supervise import Supervisor  # noqa: PLC0415

    settings = _settings()
    speak_as(settings.worker_id)
    end_at_once_on_sigterm()
    if supervised_by is not None:
        from streams.worker import end_with, run_worker  # noqa: PLC0415

        end_with(supervised_by)
        sys.exit(run_worker(settings))
    from streams.files.districts import load_districts  # noqa: PLC0415
    from streams.files.policy import load_policy  # noqa: PLC0415
    from streams.machine import try_folders, try_ports  # noqa: PLC0415
    from streams.settings import say_misspelt  # noqa: PLC0415
    from streams.store.migrate import say_what_differs  # noqa: PLC0415

    say_misspelt()
    load_policy(settings)  # a faulty file is said once, here, and not by every process
    load_districts(settings)
    try_folders(settings.data_dir, settings.worker_id, processes)
    try_ports(settings.web_port, processes)
    wait_for_kafka(settings.kafka_bootstrap, wait, kafka_login_of(settings))
    create_topics(settings.kafka_bootstrap, settings)
    say_misfits(settings)
    asyncio.run(
        say_what_differs(settings.database_url.get_secret_value(), logging.getLogger(__name__).warning)
    )
    sys.exit(Supervisor(processes, settings.worker_id, settings.web_port).run())


@main.command()
def migrate() -> None:
    """Update the database schema (run as the database owner).

    Safe to run again, and by several processes at the same time.
    """
    from streams.store.migrate import migrate as run  # noqa: PLC0415

    applied = asyncio.run(
        run(_settings().database_url.get_secret_value(), lambda line: click.echo(line, err=True))
    )
    click.echo(f"applied: {', '.join(applied)}" if applied else "nothing to do: the schema is up to date")


@main.command()
def doctor() -> None:
    """Check all services and settings, and say how to fix faults.

    Exit code 1 if a check fails.
    """
    from streams.doctor.examination import render, run_from_environment  # noqa: PLC0415
    from streams.terminal import Terminal  # noqa: PLC0415

    found = run_from_environment()
    Terminal().print(render(found))
    sys.exit(0 if all(check.ok for check in found) else 1)


def _settings(**overrides: object) -> "Settings":
    from streams.settings import load  # noqa: PLC0415

    return load(**overrides)


if __name__ == "__main__":
    main()
