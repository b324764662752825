"""`urbanbrain policy`: look at a policy before it is live."""

import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.table import Table

from schemas import codec
from schemas.alerts import SEVERITIES, Alert
from streams import settings as settings_module
from streams.commands import listed
from streams.commands.thresholds import THRESHOLDS, backtest_thresholds, check_thresholds
from streams.commands.through_time import through_time
from streams.commands.values import Moment
from streams.counted import counted
from streams.errors import PolicyError
from streams.files.policy import city_of, read_policy
from streams.grid import locate
from streams.incidents.backtest import Silence, Standing, backtest, drafted, finding_gaps, over, why_not
from streams.incidents.counts.rules import CountPolicy
from streams.incidents.policy import Policy
from streams.incidents.policy_overview import lines
from streams.incidents.showing import Waiting
from streams.output import echo_json_text
from streams.printable import quoted
from streams.terminal import Terminal
from streams.times import to_minute, to_ms

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def policy() -> None:
    """Check a policy file, and backtest it on stored windows."""


@policy.command()
@FILE
def check(file: Path) -> None:
    """Check a policy FILE, and show which cells it applies to.

    FILE holds GeoJSON zones, MDS policies, GBFS geofencing zones or (.toml)
    thresholds of metrics.
    Cells and regions are those of the settings. Exit code 1 if a worker would refuse the file.
    """
    settings = settings_module.load()
    if file.suffix == THRESHOLDS:
        check_thresholds(settings, file)
        return
    read, findings = read_policy(settings, file)
    table = Table(
        *("policy", "version", "zone or rule", "bounds", "when", "counts"),
        *("cells", "cells of one before it"),
    )
    for line in lines(read, city_of(settings)):
        shared = ", ".join(f"{count} of {name}" for name, count in line.shared)
        table.add_row(
            line.policy, line.version, line.name, line.bounds, line.when, line.what, line.cells, shared
        )
    console = Terminal(highlight=False, soft_wrap=True)
    if table.row_count:
        listed.show(table)
    for text in findings.notes:
        console.print(f"note   {text}", markup=False)
    for text in findings.errors:
        console.print(f"error  {text}", markup=False)
    if findings.errors:
        sys.exit(1)
    console.print(f"{read.name} is valid; its hours are in time zone {settings.timezone}", markup=False)


_GAP_MS = 3_600_000
"""So long without a window of any vehicle is said: it looks like an outage."""


class _Reach(NamedTuple):
    """Ends of windows: the first and the last on file, and what is judged of them; and the length of windows."""

    first: datetime
    last: datetime
    since: datetime
    until: datetime
    length: timedelta


@policy.command("backtest")
@FILE
@click.option(
    "--from",
    "begin",
    type=Moment(back=True),
    required=True,
    help="Start: 2026-03-01 or 2026-03-01T07:30 (UTC unless it names a zone), or a duration before now (7d).",
)
@click.option(
    "--to",
    "end",
    type=Moment(back=True),
    help="End, in the same form.  [default: the end of the stored windows]",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line: each alert as of its last event."
)
def backtest_(file: Path, begin: datetime, end: datetime | None, as_json: bool) -> None:
    """List the alerts that a policy FILE would have raised.

    It is evaluated on the stored windows as if it had been in force all along, by the same code as live, but only at
    the end of each window; live evaluates more often. Thresholds (.toml) are evaluated on windows as they are stored,
    late readings included.
    """
    from streams.store import queries  # noqa: PLC0415

    if end is not None and end <= begin:
        raise click.UsageError(f"--to {_utc(end)} is not after --from {_utc(begin)}")

    settings = settings_module.load()
    if file.suffix == THRESHOLDS:
        _tell(_lives(backtest_thresholds(settings, file, begin, end, as_json=as_json)), as_json=as_json)
        return
    read, findings = read_policy(settings, file)
    findings.raise_errors()
    draft, not_judged = drafted(read)
    console = Terminal(highlight=False, markup=False, soft_wrap=True, stderr=as_json)
    for line in (*filter(None, [findings.noted]), *_not_judged(read, draft, not_judged)):
        console.print(line)
    with queries.connect(settings.database_url.get_secret_value()) as connection:
        gaps: list[tuple[int, int]] = []
        nearly: list[Waiting] = []
        reach = _reach(connection, begin, end)
        lateness = timedelta(seconds=settings.allowed_lateness_s)
        found = _lives(_events(connection, draft, reach, lateness, gaps, nearly))
    for line in (
        *_beyond(begin, end, reach),
        *_under_way(draft, reach, found),
        *_within(gaps),
        *_perhaps(nearly),
    ):
        console.print(line)
    _tell(found, as_json=as_json)


def _not_judged(read: Policy, draft: Policy, not_judged: Sequence[CountPolicy]) -> Iterator[str]:
    """Yield what stored windows do not say about the rules of a file, and which cells they say less well."""
    for counts in not_judged:
        yield f"not evaluated: policy {quoted(counts.name)}: {why_not(counts)}"
    for counts in over(read):
        yield (
            f"not evaluated: policy {quoted(counts.name)}: it has ended when the newest policy of the file begins; "
            "test it in a file without that one"
        )
    for counts in draft.counts:
        if edge := frozenset(cell for rule in counts.rules for cell in rule.edge):
            yield (
                f"by cell: policy {quoted(counts.name)}: windows store no positions, so in "
                f"{counted(len(edge), 'cell')} on the edge of its geographies the centre of the cell decides"
            )
    unknown = (
        (draft.stays, "single vehicles, which its rules on where and how long they stand need"),
        (draft.trips, "trips, which its rules on trips per vehicle need"),
        (draft.speeds, "single vehicles, which its rules on how fast they go need"),
    )
    for policies, what in unknown:
        for one in policies:
            yield f"not evaluated: policy {quoted(one.name)}: windows do not hold {what}"


def _beyond(begin: datetime, end: datetime | None, reach: _Reach) -> Iterator[str]:
    """Yield which of the times asked for lie before or after the stored windows."""
    if begin < reach.first:
        yield f"no windows before {to_minute(reach.first)} (UTC): nothing is evaluated up to then"
    if end is not None and end > reach.last:
        yield f"no windows after {to_minute(reach.last)} (UTC): nothing is evaluated from then on"


def _within(gaps: Sequence[tuple[int, int]]) -> Iterator[str]:
    """Yield from when to when there are no windows in between."""
    for first, last in gaps:
        yield f"no windows from {to_minute(first)} to {to_minute(last)} (UTC): evaluated as if nothing had moved"


def _under_way(draft: Policy, reach: _Reach, found: Sequence[Sequence[Alert]]) -> Iterator[str]:
    """Yield what is not known of the first look, as nothing is known of the time before."""
    least = any(rule.minimum is not None for counts in draft.counts for rule in counts.rules)
    if least and reach.since == reach.first:
        yield (
            f"first windows at {to_minute(reach.first)} (UTC): if the system started then, live workers heard of the "
            "fleet bit by bit, and may have reported too few vehicles"
        )
    if under_way := sum(life[0].starts_at == to_ms(reach.since) for life in found):
        yield (
            f"already open at {to_minute(reach.since)} (UTC), the first evaluation: "
            f"{counted(under_way, 'alert')}, which may have begun before"
        )


def _tell(found: list[list[Alert]], *, as_json: bool) -> None:
    if not as_json:
        _print(found)
        return
    for events in found:
        echo_json_text(codec.encode(events[-1]).decode())


def _reach(connection: Any, begin: datetime, end: datetime | None) -> _Reach:
    from streams.store import standing  # noqa: PLC0415

    span = standing.windows_span(connection)
    if span is None:
        raise PolicyError(
            "there are no stored windows to evaluate; let vehicles report, or name another UB_DATABASE_URL"
        )
    first, last, length = span[0].astimezone(UTC), span[1].astimezone(UTC), span[2]
    since = max(begin, first)
    until = last if end is None else min(end, last)
    since -= (since - first) % length  # an end of windows
    if since > until:
        raise PolicyError(
            f"no windows from {_utc(begin)} to {_utc(end or until)}: "
            f"they reach from {_utc(first)} to {_utc(last)}; give times within"
        )
    return _Reach(first, last, since, until, length)


def _events(
    connection: Any,
    draft: Policy,
    reach: _Reach,
    lateness: timedelta,
    gaps: list[tuple[int, int]],
    nearly: list[Waiting],
) -> Iterator[Alert]:
    """Yield the events of the alerts that the stored windows would have raised; long times without any go to `gaps`.

    To `nearly` goes what may have lasted for long enough by what lies between the ends of windows.
    """
    from streams.store import standing  # noqa: PLC0415

    _, _, since, until, length = reach
    rows = chain(
        standing.standing_at(connection, since, length),
        standing.standing_between(connection, since, until, length),
    )
    looks = (Standing(to_ms(at), region, cell, operator, n) for at, region, cell, operator, n in rows)
    shown = through_time(looks, lambda look: look.at, to_ms(since), to_ms(until), Terminal(stderr=True))
    found = finding_gaps(shown, to_ms(since), to_ms(until), _GAP_MS, gaps)
    quiet = [
        Silence(region, operator, to_ms(first), None if last is None else to_ms(last))
        for region, operator, first, last in standing.silences(connection, since, until, lateness)
    ]
    window_ms = length // timedelta(milliseconds=1)
    yield from backtest(draft, locate.centre, found, window_ms, to_ms(until), quiet, nearly)


def _lives(events: Iterator[Alert]) -> list[list[Alert]]:
    """Return the events of each alert, in the order in which they began."""
    found: dict[str, list[Alert]] = {}
    for event in events:
        found.setdefault(event.alert_id, []).append(event)
    return sorted(found.values(), key=lambda life: (life[0].starts_at, life[0].alert_id))


def _perhaps(nearly: Sequence[Waiting]) -> Iterator[str]:
    """Yield what nearly was told: how often, and when first."""
    found: dict[str, list[int]] = {}
    for one in nearly:
        found.setdefault(f"{one.about[0]} in {one.name}", []).append(one.since)
    for what, since in found.items():
        when = "once, from" if len(since) == 1 else f"{len(since):,} times, first from"
        yield (
            f"perhaps: {what}, {when} {to_minute(min(since))} (UTC): it lasted about as long "
            "as an alert takes, and live evaluation also looks between the ends of windows"
        )


def _print(lives: list[list[Alert]]) -> None:
    table = Table(
        "since (UTC)", "until", "kind", "severity", "zone", "cell", "what, when it became that severe"
    )
    for life in lives:
        active = [alert for alert in life if alert.status == "active"]
        worst = max(active, key=lambda alert: SEVERITIES.index(alert.severity))
        until = "open" if life[-1].ends_at is None else to_minute(life[-1].ends_at)
        table.add_row(
            to_minute(worst.starts_at),
            until,
            worst.kind,
            worst.severity,
            worst.zone,
            worst.cell,
            worst.summary,
        )
    if lives:
        listed.show(table)
    click.echo(counted(len(lives), "alert"))


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
