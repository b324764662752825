"""The results as a picture: what a core does, next to the baselines; and the latency histograms."""

from pathlib import Path

import matplotlib as mpl

from tests.bench.summary import Results, core_rate
from tests.bench.tables import BASELINES

mpl.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

_OURS, _THEIRS, _SECOND = "#1f6f8b", "#b8b8b8", "#e07a3f"
_LEFT_OUT = ("latency", "scaling", "memory", "restore", "simulator_large")
_BY_THE_CLOCK = ("told", "store", "raw_copy")
"""PostgreSQL or the broker does much of their work, and its CPU time is not counted."""


def draw(results: Results, path: Path) -> None:
    """Write a PNG."""
    shown = [key for key in results if key not in _LEFT_OUT]
    latency = results.get("latency", {}).get("by_rate", {})
    figure, axes = pyplot.subplots(
        1, 1 + bool(latency), figsize=(15 if latency else 9, 1.5 + 0.42 * max(8, len(shown))), squeeze=False
    )
    _bars(axes[0][0], results, shown)
    if latency:
        _histograms(axes[0][1], results)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _bars(axes: Axes, results: Results, shown: list[str]) -> None:
    clock = {key: " by the clock" if key in _BY_THE_CLOCK else "" for key in shown}
    rates = [results[key]["readings_per_s"] if clock[key] else core_rate(results[key]) for key in shown]
    colours = [_THEIRS if key in BASELINES else _OURS for key in shown]
    bars = axes.barh([f"{key} ({results[key]['unit']}{clock[key]})" for key in shown], rates, color=colours)
    axes.bar_label(bars, [f" {rate:,.0f}" for rate in rates])
    axes.set_xscale("log")
    axes.set_xlim(min(rates, default=1) / 2, max(rates, default=1) * 8)
    axes.set_xlabel("per second of one core (log scale); grey: baselines of the same run")
    axes.invert_yaxis()


def _histograms(axes: Axes, results: Results) -> None:
    found = results["latency"]
    labels = [f"{ms}" for ms in found["buckets_ms"]] + ["more"]
    width = 0.8 / (2 * len(found["by_rate"]))
    for number, (rate, one) in enumerate(found["by_rate"].items()):
        for kind, (name, colour) in enumerate((("alert", _OURS), ("row", _SECOND))):
            at = [index + (2 * number + kind) * width for index in range(len(labels))]
            text = f"{name} at {int(rate):,}/s: p50 {one[f'{name}_ms']['p50'] or 0:.0f} ms"
            histogram = one[f"{name}_ms"].get("histogram", [0] * len(labels))
            axes.bar(at, histogram, width, label=text, color=colour, alpha=1 - 0.45 * number)
    axes.set_xticks(range(len(labels)), labels, rotation=60)
    axes.set_xlabel("ms from MQTT in, up to")
    axes.set_ylabel("probes")
    axes.legend()
