"""`urbanbrain sim list`, `cities`, `show`, `truth`: what there is, what happens in a scenario, which alerts are due."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from sensors_sim.batch import Ints
from sensors_sim.bikes import bikes_of
from sensors_sim.city import KINDS, LEISURE, METRO, OFFICE, City, city_names, shipped_city
from sensors_sim.errors import ScenarioError
from sensors_sim.events.contract import Event
from sensors_sim.numbers import Whole
from sensors_sim.scenario import MOST_BIKES, MOST_SECONDS, MOST_SEED, Scenario, load, names, shipped
from sensors_sim.sensors.world import FEWEST_SENSORS, MOST_SENSORS
from sensors_sim.sources.simulated import POPULATIONS
from sensors_sim.truth.entry import Truth, Verdict, iso
from sensors_sim.truth.witness import truth_of
from sensors_sim.whole_file import write_whole
from sensors_sim.zones import named_offset, span

_DAY_S = 86_400


@click.command("list")
def list_command() -> None:
    """List the built-in scenarios, one line each."""
    scenarios = [shipped(name) for name in names()]
    width = max(len(one.name) for one in scenarios)
    of_city = max(len(one.city.name) for one in scenarios)
    for one in scenarios:
        click.echo(f"{one.name:{width}}  {one.city.name:{of_city}}  {one.summary}")


@click.command("cities")
def cities_command() -> None:
    """List the built-in cities, one line each.

    A scenario can also name a city file of your own.
    """
    for name in city_names():
        city = shipped_city(name)
        click.echo(
            f"{name:{max(map(len, city_names()))}}  {places_of(city)}; {city.zone}, {city.fleet:,} bikes"
        )


@click.command("show")
@click.argument("name", metavar="SCENARIO")
@click.option(
    "--truth", "with_truth", is_flag=True, help="Also compute which alerts are due, with cells and times."
)
def show_command(name: str, with_truth: bool) -> None:
    """Explain a SCENARIO: a name from `sim list`, or a file."""
    scenario = load(name)
    for line in explained(scenario):
        click.echo(line)
    if with_truth:
        for line in told(truth_of(scenario)):
            click.echo(line)


@click.command("truth")
@click.argument("name", metavar="SCENARIO")
@click.option("--bikes", type=Whole(1, MOST_BIKES), help="Number of bikes (default: the scenario's).")
@click.option(
    "--sensors",
    type=Whole(FEWEST_SENSORS, MOST_SENSORS),
    help="Number of sensors (default: the scenario's).",
)
@click.option("--seed", type=Whole(0, MOST_SEED), help="Seed (default: the scenario's).")
@click.option(
    "--for",
    "seconds",
    type=Whole(1, MOST_SECONDS),
    help="Seconds of event time (default: the scenario's duration).",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: stdout)."
)
def truth_command(
    name: str,
    bikes: int | None,
    sensors: int | None,
    seed: int | None,
    seconds: int | None,
    output: Path | None,
) -> None:
    """Compute which alerts of a SCENARIO are due.

    Prints where and when each is due, as JSON, and publishes nothing. SCENARIO is a name from `sim list` or a TOML
    file.
    """
    if output is not None:
        check_writable(output)
    duration = None if seconds is None else timedelta(seconds=seconds)
    truth = truth_of(load(name).with_(bikes=bikes, sensors=sensors, seed=seed, duration=duration))
    if output is None:
        click.echo(json.dumps(truth.to_dict(), indent=2))
    else:
        write_truth(truth, output)


def check_writable(path: Path, what: str = "the truth") -> None:
    """Raise ScenarioError if `what` cannot be written there; what is there stays as it is."""
    with _writing(path, what):
        file = path.resolve()  # a link may lead to a file that is not there yet, and stays
        was_there = file.exists()
        file.open("a").close()
        if not was_there:
            file.unlink()


def write_truth(truth: Truth, path: Path) -> None:
    """Write the file; ScenarioError says why it cannot be written."""
    with _writing(path, "the truth"):
        write_whole(path, (json.dumps(truth.to_dict(), indent=2) + "\n").encode())


@contextmanager
def _writing(path: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ScenarioError(
            f"cannot write {what} to {path}: {error.strerror or error}; name a file in a folder that is there "
            "and yours, on a disk with room"
        ) from None


def explained(scenario: Scenario) -> list[str]:
    """Return what is known of a scenario without running it, a line each."""
    city, works = scenario.city, scenario.calendar.works(scenario.start.date())
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
        f"  city      {places_of(city)}",
        f"  starts    {scenario.start:%A %Y-%m-%d %H:%M} {named_offset(scenario.local())} (event time), a {day}",
        f"  lasts     {scenario.duration} of event time",
        f"  bikes     {scenario.bikes:,} ({by_operator})   seed {scenario.seed}",
        f"  sensors   {kinds}, {rate:.1f} readings/s of event time",
        f"  requests  {calls}",
    ]
    for event in sorted(scenario.events, key=lambda one: one.begins_s):
        first, last = scenario.local(event.begins_s), scenario.local(event.ends_s)
        form = "%H:%M" if event.ends_s <= _DAY_S else "%Y-%m-%d %H:%M"  # later a clock's time comes again
        times = span(first, last, form, usual=named_offset(scenario.local()))
        lines.append(f"  happens   {times}, {event.where}: {event.explain()}")
    if not scenario.events:
        lines.append("  happens   nothing but an ordinary day")
    if scenario.faults:
        lines.append(f"  faults    {scenario.faults}")
    expected = [
        (_verdict(event, scenario), f"{event.expects} ({event.key}, {event.where})")
        for event in scenario.events
        if event.expects
    ]
    lines += [f"  due       {what}" for verdict, what in expected if verdict == "due"] or [
        "  due       nothing: no alert is due"
    ]
    lines += [
        f"  may       {what}: neither required nor false" for verdict, what in expected if verdict == "may"
    ]
    return lines


def _verdict(event: Event, scenario: Scenario) -> Verdict:
    """Return whether the alert that an event expects is due, or only tolerated, by what it says itself beforehand."""
    truth = Truth.of(
        scenario.name,
        scenario.seed,
        scenario.start_ms,
        scenario.end_ms,
        event.truth(scenario.scene()),
        POPULATIONS,
    )
    verdicts = {entry.verdict for entry in truth.entries if entry.kind == event.expects}
    return "may" if verdicts == {"may"} else "due"


def places_of(city: City) -> str:
    """Return the name of a city, and what there is in it."""
    places: Ints = (city.kind[:, None] == range(len(KINDS))).sum(axis=0)
    return (
        f"{city.name}: {places[METRO]} metro stations, {places[OFFICE]} work places, "
        f"{places[LEISURE]} places of leisure, {len(city.districts.names)} districts"
    )


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
