"""Colours and manners that all panels share."""

from datetime import datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import DateFormatter, HourLocator, MinuteLocator
from matplotlib.ticker import Locator, MaxNLocator

from sensors_sim.batch import Ints
from sensors_sim.rhythm import local

INK, QUIET, GRID = "#22313a", "#6f7d86", "#e4e9ec"
BLUE, TEAL, AMBER, RED, VIOLET, GREY = "#2a6f97", "#3a9d8f", "#e09f3e", "#c8433a", "#7a5c9e", "#9aa6ad"
OF_PLACE = {"home": TEAL, "metro": RED, "office": BLUE, "leisure": AMBER}


def times(ts: Ints) -> "np.ndarray[tuple[int], np.dtype[np.object_]]":
    """Return local times for an axis."""
    found = np.empty(len(ts), dtype=object)
    found[:] = [local(one) for one in ts.tolist()]
    return found


_STEPS_MIN = (1, 5, 10, 15, 30, 60, 120, 180, 360, 720)


def dress(axes: Axes, title: str, unit: str = "", pad: float = 6) -> None:
    """Give a panel its title, its unit beside it, and a light grid."""
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK, pad=pad)
    if unit:
        axes.set_title(unit, loc="right", fontsize=8, color=QUIET, pad=pad)
    axes.grid(axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.tick_params(colors=QUIET, labelsize=8, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GREY)


def hours(axes: Axes, first: datetime, last: datetime, most: int = 9) -> None:
    """Let the axis of time show local hours from `first` to `last`, at most some `most` of them."""
    axes.set_xlim(first, last)  # type: ignore[arg-type] # datetimes are converted
    minutes = (last - first).total_seconds() / 60
    every = next((step for step in _STEPS_MIN if minutes / step <= most), _STEPS_MIN[-1])
    locator: Locator
    if every < 60:
        locator = MinuteLocator(range(0, 60, every), tz=first.tzinfo)  # type: ignore[no-untyped-call]
    else:
        locator = HourLocator(range(0, 24, every // 60), tz=first.tzinfo)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=first.tzinfo))  # type: ignore[no-untyped-call]
