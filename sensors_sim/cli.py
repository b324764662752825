"""`urbanbrain sim …`: the group of commands, with `run` and `replay`."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta, tzinfo
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console

from sensors_sim.clock import MAX_SPEED
from sensors_sim.counted import counted
from sensors_sim.errors import SimError
from sensors_sim.faults import faults_line
from sensors_sim.numbers import Whole
from sensors_sim.options import Populations, connection_options, options_from, speed_option
from sensors_sim.plot.command import plot
from sensors_sim.recording.kafka_login import Kafka
from sensors_sim.recording.moments import Moment
from sensors_sim.recording.record_command import info_command, record_command
from sensors_sim.recording.replay_command import RecordingOptions, recording_options, replay_recording
from sensors_sim.recording.rounds import Shift
from sensors_sim.rhythm import local
from sensors_sim.run import Outcome, check_delivered, refused_by_broker, run
from sensors_sim.scenario import MOST_BIKES, MOST_SECONDS, MOST_SEED, load
from sensors_sim.scenario_commands import (
    check_writable,
    cities_command,
    list_command,
    show_command,
    truth_command,
    write_truth,
)
from sensors_sim.score.command import score
from sensors_sim.sensors.world import FEWEST_SENSORS, MOST_SENSORS
from sensors_sim.sources.command import FeedOptions, aloud, feed_options, inspect_command, report_lines
from sensors_sim.sources.contract import Source, unheard
from sensors_sim.sources.formats import FORMATS, check_feed, open_feed
from sensors_sim.sources.simulated import POPULATIONS, SimulatedCity
from sensors_sim.stop import Stop
from sensors_sim.truth.witness import Witness
from sensors_sim.zones import span


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
    """Simulate a city, publish feeds, record and replay traffic."""


sim.add_command(list_command)
sim.add_command(cities_command)
sim.add_command(show_command)
sim.add_command(truth_command)
sim.add_command(score)
sim.add_command(plot)
sim.add_command(inspect_command)
sim.add_command(record_command)
sim.add_command(info_command)


@sim.command("run")
@click.argument("name", metavar="SCENARIO")
@click.option("--bikes", type=Whole(1, MOST_BIKES), help="Number of bikes (default: the scenario's).")
@click.option(
    "--sensors",
    type=Whole(FEWEST_SENSORS, MOST_SENSORS),
    help="Number of sensors of all kinds together (default: the scenario's).",
)
@click.option(
    "--only",
    type=Populations(),
    default=",".join(POPULATIONS),
    help=f"Publish only these, separated by commas (default: all): {', '.join(POPULATIONS)}.",
)
@click.option(
    "--seed",
    type=Whole(0, MOST_SEED),
    help="Seed (default: the scenario's); the same seed gives the same bytes.",
)
@click.option(
    "--for",
    "seconds",
    type=Whole(1, MOST_SECONDS),
    help="Seconds of event time to run (default: the scenario's duration).",
)
@click.option(
    "--truth",
    "truth_file",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write to this file which alerts were due (docs/scenarios.md).",
)
@speed_option
@connection_options
@click.pass_context
def run_(
    ctx: click.Context,
    /,
    name: str,
    bikes: int | None,
    sensors: int | None,
    only: frozenset[str],
    seed: int | None,
    seconds: int | None,
    truth_file: Path | None,
    **sending: Any,
) -> None:
    """Run a SCENARIO and publish its readings.

    SCENARIO is a name from `sim list` or a TOML file. Publishes bikes, sensors and citizens' requests.
    """
    duration = None if seconds is None else timedelta(seconds=seconds)
    scenario = load(name).with_(bikes=bikes, sensors=sensors, seed=seed, duration=duration)
    scenario.checked()
    if ctx.get_parameter_source("faults") is ParameterSource.DEFAULT:
        sending["faults"] = scenario.faults
    witness = None
    if truth_file is not None:
        check_writable(truth_file)
        witness = Witness(scenario, only)
    stop = Stop()
    outcome = _publish(
        lambda: SimulatedCity(scenario, only, witness, stop.requested),
        scenario.city.zone,
        stop=stop,
        **sending,
    )
    if witness is not None and truth_file is not None:
        if (ended := outcome.ended_ms(scenario)) > scenario.start_ms:
            write_truth(witness.truth(ended), truth_file)
        else:
            click.echo(f"stopped before anything was sent: {truth_file} is not written", err=True)
    check_delivered(outcome.counts, outcome.unacknowledged)


@sim.command()
@click.argument("where", metavar="FILE|FOLDER|URL")
@click.option(
    "--format", "format_", type=click.Choice(list(FORMATS)), help="Format of the feed (default: a recording)."
)
@speed_option
@feed_options
@click.option(
    "--memory",
    type=click.Path(dir_okay=False, path_type=Path),
    help="URL with format gbfs: file that keeps the last poll, so that vehicles gone since are published as removed.",
)
@recording_options
@connection_options
def replay(
    where: str,
    format_: str | None,
    mapping: Path | None,
    owner: str | None,
    token_file: Path | None,
    memory: Path | None,
    kafka: Kafka | None,
    from_: Moment | None,
    to: Moment | None,
    loop: bool,
    only: tuple[str, ...],
    shift: Shift | None,
    **sending: Any,
) -> None:
    """Replay a recording, or publish a feed.

    A feed (--format, docs/feeds.md) is a file, a folder, or a URL, which is polled.
    """
    of_feeds = FeedOptions(mapping, owner, token_file, memory)
    of_recordings = RecordingOptions(kafka, from_, to, loop, only, shift)
    if format_ is None:
        of_feeds.refuse()
        click.Path(exists=True, dir_okay=False).convert(where, None, None)
        replay_recording(Path(where), of_recordings, **sending)
        return
    of_recordings.refuse()
    stop = Stop()
    listener = unheard if sending["quiet"] else aloud(where)
    feed = replace(of_feeds.feed(where), given_up=stop.requested, listener=listener)
    check_feed(format_, feed)  # before the broker is asked for
    if feed.live:
        sending["speed"] = MAX_SPEED
    outcome = _publish(lambda: open_feed(format_, feed), stop=stop, **sending)
    check_delivered(outcome.counts, outcome.unacknowledged)


def _publish(
    open_source: Callable[[], Source],
    zone: tzinfo = UTC,
    *,
    as_json: bool,
    quiet: bool,
    stop: Stop | None = None,
    **sending: Any,
) -> Outcome:
    options = replace(options_from(**sending), zone=zone)
    outcome = run(open_source, options, Console(stderr=True, quiet=quiet), stop)
    _summarise(outcome, as_json, zone)
    return outcome


def _summarise(outcome: Outcome, as_json: bool, zone: tzinfo) -> None:
    """Print the summary for people on stderr and, if asked for, one JSON line on stdout."""
    counts, skipped = outcome.counts, dict(sorted(outcome.report.skipped.items()))
    click.echo(
        f"{'stopped' if outcome.stopped else 'done'}: {counted(counts.readings_sent, 'reading')} in "
        f"{counted(counts.messages_sent, 'message')}, {counts.readings_acknowledged:,} acknowledged, "
        f"in {outcome.seconds:.1f} s",
        err=True,
    )
    if outcome.first_ts is not None and outcome.last_ts is not None:
        first, last = local(outcome.first_ts, zone), local(outcome.last_ts, zone)
        click.echo(f"event time {span(first, last, '%Y-%m-%d %H:%M:%S')}", err=True)
    for line in report_lines(outcome.report):
        click.echo(line, err=True)
    if outcome.faults:
        click.echo(faults_line(outcome.faults), err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "readings_sent": counts.readings_sent,
                    "sent": {about: outcome.sent[about] for about in ("vehicles", "sensors", "requests")},
                    "readings_acknowledged": counts.readings_acknowledged,
                    "readings_refused": counts.readings_refused,
                    "refusal": refused_by_broker(counts) if counts.readings_refused else None,
                    "messages": counts.messages_sent,
                    "reconnects": counts.reconnects,
                    "skipped": skipped,
                    "noted": dict(sorted(outcome.report.noted.items())),
                    "figures": dict(outcome.report.figures),
                    "faults": dict(outcome.faults),
                    "first_ts": outcome.first_ts,
                    "last_ts": outcome.last_ts,
                    "seconds": round(outcome.seconds, 3),
                    "stopped": outcome.stopped,
                }
            )
        )
