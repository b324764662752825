"""`urbanbrain policy` of a file of thresholds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from rich.table import Table

from schemas.alerts import Alert
from schemas.metrics import METRICS
from streams.commands import listed
from streams.commands.through_time import through_time
from streams.errors import PolicyError
from streams.files.policy import load_policy, read_policy, zones_without
from streams.files.thresholds import read_thresholds
from streams.grid import locate
from streams.incidents.lifecycle import Place
from streams.incidents.thresholds.backtest import Measured, backtest
from streams.incidents.thresholds.rules import Threshold
from streams.settings import Settings
from streams.terminal import Terminal
from streams.times import to_minute, to_ms

THRESHOLDS = ".toml"
"""What such a file ends with."""


def check_thresholds(settings: Settings, file: Path) -> None:
    """Show what a file says; PolicyError where a worker would refuse it."""
    thresholds = read_thresholds(file)
    table = Table("threshold", "version", "of a window", "bounds", "ends", "after", "zones")
    for one in thresholds:
        table.add_row(one.name, one.version, f"{one.figure} {one.metric}", *_figures(one))
    console = Terminal(highlight=False, markup=False, soft_wrap=True)
    listed.show(table)
    policy, _ = read_policy(settings, settings.policy_file)
    for text in zones_without(replace(policy, thresholds=thresholds)):
        console.print(f"note   {text}")
    console.print(f"{file.name} is valid")


def _figures(one: Threshold) -> tuple[str, ...]:
    unit = METRICS[one.metric].unit
    unit = "" if unit == "1" else f" {unit}"
    relation, back = ("at most", "above") if one.at_most else ("at least", "below")
    margin = one.hysteresis if one.at_most else -one.hysteresis
    return (
        f"{relation} {', '.join(f'{limit:g} ({severity})' for severity, limit in one.bounds)}{unit}",
        f"{back} {one.bounds[0][1] + margin:g}",
        f"{one.min_duration_ms / 1000:g} s",
        ", ".join(one.zones) or "everywhere",
    )


def backtest_thresholds(
    settings: Settings, file: Path, begin: datetime, end: datetime | None, *, as_json: bool
) -> Iterator[Alert]:
    """Yield the events of the alerts that thresholds would have raised on stored windows; say what is not judged."""
    from streams.store import queries, standing  # noqa: PLC0415

    thresholds = read_thresholds(file)
    metrics = sorted({one.metric for one in thresholds})
    console = Terminal(highlight=False, markup=False, soft_wrap=True, stderr=as_json)
    policy = load_policy(settings)

    def place(cell: str) -> Place:
        lat, lon = locate.centre(locate.from_hex(cell))
        return Place(lat, lon, policy.rule_at(lat, lon).zone)

    with queries.connect(settings.database_url.get_secret_value()) as connection:
        span = standing.metrics_span(connection, metrics)
        if span is None:
            raise PolicyError(
                f"there are no stored windows of {', '.join(metrics)} to evaluate; let sensors report, or name another "
                "UB_DATABASE_URL"
            )
        oldest, newest = to_minute(span[0]), to_minute(span[1])
        if begin >= span[1] or (end is not None and end <= span[0]):
            raise PolicyError(
                f"no windows of {', '.join(metrics)} there: they reach from {oldest} to {newest} (UTC); "
                "give times within"
            )
        if begin < span[0]:
            console.print(f"no windows before {oldest} (UTC): nothing is evaluated up to then")
        if end is not None and end > span[1]:
            console.print(f"no windows after {newest} (UTC): nothing is evaluated from then on")
        first, last = max(begin, span[0]), min(end or span[1], span[1])
        rows = map(_measured, standing.measured_between(connection, metrics, first, last))
        shown = through_time(rows, lambda row: row.start, to_ms(first), to_ms(last), Terminal(stderr=True))
        yield from backtest(thresholds, place, shown)


def _measured(row: tuple[datetime, int, str, str, str, str, float, float, float]) -> Measured:
    start, seconds, region, cell, metric, unit, mean, least, most = row
    return Measured(to_ms(start), seconds * 1000, region, cell, metric, unit, mean, least, most)
