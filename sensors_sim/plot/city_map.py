"""The map: H3 cells at the peak, coloured by what stands in them; stations and work places."""

from math import cos, radians

import h3
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.patheffects import withStroke

from sensors_sim.cells import RESOLUTION, cells_around
from sensors_sim.city import METRO, OFFICE, City
from sensors_sim.plot.day import Day
from sensors_sim.plot.palette import GREY, INK, QUIET
from sensors_sim.rhythm import local
from sensors_sim.truth.saturation import CAPACITY

NAMED = 8
"""Stations with their name: those whose surroundings hold most, where their names do not meet."""
NAME_LONG_M, NAME_HIGH_M = 8_000.0, 1_100.0

HEAT = LinearSegmentedColormap.from_list(
    "heat", ["#eaf2f1", "#bfe0d6", "#8cc5b5", "#f2c572", "#e2803f", "#c0322e", "#6d1130"]
)


def draw(axes: Axes, day: Day) -> None:
    """Draw the map."""
    cells = list(day.cells)
    counts = np.array(list(day.cells.values()))
    shapes = [[(lon, lat) for lat, lon in h3.cell_to_boundary(cell)] for cell in cells]
    full = counts >= CAPACITY
    edge = ["#3b0a1c" if one else "white" for one in full]
    painted = PolyCollection(
        shapes,
        array=counts,
        cmap=HEAT,
        norm=PowerNorm(0.6, 0, CAPACITY),
        edgecolors=edge,
        linewidths=np.where(full, 0.9, 0.15),
    )
    _outline(axes, day.city)
    axes.add_collection(painted)
    _places(axes, day)
    axes.set_aspect(1 / cos(radians(day.city.plane.lat0)))
    axes.autoscale_view()
    axes.set_axis_off()
    axes.set_title(
        f"Bikes standing in each cell at {local(int(day.ts[day.peak]), day.city.zone):%H:%M}",
        loc="left",
        y=1.0,  # else it would give way to the bar
        fontsize=12,
        fontweight="bold",
        color=INK,
    )
    within = axes.inset_axes((0.62, 1.005, 0.36, 0.016))  # above the map, which may fill its corner
    bar = axes.figure.colorbar(painted, cax=within, orientation="horizontal", extend="max")
    bar.outline.set_visible(False)
    bar.ax.tick_params(colors=QUIET, labelsize=8, length=0)
    bar.ax.set_title("bikes in a cell", loc="left", fontsize=8, color=QUIET)
    axes.text(
        0.0,
        0.0,
        f"H3 resolution {RESOLUTION} · {len(cells):,} cells with bikes · fullest {counts.max(initial=0)}"
        f" · {int(full.sum())} with {CAPACITY} or more (outlined)\n● metro station   ■ work places",
        transform=axes.transAxes,
        fontsize=8,
        color=QUIET,
        va="top",
    )


def _outline(axes: Axes, city: City) -> None:
    x, y = np.array(city.outline).T
    lat, lon = city.plane.latlon(x, y)
    axes.fill(lon, lat, facecolor="#f6f8f8", edgecolor=GREY, linewidth=0.8, zorder=0)


def _places(axes: Axes, day: Day) -> None:
    city = day.city
    lat, lon = city.plane.latlon(city.x, city.y)
    for kind, marker, size in ((OFFICE, "s", 9), (METRO, "o", 13)):
        here = city.kind == kind
        axes.scatter(
            lon[here],
            lat[here],
            size,
            marker=marker,
            facecolor="white",
            edgecolor=INK,
            linewidth=0.8,
            zorder=3,
        )
    for place in _busiest(day):
        axes.annotate(
            city.names[place],
            (lon[place], lat[place]),
            xytext=(5, 3),
            textcoords="offset points",
            fontsize=7.5,
            color=INK,
            zorder=4,
            path_effects=[withStroke(linewidth=2.2, foreground="white")],
        )


def _busiest(day: Day) -> list[int]:
    """Return the stations around which most bikes stand, none over the name of another."""
    city = day.city
    lat, lon = city.plane.latlon(city.x, city.y)

    def around(place: int) -> int:
        return sum(day.cells.get(cell, 0) for cell in cells_around(lat[place], lon[place], 1))

    chosen: list[int] = []
    for place in sorted(np.flatnonzero(city.kind == METRO).tolist(), key=around, reverse=True):
        if all(
            abs(city.y[place] - city.y[other]) > NAME_HIGH_M
            or abs(city.x[place] - city.x[other]) > NAME_LONG_M
            for other in chosen
        ):
            chosen.append(place)
    return chosen[:NAMED]
