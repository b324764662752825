"""`urbanbrain alerts`: follow and look up alerts."""

import signal
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, get_args

import click

from schemas.alert_actions import AlertHandling
from schemas.alerts import SEVERITIES, Alert, AlertKind
from streams import settings as settings_module
from streams.alerts.matchers import Matcher, district_faults, match_all
from streams.commands import listed
from streams.commands.values import MOST_NAME, Cell, MatcherType, Moment, Text
from streams.errors import SettingsError
from streams.numbers import Whole
from streams.output import echo_json_text
from streams.settings import Settings
from streams.terminal import Terminal
from streams.times import to_minute, to_second

KINDS = get_args(AlertKind)


@click.group()
def alerts() -> None:
    """Follow, list, acknowledge, assign and silence alerts."""


def _filter_options(command: Any) -> Any:
    """Add the filters that tail and list share."""
    for option in reversed(
        (
            click.argument("matchers", type=MatcherType(), nargs=-1),
            click.option(
                "--severity", type=click.Choice(SEVERITIES), help="Only alerts of this severity or higher."
            ),
            click.option("--kind", type=click.Choice(KINDS), help="Only alerts of this kind."),
            click.option("--cell", type=Cell(), help="Only alerts of this cell (H3 index in hex)."),
            click.option(
                "--operator",
                type=Text(MOST_NAME, "NAME"),
                help="Only alerts that involve vehicles of this operator.",
            ),
            click.option(
                "--acknowledged/--unacknowledged",
                default=None,
                help="Only alerts that are (not) acknowledged.",
            ),
        )
    ):
        command = option(command)
    return command


@alerts.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@_filter_options
@click.option("--silenced", is_flag=True, help="Also show silenced alerts.")
def tail(
    as_json: bool,
    matchers: tuple[Matcher, ...],
    severity: str | None,
    kind: str | None,
    cell: str | None,
    operator: str | None,
    acknowledged: bool | None,
    silenced: bool,
) -> None:
    """Show open alerts, then follow their events.

    The most severe open alerts, and of these the newest, come last. It also shows what people do about alerts.

    Only alerts that match every MATCHER, as for silences: zone=harbour, 'kind=~sensor_.*', district!=Pudong.
    """
    from streams.alerts.labels import labels_of  # noqa: PLC0415
    from streams.alerts.silences_known import KnownSilences  # noqa: PLC0415
    from streams.alerts.tail import Tail, Wanted  # noqa: PLC0415
    from streams.alerts.text import action_line, styled  # noqa: PLC0415

    console = Terminal(highlight=False, soft_wrap=True)
    settings = settings_module.load()

    def show(alert: Alert, payload: bytes) -> None:
        if as_json:
            echo_json_text(payload.decode())
        else:
            text, style = styled(alert)
            console.print(text, style=style, markup=False)

    def show_action(handling: AlertHandling, payload: bytes) -> None:
        if as_json:
            echo_json_text(payload.decode())
        else:
            console.print(action_line(handling), markup=False)

    def asked(alert: Alert) -> bool:
        return match_all(matchers, labels_of(alert, district))

    def silent(alert: Alert) -> bool:
        return not silenced and known.silences(labels_of(alert, district))

    def at_work() -> None:  # else an empty screen says nothing
        where = f"{settings.mqtt_host}:{settings.mqtt_port}"
        click.echo(f"following alerts at {where}; times are UTC; Ctrl-C ends it", err=True)

    check_districts(settings, matchers)
    district, districts = district_of(settings), settings.districts_file is not None
    known = KnownSilences(settings.database_url.get_secret_value(), districts=districts)
    wanted = Wanted(severity, kind, cell, operator, acknowledged, asked, silent, known.knows)
    follower = Tail(settings, show, show_action, wanted, at_work)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: follower.stop())
    follower.run()


@alerts.command("list")
@click.option(
    "--status",
    type=click.Choice(["active", "closed", "cleared"]),
    default="active",
    show_default=True,
    help="Only alerts with this status; closed means by hand, while the condition lasts.",
)
@_filter_options
@click.option(
    "--since",
    type=Moment(back=True),
    help="Only alerts with an event since this event time: a duration before now (12h), or a time (UTC by default).",
)
@click.option("--silenced/--not-silenced", default=None, help="Only alerts that are (not) silenced now.")
@click.option(
    "--limit",
    type=Whole(min=1),
    default=50,
    show_default=True,
    help="Maximum number of alerts to list.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(
    status: Any,
    matchers: tuple[Matcher, ...],
    severity: str | None,
    kind: str | None,
    cell: str | None,
    operator: str | None,
    acknowledged: bool | None,
    since: datetime | None,
    silenced: bool | None,
    limit: int,
    as_json: bool,
) -> None:
    """List alerts from the database, most severe first.

    Of equally severe ones, and of all that are cleared, the newest come first.

    Only alerts that match every MATCHER, as for silences: zone=harbour, 'kind=~sensor_.*', district!=Pudong.
    """
    from streams.alerts.inhibition import Sources  # noqa: PLC0415
    from streams.alerts.rows import labels_of_row  # noqa: PLC0415
    from streams.alerts.silences import Heeded, Silences  # noqa: PLC0415
    from streams.store import alert_desk, queries  # noqa: PLC0415

    settings = settings_module.load()
    check_districts(settings, matchers)
    severities: list[str] | None = None if severity is None else [*SEVERITIES[SEVERITIES.index(severity) :]]
    district, rules = district_of(settings), _inhibitions(settings)
    filters = queries.Filters(status, kind, severities, cell, operator, acknowledged, since=since)
    table = listed.table(
        *("since (UTC)", "severity", "cell", "bikes", "capacity", "what", "zone", "handled", "alert")
    )
    found, hidden = 0, Counter[str]()
    with queries.connect(settings.database_url.get_secret_value()) as connection:
        heeded = Heeded(districts=settings.districts_file is not None)
        silences = Silences(heeded(alert_desk.silences(connection)))
        sources = Sources(rules, _sources(connection, district) if rules else [])
        now = queries.now(connection)
        for row in queries.alerts(connection, filters, worst_first=status != "cleared"):
            labels = labels_of_row(row, district)
            if not match_all(matchers, labels):
                continue
            silent = silences.longest(labels, now) is not None
            source = sources.first_against(row.alert_id, labels) if row.status == "active" else None
            if silenced is not None and silent != silenced:
                continue
            found += 1
            if found > limit:
                if status == "cleared":
                    break  # there are years of them
                hidden[row.severity] += 1
                continue
            if as_json:
                by = None if source is None else source.alert_id
                listed.show_as_json(row, cell=row.hex, silenced=silent, inhibited_by=by)
                continue
            table.add_row(*_cells(row, silent, source))
    if not as_json:
        listed.show(table, none=none_listed(status, since))
    if found > limit:
        _say_left_out(limit, hidden)


@alerts.command()
@click.argument("alert_id", metavar="ID", type=Text(MOST_NAME, "ID"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(alert_id: str, as_json: bool) -> None:
    """Show one alert: its evidence, events and handling. The beginning of the ID is enough."""
    from streams.alerts.inhibition import inhibited_by  # noqa: PLC0415
    from streams.alerts.rows import labels_of_row  # noqa: PLC0415
    from streams.alerts.shown import Shown, as_text  # noqa: PLC0415
    from streams.alerts.shown import as_json as json_of  # noqa: PLC0415
    from streams.alerts.silences import Heeded, Silences  # noqa: PLC0415
    from streams.store import alert_desk, queries  # noqa: PLC0415
    from streams.store.incidents import of_alert  # noqa: PLC0415

    settings = settings_module.load()
    with queries.connect(settings.database_url.get_secret_value()) as connection:
        found = alert_desk.resolve(connection, alert_id)
        (row,) = queries.alerts(connection, queries.Filters(alert_id=found))
        events, actions = queries.alert_events(connection, found), alert_desk.actions(connection, found)
        heeded = Heeded(districts=settings.districts_file is not None)
        silences = Silences(heeded(alert_desk.silences(connection)))
        parts = of_alert(connection, found)
        district, rules = district_of(settings), _inhibitions(settings)
        labels = labels_of_row(row, district)
        silence = silences.longest(labels, queries.now(connection))
        sources = _sources(connection, district) if rules and row.status == "active" else []
    shown = Shown(row, events, actions, silence, inhibited_by(found, labels, rules, sources), parts)
    if as_json:
        listed.echo_json(json_of(shown))
    else:
        Terminal(highlight=False, soft_wrap=True).print(as_text(shown), markup=False)


def none_listed(status: str, since: datetime | None) -> str:
    """Return what is said in place of an empty list."""
    over = "; --status cleared shows those that are over" if status == "active" else ""
    if since is None:
        return f"no matching alert is {status}{over}"
    return (
        f"no matching alert that had an event since {to_second(since)} UTC is {status}; without --since "
        f"earlier ones are shown, too{over}"
    )


def district_of(settings: Settings) -> Any:
    """Return what tells the district of a place."""
    if settings.districts_file is None:
        return lambda _lat, _lon: None
    from streams.files.districts import load_districts  # noqa: PLC0415

    return load_districts(settings).of


def check_districts(settings: Settings, matchers: Sequence[Matcher]) -> None:
    """Refuse matchers that match no alert, as there are no districts or none of that name."""
    if not any(matcher.name == "district" for matcher in matchers):
        return
    from streams.files.districts import load_districts  # noqa: PLC0415

    for fault in district_faults(matchers, settings.districts_file, load_districts(settings).names):
        raise click.UsageError(fault)


def _inhibitions(settings: Settings) -> tuple[Any, ...]:
    """Return what UB_NOTIFY_FILE says about inhibition. A fault in it keeps nobody from looking at alerts."""
    from streams.notify.service import load_inhibitions  # noqa: PLC0415

    try:
        return load_inhibitions(settings)
    except SettingsError as error:
        click.echo(f"which alerts inhibit others is not shown: {error}", err=True)
        return ()


def _sources(connection: Any, district: Any) -> list[Any]:
    """Return the open alerts, as those that may keep others back."""
    from streams.alerts.inhibition import Source  # noqa: PLC0415
    from streams.alerts.rows import labels_of_row  # noqa: PLC0415
    from streams.store import queries  # noqa: PLC0415

    return [
        Source(row.alert_id, labels_of_row(row, district), row.summary)
        for status in ("active", "closed")
        for row in queries.alerts(connection, queries.Filters(status=status))
    ]


def _cells(row: Any, silent: bool, source: Any) -> list[str]:
    """Return a row of the table of alerts."""
    shares = " ".join(f"{name}:{count}" for name, count in sorted(row.by_operator.items()))
    return [
        to_second(row.starts_at),
        row.severity,
        row.hex,
        "" if row.occupancy is None else str(row.occupancy),
        "" if row.capacity is None else str(row.capacity),
        shares if row.kind == "oversaturation" else row.summary,
        row.zone,
        _handled(row, silent, source),
        row.alert_id,
    ]


def _say_left_out(limit: int, hidden: Counter[str]) -> None:
    """Say that there are more alerts than were listed, and how many of each severity where that was counted."""
    worst_first = [f"{hidden[name]} {name}" for name in reversed(SEVERITIES) if hidden[name]]
    left_out = f", not shown: {', '.join(worst_first)}" if worst_first else ""
    click.echo(f"there are more than {limit}{left_out}; raise --limit to see them", err=True)


def _handled(row: Any, silent: bool, source: Any) -> str:
    words = []
    if row.closed_by is not None:
        words.append(f"closed by {row.closed_by}")
    if row.acknowledged:
        words.append(f"acknowledged by {row.acknowledged_by}")
    if row.assignee is not None:
        words.append(f"to {row.assignee}" + (f" until {to_minute(row.due_at)} UTC" if row.due_at else ""))
    if silent:
        words.append("silenced")
    if source is not None:
        words.append(f"inhibited by {source.alert_id[:8]}")
    return ", ".join(words)
