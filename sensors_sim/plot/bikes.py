"""Panels about bikes: on trips, trips by hour, standing by kind of place, the fullest cell."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import date2num

from schemas.vehicles import VEHICLE_STATES
from sensors_sim.city import KINDS
from sensors_sim.plot.day import HOUR_MS, MINUTE_MS, Day
from sensors_sim.plot.palette import AMBER, BLUE, GREY, OF_PLACE, QUIET, RED, VIOLET, dress, hours, times
from sensors_sim.rhythm import local
from sensors_sim.truth.saturation import CAPACITY

_SHOWN = (
    ("on_trip", "on a trip", BLUE),
    ("reserved", "reserved", AMBER),
    ("non_operational", "out of service", GREY),
    ("non_contactable", "silent", VIOLET),
    ("removed", "on a lorry", RED),
)


def draw_states(axes: Axes, day: Day) -> None:
    """Bikes that do not stand ready, one above the other."""
    shown = [(day.states[:, VEHICLE_STATES.index(state)], label, colour) for state, label, colour in _SHOWN]
    shown = [one for one in shown if one[0].any()]
    if shown:
        series, labels, colours = zip(*shown, strict=True)
        axes.stackplot(times(day.ts), *series, labels=labels, colors=colours, linewidth=0, alpha=0.9)
    _room_above(axes)
    dress(axes, "Bikes that cannot be taken", f"of {day.scenario.bikes:,}; the others are available")
    if shown:
        _legend(axes)
    _span(axes, day)


def draw_trips(axes: Axes, day: Day) -> None:
    """Trips that start, by the hour of the clock (a quarter of an hour in a short scenario)."""
    width = day.slot_ms
    begin = day.ts - MINUTE_MS
    slot = (begin - begin[0] // width * width) // width
    starts = np.bincount(slot, day.starts)
    left = begin[0] // width * width + np.arange(len(starts)) * width
    name = "hour" if width == HOUR_MS else "quarter of an hour"
    days = date2num(times(left))  # type: ignore[no-untyped-call] # as matplotlib counts them
    axes.bar(days, starts, 0.88 * width / (24 * HOUR_MS), align="edge", color=BLUE, alpha=0.9)
    a_bike = day.starts.sum() / day.scenario.bikes
    dress(axes, f"Trips that start in each {name}", f"{day.starts.sum():,} in all, {a_bike:.1f} a bike")
    _span(axes, day)


def draw_standing(axes: Axes, day: Day) -> None:
    """Standing bikes by kind of place, against their mean: the tide between homes, metro and offices."""
    for kind, name in enumerate(KINDS):
        mean = day.standing[:, kind].mean()
        label = f"{name} ({mean:,.0f})"
        axes.plot(
            times(day.ts), day.standing[:, kind] - mean, color=OF_PLACE[name], linewidth=1.6, label=label
        )
    axes.axhline(0, color=QUIET, linewidth=0.7)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:+,.0f}" if value else "mean")
    _room_above(axes)
    dress(axes, "Bikes standing at each kind of place, against the mean")
    _legend(axes)
    _span(axes, day)


def draw_fullest(axes: Axes, day: Day) -> None:
    """The fullest cell of each minute against what a cell has room for; when an alert is due, it is shaded."""
    for first, last in day.due:
        begin, end = times(np.array([first, last]))
        axes.axvspan(begin, end, color=AMBER, alpha=0.12, linewidth=0)
    axes.plot(times(day.ts), day.fullest, color=RED, linewidth=1.6)
    axes.axhline(CAPACITY, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.annotate(f"room for {CAPACITY}", (1, CAPACITY), xycoords=("axes fraction", "data"), xytext=(-2, 3),
                  textcoords="offset points", ha="right", fontsize=8, color=QUIET)  # fmt: skip
    axes.set_ylim(0, max(CAPACITY * 1.4, day.fullest.max() * 1.1))
    dress(axes, "Bikes in the fullest cell", "shaded: an alert is due" if day.due else "no alert is due")
    _span(axes, day)


def _room_above(axes: Axes) -> None:
    """Leave room for the legend."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.22 * (high - low))


def _span(axes: Axes, day: Day) -> None:
    zone = day.city.zone
    hours(axes, local(int(day.ts[0]) - MINUTE_MS, zone), local(int(day.ts[-1]), zone))


def _legend(axes: Axes) -> None:
    axes.legend(fontsize=8, frameon=False, ncols=5, loc="upper right", labelcolor=QUIET, handlelength=1.2,
                borderaxespad=0, bbox_to_anchor=(1.0, 1.02))  # fmt: skip
