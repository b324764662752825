"""The results for people: one row a contestant, one row a promise, latency and sizing."""

from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from tests.bench.latency_hops import HOPS
from tests.bench.summary import MACHINE_BY, SLOWER, Entry, Results, change, change_of_code, core_rate
from tests.bench.targets import TARGETS

PEERS = ("bytewax", "pathway", "quix")
PEERS_ROWS = tuple(f"{name}_rows" for name in PEERS)
BASELINES = (
    *("floor", "floor_rows", "floor_adversarial", "vanilla_faust", "bare_paho", "raw_copy"),
    *(PEERS + PEERS_ROWS),
)
_COMPARED = {
    "fleet": ("floor", "vanilla_faust", *PEERS),
    "fleet_rows": ("floor_rows", *PEERS_ROWS),
    "fleet_adversarial": ("floor_adversarial",),
    "gateway_single": ("bare_paho",),
    "gateway_two": ("gateway_single",),
    "gateway_two_paced": ("gateway_paced",),
    "store": ("raw_copy",),
}
_SIZING_RATES = (10_000, 100_000, 1_000_000)
_BUSY = 0.7
"""A process is planned to be busy for so much of its time."""


def render(results: Results, baseline: Results) -> Group:
    """Return all tables that the results have figures for."""
    found = [contestants(results, baseline), promises(results)]
    if "scaling" in results:
        found.append(scaling(results["scaling"]))
    if "latency" in results:
        found.append(latency(results["latency"]))
    if {"fleet", "gateway_single", "gateway_array"} <= results.keys():
        found.append(sizing(results))
    return Group(*found)


def contestants(results: Results, baseline: Results) -> Table:
    """Return a row for each contestant; ratios are times the baseline, by the wall clock and a core.

    Since the last committed figures, what the code costs more: what the machine does is told once, beside the floor.
    """
    table = Table(
        title="Medians; CPU seconds are user + system of the measured processes", title_justify="left"
    )
    table.add_column("contestant")
    table.add_column("counts")
    for name in (
        "per second",
        "(least - most)",
        "CPU s / million",
        "a core",
        "times",
        "since baseline",
        "checked",
    ):
        table.add_column(name, justify="right", no_wrap=name == "times")
    for key, one in results.items():
        table.add_row(
            key,
            one["unit"],
            f"{one['readings_per_s']:,.0f}",
            f"{one['min']['readings_per_s']:,.0f} - {one['max']['readings_per_s']:,.0f}"
            if one["runs"] > 1
            else "",
            f"{one['cpu_s_per_million']:.3g}",
            f"{core_rate(one):,.0f}",
            _ratios(results, key),
            _change(results, baseline, key),
            _checked(one),
            style="dim" if key in BASELINES else "",
        )
    return table


def _ratios(results: Results, key: str) -> str:
    lines = []
    for other in _COMPARED.get(key, ()):
        if other in results:
            rate = results[key]["readings_per_s"] / results[other]["readings_per_s"]
            core = core_rate(results[key]) / core_rate(results[other])
            lines.append(f"{rate:.3g} x {other} ({core:.3g} a core)")
    return "\n".join(lines)


def _change(results: Results, baseline: Results, key: str) -> Text:
    factor = change_of_code(results, baseline, key)
    if factor is None:
        return Text("new")
    if key == MACHINE_BY:
        return Text(f"machine {_percent(change(results, baseline, key) or 1)}")
    text = _percent(factor)
    if factor > SLOWER:
        return Text(f"{text} DEARER", style="bold red")
    return Text(text, style="green" if factor < 1 / SLOWER else "")


def _percent(factor: float) -> str:
    return f"{round(factor - 1, 2) + 0:+.0%}"  # + 0: never "-0%"


def _checked(one: Entry) -> Text:
    if "compared" not in one:
        return Text("")
    if one["wrong"]:
        return Text(f"{one['wrong']:,.0f} of {one['compared']:,.0f} WRONG", style="bold red")
    return Text(f"{one['compared']:,.0f} equal")


def promises(results: Results) -> Table:
    """Return a row for each promise that was measured."""
    table = Table(title="What must be true", title_justify="left")
    table.add_column("promise")
    for name in ("measured", "must be", ""):
        table.add_column(name, justify="right")
    for target in TARGETS:
        checked = target.check(results)
        if checked is not None:
            value, kept = checked
            sign = "<=" if target.at_most else ">="
            verdict = Text("kept", style="green") if kept else Text("NOT YET", style="bold yellow")
            table.add_row(target.text, f"{_figure(value)}", f"{sign} {_figure(target.bound)}", verdict)
    return table


def scaling(one: Entry) -> Table:
    """Return a row for each number of workers and size of fleet: medians of laps."""
    table = Table(title="Scaling of the fleet stage, every vehicle known", title_justify="left")
    for name in (
        "workers",
        "vehicles",
        "readings/s",
        "CPU s / million",
        "(least - most)",
        "fold alone",
        "peak RSS MB a worker",
    ):
        table.add_column(name, justify="right")
    for point in one["points"]:
        laps = point["laps_cpu_s_per_million"]
        table.add_row(
            f"{point['workers']}",
            f"{point['vehicles']:,}",
            f"{point['readings_per_s']:,.0f}",
            f"{point['cpu_s_per_million']:.3g}",
            f"{min(laps):.3g} - {max(laps):.3g}",
            f"{point['fold_cpu_s_per_million']:.3g}",
            f"{point['peak_rss_mb']:,.0f}",
        )
    return table


def latency(one: Entry) -> Table:
    """Return milliseconds: p50 / p95 / p99 / longest of alerts and rows, and p50 / p95 of each hop of an alert."""
    table = Table(title="Latency in ms: p50 / p95 / p99 / longest, of hops p50 / p95", title_justify="left")
    for name in ("", "alert", "row", *HOPS, "cores busy"):
        table.add_column(name, justify="right" if name else "left")
    for rate, found in one["by_rate"].items():
        table.add_row(f"{int(rate):,} readings/s", *_times(found))
    for wait, found in one["by_fetch_wait_ms"].items():
        table.add_row(f"  fetch wait {wait} ms", *_times(found))
    return table


def _times(found: dict[str, Any]) -> list[str]:
    ends = [_percentiles(found[name], ("p50", "p95", "p99", "max")) for name in ("alert_ms", "row_ms")]
    between = [_percentiles(found["hops_ms"][hop], ("p50", "p95")) for hop in HOPS]
    return [*ends, *between, f"{found['cpu_s_per_million'] * found['readings_per_s'] / 1e6:.2f}"]


def _percentiles(found: dict[str, Any], names: tuple[str, ...]) -> str:
    if found["p50"] is None:
        return ""
    return " / ".join(f"{found[name]:.0f}" for name in names)


def sizing(results: Results) -> Table:
    """Return how many cores' time each part takes at a rate, and how many processes that is."""
    table = Table(title=f"Sizing: cores busy (processes at {_BUSY:.0%} of a core)", title_justify="left")
    table.add_column("readings/s")
    parts = ("gateway_single", "gateway_array", "fleet")
    for key in parts:
        table.add_column(key, justify="right")
    for rate in _SIZING_RATES:
        busy = [rate * results[key]["cpu_s_per_million"] / 1e6 for key in parts]
        table.add_row(f"{rate:,}", *[f"{cores:.2g} ({-(-cores // _BUSY):.0f})" for cores in busy])
    return table


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def show(results: Results, baseline: Results) -> None:
    """Print the tables."""
    Console(width=None if Console().is_terminal else 150).print(render(results, baseline))
