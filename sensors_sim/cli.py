"""`urbanbrain sim …`: list and show scenarios, run one, replay a file."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from sensors_sim.errors import SimError
from sensors_sim.options import Populations, connection_options, options_from, speed_option
from sensors_sim.rhythm import local
from sensors_sim.run import Outcome, run
from sensors_sim.scenario import MOST_BIKES, SHIPPED, Scenario, shipped
from sensors_sim.sensors.world import FEWEST_SENSORS, MOST_SENSORS
from sensors_sim.sources.contract import Source
from sensors_sim.sources.mobike_trips import MobikeTrips
from sensors_sim.sources.simulated import POPULATIONS, SimulatedCity

FORMATS: dict[str, Callable[[Path], Source]] = {"mobike-trips": MobikeTrips}
"""Readers of files, by the name that --format takes."""


class SimGroup(click.Group):
    """Reports the simulator's errors in one line, with exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except SimError as error:
            raise click.ClickException(str(error)) from None


@click.group(cls=SimGroup)
def sim() -> None:
    """Simulated bikes, sensors and requests, and recorded trips, published over MQTT as their owners would."""


@sim.command("list")
def list_() -> None:
    """List the scenarios with a line each."""
    width = max(len(scenario.name) for scenario in SHIPPED)
    for scenario in SHIPPED:
        click.echo(f"{scenario.name:{width}}  {scenario.summary}")


@sim.command()
@click.argument("name")
def show(name: str) -> None:
    """Explain the scenario NAME."""
    scenario = shipped(name)
    click.echo(f"{scenario.name}: {scenario.summary}")
    click.echo(f"  starts    {scenario.start:%A %Y-%m-%d %H:%M} UTC+8 (event time)")
    click.echo(f"  lasts     {scenario.duration} of event time")
    click.echo(f"  bikes     {scenario.bikes:,}   seed {scenario.seed}")
    click.echo(f"  sensors   {', '.join(_kinds(scenario))}")
    for sentence in (
        *(event.explain() for event in scenario.events),
        *(concert.explain() for concert in scenario.concerts),
    ):
        click.echo(f"  happens   {sentence}")
    if not scenario.events:
        click.echo("  happens   nothing that crowds the bikes: no alert is due")


def _kinds(scenario: Scenario) -> list[str]:
    """Return the number of sensors by kind, and how much they say."""
    sensors = [kind.sensors for kind in scenario.world().kinds]
    rate = sum(table.readings_per_s for table in sensors)
    return [*(f"{len(table)} {table.kind}" for table in sensors), f"{rate:.1f} readings/s of event time"]


@sim.command("run")
@click.argument("name", metavar="SCENARIO")
@click.option("--bikes", type=click.IntRange(1, MOST_BIKES), help="Bikes in the city.")
@click.option(
    "--sensors",
    type=click.IntRange(FEWEST_SENSORS, MOST_SENSORS),
    help="Sensors in the city, of all kinds together.",
)
@click.option(
    "--only",
    type=Populations(),
    default=",".join(POPULATIONS),
    help=f"Publish only these, by commas: {', '.join(POPULATIONS)}.",
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="The same seed gives the same readings, byte for byte."
)
@click.option(
    "--for",
    "seconds",
    type=click.IntRange(min=1),
    help="Seconds of event time, instead of the scenario's own duration.",
)
@speed_option
@connection_options
def run_(
    name: str,
    bikes: int | None,
    sensors: int | None,
    only: frozenset[str],
    seed: int | None,
    seconds: int | None,
    **sending: Any,
) -> None:
    """Run SCENARIO and publish its bikes, sensors and citizens' requests."""
    duration = None if seconds is None else timedelta(seconds=seconds)
    scenario = shipped(name).with_(bikes=bikes, sensors=sensors, seed=seed, duration=duration)
    _publish(lambda: SimulatedCity(scenario, only), **sending)


@sim.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format", "format_", type=click.Choice(list(FORMATS)), required=True, help="Form of the file."
)
@speed_option
@connection_options
def replay(file: Path, format_: str, **sending: Any) -> None:
    """Publish the positions that FILE holds, in event-time order."""
    _publish(lambda: FORMATS[format_](file), **sending)


def _publish(open_source: Callable[[], Source], *, as_json: bool, quiet: bool, **sending: Any) -> None:
    outcome = run(open_source, options_from(**sending), Console(stderr=True, quiet=quiet))
    _summarise(outcome, as_json)
    counts = outcome.counts
    if counts.readings_refused:
        raise SimError(
            f"the broker refused {counts.readings_refused:,} readings ({counts.refusal}); "
            "check what this user may publish (the broker's ACL)"
        )
    if outcome.unacknowledged:
        raise SimError(
            f"stopped before the broker acknowledged {outcome.unacknowledged} messages; they may be lost"
        )


def _summarise(outcome: Outcome, as_json: bool) -> None:
    """Print the summary for people on stderr and, if asked for, one JSON line on stdout."""
    counts, skipped = outcome.counts, dict(sorted(outcome.report.skipped.items()))
    click.echo(
        f"{'stopped' if outcome.stopped else 'done'}: {counts.readings_sent:,} readings in {counts.messages_sent:,} "
        f"messages, {counts.readings_acknowledged:,} acknowledged, in {outcome.seconds:.1f} s",
        err=True,
    )
    if outcome.first_ts is not None and outcome.last_ts is not None:
        first, last = local(outcome.first_ts), local(outcome.last_ts)
        click.echo(f"event time {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC+8", err=True)
    for reason, count in skipped.items():
        click.echo(
            f"skipped {count:,} of {outcome.report.rows:,} rows: {reason}, first {outcome.report.examples[reason]}",
            err=True,
        )
    if as_json:
        click.echo(
            json.dumps(
                {
                    "readings_sent": counts.readings_sent,
                    "sent": {about: outcome.sent[about] for about in ("vehicles", "sensors", "requests")},
                    "readings_acknowledged": counts.readings_acknowledged,
                    "readings_refused": counts.readings_refused,
                    "messages": counts.messages_sent,
                    "reconnects": counts.reconnects,
                    "skipped": skipped,
                    "first_ts": outcome.first_ts,
                    "last_ts": outcome.last_ts,
                    "seconds": round(outcome.seconds, 3),
                    "stopped": outcome.stopped,
                }
            )
        )
