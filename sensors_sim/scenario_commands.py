"""`urbanbrain sim list`, `show` and `truth`: what scenarios there are, what happens in them, which alerts are due."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from sensors_sim.batch import Ints
from sensors_sim.bikes import bikes_of
from sensors_sim.city import KINDS, METRO, OFFICE, pudong_city
from sensors_sim.districts import DISTRICTS
from sensors_sim.errors import ScenarioError
from sensors_sim.scenario import MOST_BIKES, Scenario, load, names, shipped
from sensors_sim.sensors.world import FEWEST_SENSORS, MOST_SENSORS
from sensors_sim.truth.entry import Truth, iso
from sensors_sim.truth.witness import truth_of


@click.command("list")
def list_command() -> None:
    """List the scenarios that ship, with a line each."""
    width = max(map(len, names()))
    for name in names():
        click.echo(f"{name:{width}}  {shipped(name).summary}")


@click.command("show")
@click.argument("name", metavar="SCENARIO")
@click.option("--truth", "with_truth", is_flag=True, help="Compute what alerts are due: cells and times.")
def show_command(name: str, with_truth: bool) -> None:
    """Explain SCENARIO: the name of one that ships, or a TOML file."""
    scenario = load(name)
    for line in explained(scenario):
        click.echo(line)
    if with_truth:
        for line in told(truth_of(scenario)):
            click.echo(line)


@click.command("truth")
@click.argument("name", metavar="SCENARIO")
@click.option("--bikes", type=click.IntRange(1, MOST_BIKES), help="Bikes in the city.")
@click.option("--sensors", type=click.IntRange(FEWEST_SENSORS, MOST_SENSORS), help="Sensors in the city.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of the scenario.")
@click.option(
    "--for", "seconds", type=click.IntRange(min=1), help="Seconds of event time, instead of the whole."
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Default: stdout.")
def truth_command(
    name: str,
    bikes: int | None,
    sensors: int | None,
    seed: int | None,
    seconds: int | None,
    output: Path | None,
) -> None:
    """Compute the ground truth of SCENARIO, without publishing anything: what alerts are due, where and when."""
    duration = None if seconds is None else timedelta(seconds=seconds)
    truth = truth_of(load(name).with_(bikes=bikes, sensors=sensors, seed=seed, duration=duration))
    if output is None:
        click.echo(json.dumps(truth.to_dict(), indent=2))
    else:
        write_truth(truth, output)


def write_truth(truth: Truth, path: Path) -> None:
    """Write the file; ScenarioError says why it cannot be written."""
    try:
        path.write_text(json.dumps(truth.to_dict(), indent=2) + "\n")
    except OSError as error:
        raise ScenarioError(f"cannot write the truth to {path}: {error.strerror or error}") from None


def explained(scenario: Scenario) -> list[str]:
    """Return what is known of a scenario without running it, a line each."""
    city, works = pudong_city(), scenario.calendar.works(scenario.start.date())
    places: Ints = (city.kind[:, None] == range(len(KINDS))).sum(axis=0)
    tables = scenario.scene().sensors
    kinds = ", ".join(f"{len(table)} {table.kind}" for table in tables)
    rate = sum(table.readings_per_s for table in tables)
    day = "working day" if works else "day off"
    calls = "the usual number" if scenario.requests == 1 else f"{scenario.requests:g} times the usual number"
    by_operator = ", ".join(
        f"{n:,} {name}" for name, n in bikes_of(scenario.operators, scenario.bikes).items()
    )
    lines = [
        f"{scenario.name}: {scenario.summary}",
        f"  city      {city.name}: {places[METRO]} metro stations, {places[OFFICE]} work places, "
        f"{places[3]} places of leisure, {len(DISTRICTS)} districts",
        f"  starts    {scenario.start:%A %Y-%m-%d %H:%M} UTC+8 (event time), a {day}",
        f"  lasts     {scenario.duration} of event time",
        f"  bikes     {scenario.bikes:,} ({by_operator})   seed {scenario.seed}",
        f"  sensors   {kinds}, {rate:.1f} readings/s of event time",
        f"  requests  {calls}",
    ]
    for event in sorted(scenario.events, key=lambda one: one.begins_s):
        first, last = (scenario.start + timedelta(seconds=s) for s in (event.begins_s, event.ends_s))
        lines.append(f"  happens   {first:%H:%M} to {last:%H:%M}, {event.where}: {event.explain()}")
    if not scenario.events:
        lines.append("  happens   nothing but an ordinary day")
    if scenario.faults:
        lines.append(f"  faults    {scenario.faults}")
    due = [f"{event.expects} ({event.key}, {event.where})" for event in scenario.events if event.expects]
    lines += [f"  due       {one}" for one in due] or ["  due       nothing: no alert is due"]
    return lines


def told(truth: Truth) -> list[str]:
    """Return the truth for people: all that is due, and how much is tolerated."""
    raw: dict[str, Any] = truth.to_dict()
    lines = [f"truth from {iso(truth.begin_ms)} to {iso(truth.end_ms)}:"]
    for one in raw["due"]:
        about = one.get("subject") or ", ".join(one["cells"])
        lines.append(
            f"  due       {one['from'][:19]}Z to {one['to'][:19]}Z  {one['kind']} {about}: {one['why']}"
        )
    if not raw["due"]:
        lines.append("  due       nothing: no alert is due")
    lines.append(
        f"  may       {len(raw['may'])} more places and times where an alert is neither asked for nor false"
    )
    return lines
