"""`urbanbrain sim plot`: lives through a scenario without publishing it, and draws it."""

from datetime import timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from sensors_sim.errors import PlotError
from sensors_sim.numbers import Whole
from sensors_sim.scenario import MOST_BIKES, MOST_SECONDS, MOST_SEED, load
from sensors_sim.scenario_commands import check_writable

FORMS = (".png", ".svg", ".pdf")


@click.command()
@click.argument("name", metavar="SCENARIO")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    required=True,
    help="File to write: .png, .svg or .pdf.",
)
@click.option("--bikes", type=Whole(1, MOST_BIKES), help="Number of bikes (default: the scenario's).")
@click.option("--seed", type=Whole(0, MOST_SEED), help="Seed (default: the scenario's).")
@click.option(
    "--for",
    "seconds",
    type=Whole(60, MOST_SECONDS),
    help="Seconds of event time (default: the scenario's duration).",
)
@click.option(
    "--dpi", type=Whole(40, 400), default=110, show_default=True, help="Resolution in dots per inch."
)
def plot(name: str, output: Path, bikes: int | None, seed: int | None, seconds: int | None, dpi: int) -> None:
    """Plot the day of a SCENARIO, without publishing it.

    Draws bikes over time, a map of cells at the peak, trips and sensors by hour. SCENARIO is a name from `sim list` or
    a TOML file.
    """
    if output.suffix not in FORMS:
        raise PlotError(f"{output}: the name must end in one of {', '.join(FORMS)}")
    try:
        from sensors_sim.plot.picture import save  # noqa: PLC0415 - matplotlib is an extra
    except ModuleNotFoundError as error:
        raise PlotError(f"{error}; pip install 'urbanbrain[plot]' installs what plots need") from None
    from sensors_sim.plot.day import live  # noqa: PLC0415

    check_writable(output, "the picture")  # a day takes a minute or two
    duration = None if seconds is None else timedelta(seconds=seconds)
    scenario = load(name).with_(bikes=bikes, seed=seed, duration=duration)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"simulating {scenario.duration} of {scenario.name}", total=1.0)
        day = live(scenario, lambda done: progress.update(task, completed=done))
    try:
        save(day, output, dpi)
    except OSError as error:
        raise PlotError(
            f"cannot write the picture to {output}: {error.strerror or error}; name a file on a disk with room"
        ) from None
    click.echo(
        f"{output}: {day.starts.sum():,} trips, {len(day.cells):,} cells with bikes at the peak", err=True
    )
