"""The command line. Every error that a person can mend is one line and a non-zero exit."""

import asyncio
import errno
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

from streams.errors import UrbanBrainError

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


_FULL = (errno.ENOSPC, errno.EDQUOT)


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
        except OSError as error:
            if error.errno not in _FULL:
                raise
            # What is left in the buffer would be tried once more at the end, and fail with a traceback.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise click.ClickException(f"cannot write: {error.strerror}; make room there") from None


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--verbose", "-v", is_flag=True, help="Log what is being done.")
def main(verbose: bool) -> None:
    """Open real-time urban brain: shared bikes and sensors over MQTT and Kafka to alerts and cell tables.

    Settings come from the environment (UB_...) and a .env file; `urbanbrain doctor` checks them.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # names and comments may be in any script, and a terminal in Latin-1
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    if sys.__stderr__ is not None and hasattr(signal, "SIGUSR1"):  # not on Windows
        faulthandler.register(signal.SIGUSR1, file=sys.__stderr__)


@main.command()
@click.option("--stack", type=click.Choice(["docker", "native", "external"]), help="Where the services run.")
@click.option("--seconds", type=float, envvar="DEMO_SECONDS", help="Stop after so long (default: at Ctrl-C).")
@click.option("--scenario", default="metro-flood", show_default=True, help="See `urbanbrain sim list`.")
@click.option("--no-city", is_flag=True, help="Run no city: wait for what others publish.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    help="Seconds of event time a second.",
)
@click.option("--bikes", type=click.IntRange(min=1), help="Size of the fleet (default: the scenario's).")
@click.option(
    "--processes", type=click.IntRange(min=1), default=1, show_default=True, help="Worker processes."
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
    """Start everything - services, gateway, worker, console, a simulated city - and show alerts as they come."""
    from sensors_sim.errors import SimError  # noqa: PLC0415
    from sensors_sim.scenario import load  # noqa: PLC0415

    source = click.get_current_context().get_parameter_source
    asked = [n for n in ("scenario", "speed", "bikes") if source(n) is not ParameterSource.DEFAULT]
    if no_city and asked:
        names = ", ".join(f"--{name}" for name in asked)
        raise click.UsageError(f"{names}: of a city, and --no-city runs none; leave one of them out")
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
    type=click.FloatRange(min=0, max=86_400),
    help="Seconds to wait for a service at the start (default: UB_SERVICE_WAIT_S).",
)
@click.option(
    "--leave",
    is_flag=True,
    help="Take in what the broker holds for UB_GATEWAY_ID, give its session up, and end.",
)
def gateway(wait: float | None, leave: bool) -> None:
    """Carry readings from MQTT to Kafka until SIGTERM; nothing is lost on the way."""
    from streams.brokers.admin import create_topics, wait_for_kafka  # noqa: PLC0415
    from streams.brokers.kafka_login import kafka_login_of  # noqa: PLC0415
    from streams.gateway.bridge import Bridge  # noqa: PLC0415
    from streams.memory import spare_collector  # noqa: PLC0415

    settings = _settings() if wait is None else _settings(service_wait_s=wait)
    logging.getLogger("streams").setLevel(logging.INFO)
    # It holds nothing yet. Without a handler the first process of a container would not hear of it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    wait_for_kafka(settings.kafka_bootstrap, settings.service_wait_s, kafka_login_of(settings))
    create_topics(settings.kafka_bootstrap, settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    spare_collector()
    click.echo(str(Bridge(settings, leave=leave).run(stop)), err=True)


@main.command()
@click.option(
    "--processes", default=1, show_default=True, help="Worker processes; they share the partitions."
)
@click.option(
    "--wait", default=30.0, show_default=True, help="Seconds to wait for the services at the start."
)
@click.option(
    "--supervised-by", type=int, hidden=True, help="Be one worker process of this supervisor (pid)."
)
def worker(processes: int, wait: float, supervised_by: int | None) -> None:
    """Run the stages of the road: fleet, sensing, requests, grid, incidents, rejects."""
    from streams.brokers.admin import create_topics, wait_for_kafka  # noqa: PLC0415
    from streams.brokers.kafka_login import kafka_login_of  # noqa: PLC0415
    from streams.supervise import Supervisor  # noqa: PLC0415

    settings = _settings()
    logging.getLogger("streams").setLevel(logging.INFO)
    if supervised_by is not None:
        from streams.worker import end_with, run_worker  # noqa: PLC0415

        end_with(supervised_by)
        sys.exit(run_worker(settings))
    from streams.files.districts import load_districts  # noqa: PLC0415
    from streams.files.policy import load_policy  # noqa: PLC0415

    load_policy(settings)  # a faulty file is said once, here, and not by every process
    load_districts(settings)
    wait_for_kafka(settings.kafka_bootstrap, wait, kafka_login_of(settings))
    create_topics(settings.kafka_bootstrap, settings)
    sys.exit(Supervisor(processes, settings.worker_id, settings.web_port).run())


@main.command()
def migrate() -> None:
    """Bring the database schema up to date (as its owner); safe to run twice or at the same time."""
    from streams.store.migrate import migrate as run  # noqa: PLC0415

    applied = asyncio.run(
        run(_settings().database_url.get_secret_value(), lambda line: click.echo(line, err=True))
    )
    click.echo(f"applied: {', '.join(applied)}" if applied else "nothing to do: the schema is up to date")


@main.command()
def doctor() -> None:
    """Check every service and setting, and say what to do about each fault."""
    from rich.console import Console  # noqa: PLC0415

    from streams import doctor as checks  # noqa: PLC0415

    found = checks.run_from_environment()
    Console().print(checks.render(found))
    sys.exit(0 if all(check.ok for check in found) else 1)


def _settings(**overrides: object) -> "Settings":
    from streams.settings import load  # noqa: PLC0415

    return load(**overrides)


if __name__ == "__main__":
    main()
