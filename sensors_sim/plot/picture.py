"""The whole picture: the map on the left, bikes on the right, sensors below."""

from io import BytesIO
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from sensors_sim.plot import bikes, city_map, sensors
from sensors_sim.plot.day import Day
from sensors_sim.plot.palette import INK, QUIET
from sensors_sim.whole_file import write_whole
from sensors_sim.zones import span

_ACROSS = 5


def save(day: Day, path: Path, dpi: int) -> None:
    """Write the picture; the name's ending says in which form (png, svg, pdf). Raises OSError."""
    figure = _figure(day)
    FigureCanvasAgg(figure)
    # Drawn in memory: on a full disk matplotlib leaves half a picture, and of a PDF it raises an AttributeError.
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix.removeprefix("."), dpi=dpi, facecolor="white")
    write_whole(path, drawn.getvalue())


def _figure(day: Day) -> Figure:
    kinds = sensors.kinds(day)
    rows = -(-len(kinds) // _ACROSS)
    upper, lower = 9.4, 2.6 * rows
    figure = Figure(figsize=(16, upper + lower + 0.8))
    outer = figure.add_gridspec(
        2,
        1,
        height_ratios=(upper, max(lower, 0.1)),
        hspace=0.14,
        left=0.03,
        right=0.975,
        top=0.915,
        bottom=0.03,
    )
    upper_half = outer[0].subgridspec(1, 2, width_ratios=(1.12, 1), wspace=0.09)
    city_map.draw(figure.add_subplot(upper_half[0]), day)
    panels = (bikes.draw_states, bikes.draw_trips, bikes.draw_standing, bikes.draw_fullest)
    column = upper_half[1].subgridspec(len(panels), 1, hspace=0.42)
    for number, draw in enumerate(panels):
        draw(figure.add_subplot(column[number]), day)
    grid = outer[1].subgridspec(max(rows, 1), _ACROSS, hspace=0.42, wspace=0.32)
    for number, kind in enumerate(kinds):
        sensors.draw(figure.add_subplot(grid[divmod(number, _ACROSS)]), day, kind)
    _head(figure, day)
    return figure


def _head(figure: Figure, day: Day) -> None:
    scenario = day.scenario
    begin, end = scenario.local(), scenario.local(scenario.duration.total_seconds())
    figure.text(0.03, 0.972, scenario.name, fontsize=19, fontweight="bold", color=INK)
    figure.text(0.03, 0.952, scenario.summary, fontsize=10.5, color=QUIET)
    figure.text(
        0.98,
        0.972,
        f"{day.city.name}, {begin:%A %Y-%m-%d} {span(begin, end)}",
        fontsize=10.5,
        color=INK,
        ha="right",
    )
    figure.text(
        0.98, 0.952, f"{scenario.bikes:,} bikes, seed {scenario.seed}", fontsize=10.5, color=QUIET, ha="right"
    )
