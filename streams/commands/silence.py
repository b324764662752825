"""`urbanbrain alerts silence add|list|expire`, as amtool has it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import click

from streams import settings as settings_module
from streams.alerts.matchers import Matcher, match_all
from streams.commands import clock, listed
from streams.commands.alerts import alerts, check_districts, district_of
from streams.commands.values import MOST_NAME, MOST_TEXT, Ahead, MatcherType, Text, by_option
from streams.errors import UrbanBrainError
from streams.settings import Settings
from streams.times import to_minute, to_second

_TIME = "%Y-%m-%dT%H:%M:%SZ"


@alerts.group()
def silence() -> None:
    """Silence alerts: no notifications for a while.

    The alerts themselves stay.
    """


@silence.command()
@click.argument("matchers", type=MatcherType(), nargs=-1, required=True)
@click.option(
    "--until",
    type=Ahead(),
    required=True,
    help="When the silence ends: a duration from now (2h), or a time (UTC unless it names a zone).",
)
@click.option("--from", "starts_at", type=Ahead(), help="When it starts, in the same form (default: now).")
@click.option("--reason", type=Text(MOST_TEXT, lines=True), required=True, help="Why it is needed.")
@by_option
def add(
    matchers: tuple[Matcher, ...],
    until: timedelta | datetime,
    starts_at: timedelta | datetime | None,
    reason: str,
    by: str,
) -> None:
    """Silence alerts that match every MATCHER.

    A MATCHER is NAME=VALUE, NAME!=VALUE, or with a regular expression NAME=~VALUE, NAME!~VALUE. Names: severity,
    kind, cell, region, zone, district, operator, policy, subject. An alert with several operators matches
    operator=VALUE if one of them does.
    """
    from streams.alerts.silences import stored  # noqa: PLC0415
    from streams.store import alert_desk, queries  # noqa: PLC0415

    settings = settings_module.load()
    if settings.districts_file is None:
        for matcher in (matcher for matcher in matchers if matcher.name == "district"):
            text = (
                f"UB_DISTRICTS_FILE is not set here: {matcher} matches only for processes for which it is set"
            )
            click.echo(text, err=True)
    else:
        check_districts(settings, matchers)
    with queries.connect(settings.database_url.get_secret_value(), read_only=False) as connection:
        now = clock.now_of(connection)
        begin, end = now if starts_at is None else clock.at(starts_at, now), clock.at(until, now)
        if end <= now:
            raise click.UsageError(f"--until {end:{_TIME}} is in the past; give a time in the future")
        if end <= begin:
            text = f"--until {end:{_TIME}} is not after --from {begin:{_TIME}}; it would never hold"
            raise click.UsageError(text)
        silence_id = alert_desk.add_silence(
            connection,
            matchers=stored(matchers),
            starts_at=begin,
            ends_at=end,
            created_by=by,
            comment=reason,
        )
    click.echo(silence_id)
    holds = f"holds from {to_second(begin)} until" if begin > now else "holds until"
    click.echo(f"{holds} {to_second(end)} UTC; {_matched(settings, matchers)}", err=True)


def _matched(settings: Settings, matchers: Sequence[Matcher]) -> str:
    """Return how many open alerts a silence matches: none where a name is misspelt, all where a matcher is missing."""
    from streams.alerts.rows import labels_of_row  # noqa: PLC0415
    from streams.store import queries  # noqa: PLC0415

    by_district = any(matcher.name == "district" for matcher in matchers)
    if by_district and settings.districts_file is None:
        return "how many open alerts it matches is not known without UB_DISTRICTS_FILE"
    district = district_of(settings) if by_district else lambda _lat, _lon: None
    try:
        with queries.connect(settings.database_url.get_secret_value()) as connection:
            rows = list(queries.alerts(connection, queries.Filters("active")))
    except UrbanBrainError as error:
        return f"how many open alerts it matches is not known: {error}"
    number = sum(match_all(matchers, labels_of_row(row, district)) for row in rows)
    return f"now it matches {number or 'none'} of the {len(rows)} open alerts"


@silence.command("list")
@click.option("--expired", is_flag=True, help="Also list silences that have ended.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(expired: bool, as_json: bool) -> None:
    """List silences, those that end last first."""
    from streams.alerts.silences import of_row  # noqa: PLC0415
    from streams.store import alert_desk, queries  # noqa: PLC0415

    settings = settings_module.load()
    table = listed.table("matchers", "from (UTC)", "until (UTC)", "state", "by", "reason", "silence")
    with queries.connect(settings.database_url.get_secret_value()) as connection:
        for row in alert_desk.silences(connection, expired=expired):
            if as_json:
                listed.show_as_json(row)
                continue
            begin, end = map(to_minute, (row.starts_at, row.ends_at))
            matchers = " ".join(str(matcher) for matcher in of_row(row).matchers)
            table.add_row(matchers, begin, end, row.state, row.created_by, row.comment, row.silence_id)
    if not as_json:
        over = "" if expired else "; --expired shows those that are over, too"
        listed.show(table, none=f"there is no silence{over}")


@silence.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True, type=Text(MOST_NAME, "ID"))
def expire(ids: tuple[str, ...]) -> None:
    """End silences now: all of those named, or none. The beginning of the ID is enough."""
    from streams.store import alert_desk, queries  # noqa: PLC0415

    settings = settings_module.load()
    url = settings.database_url.get_secret_value()
    with queries.connect(url, read_only=False) as connection, connection.transaction():
        ended = alert_desk.expire_silences(connection, ids)
    for silence_id in ended:
        click.echo(f"{silence_id} expired")
