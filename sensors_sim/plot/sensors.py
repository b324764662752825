"""Small panels about sensors: one a kind, the means of its metrics over time."""

import numpy as np
from matplotlib.axes import Axes

from schemas.metrics import METRICS
from sensors_sim.plot.day import MINUTE_MS, Day
from sensors_sim.plot.palette import AMBER, BLUE, QUIET, TEAL, VIOLET, dress, hours, times
from sensors_sim.rhythm import local
from sensors_sim.sensors.world import SHARES

SHOWN = {
    "weather": ("temperature", "rain"),
    "traffic": ("flow", "speed"),
    "air": ("pm25", "no2", "o3"),
    "street_light": ("brightness",),
    "parking": ("free_spaces",),
}
"""Metrics that say most about their kind, of at most two units; of other kinds the first two."""

_COLOURS = (BLUE, AMBER, TEAL, VIOLET)
_UNITS = {"ug/m3": "µg/m³", "Cel": "°C", "1": "", "/h": "an hour"}


def kinds(day: Day) -> tuple[str, ...]:
    """Return the kinds of sensors that have said something, in the order of the world."""
    said = set(day.kinds.values())
    return tuple(kind for kind in SHARES if kind in said)


def draw(axes: Axes, day: Day, kind: str) -> None:
    """Draw the means over all sensors of a kind; a second unit has its axis on the right."""
    measured = [metric for metric in day.metrics if day.kinds[metric] == kind]
    metrics = [metric for metric in SHOWN.get(kind, measured[:2]) if metric in measured]
    begin = int(day.ts[0]) - MINUTE_MS
    first = METRICS[metrics[0]].unit
    other = axes.twinx() if any(METRICS[metric].unit != first for metric in metrics) else None
    lines = []
    for metric, colour in zip(metrics, _COLOURS, strict=False):
        value = day.metrics[metric]
        known = np.flatnonzero(~np.isnan(value))
        at = begin + known * day.slot_ms + day.slot_ms // 2
        unit = METRICS[metric].unit
        on = axes if other is None or unit == first else other
        label = f"{metric.replace('_', ' ')} {_UNITS.get(unit, unit)}"
        lines += on.plot(times(at), value[known], color=colour, linewidth=1.6, label=label)
        on.margins(y=0.12)
        if known.size and np.ptp(value[known]) == 0:
            on.set_ylim(0, 2 * abs(float(value[known[0]])) or 1.0)
        on.tick_params(axis="y", labelcolor=colour if other is not None else QUIET)
    if other is not None:
        dress(other, "")
        other.grid(visible=False)
        other.tick_params(axis="y", labelcolor=lines[-1].get_color())
    dress(axes, kind.replace("_", " "), pad=17)
    if other is not None:
        axes.tick_params(axis="y", labelcolor=lines[0].get_color())
    zone = day.city.zone
    hours(axes, local(begin, zone), local(int(day.ts[-1]), zone), most=5)
    axes.legend(handles=lines, fontsize=7.5, frameon=False, loc="lower left", bbox_to_anchor=(0.0, 1.0),
                labelcolor=QUIET, handlelength=1.0, borderaxespad=0, ncols=len(lines), columnspacing=1.0)  # fmt: skip
