"""`urbanbrain alerts ack|unack|assign|comment|clear|reopen`: what people do about alerts."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from schemas.alert_actions import ActionName
from streams import settings as settings_module
from streams.alerts.text import deed
from streams.commands import clock
from streams.commands.alerts import alerts
from streams.commands.values import MOST_NAME, MOST_TEXT, Ahead, Text, by_option
from streams.errors import AlertError, ServiceUnavailable
from streams.times import to_minute

if TYPE_CHECKING:
    from streams.store.alert_desk import Deed

_IDS = click.argument("ids", metavar="ID...", nargs=-1, required=True, type=Text(MOST_NAME, "ID"))
_AS_IT_WAS: dict[ActionName, str] = {
    "acknowledged": "was acknowledged already",
    "unacknowledged": "was not acknowledged",
    "unassigned": "was assigned to nobody",
    "closed": "was closed already",
    "reopened": "was not closed by hand",
}
"""What is said where an action changes nothing."""
_TEXT = click.option("--text", type=Text(MOST_TEXT, lines=True), help="Reason, or what is known.")


@alerts.command()
@_IDS
@by_option
@_TEXT
def ack(ids: tuple[str, ...], by: str, text: str | None) -> None:
    """Acknowledge alerts, so that they are not escalated."""
    _act(ids, "acknowledged", by, text)


@alerts.command()
@_IDS
@by_option
@_TEXT
def unack(ids: tuple[str, ...], by: str, text: str | None) -> None:
    """Withdraw the acknowledgement of alerts."""
    _act(ids, "unacknowledged", by, text)


@alerts.command()
@_IDS
@click.option("--to", "assignee", type=Text(MOST_NAME, "NAME"), help="Person to assign the alerts to.")
@click.option("--nobody", is_flag=True, help="Remove the assignment.")
@click.option(
    "--due",
    type=Ahead(),
    help="When they are due: a duration from now (2h), or a time (UTC unless it names a zone).",
)
@by_option
@_TEXT
def assign(
    ids: tuple[str, ...],
    assignee: str | None,
    nobody: bool,
    due: timedelta | datetime | None,
    by: str,
    text: str | None,
) -> None:
    """Assign alerts to somebody, with an optional due time."""
    if (assignee is None) != nobody or (nobody and due):
        raise click.UsageError("give --to NAME (and --due TIME, if wanted), or --nobody")
    _act(ids, "unassigned" if nobody else "assigned", by, text, assignee, due)


@alerts.command()
@_IDS
@click.option("--text", type=Text(MOST_TEXT, lines=True), required=True, help="The comment.")
@by_option
def comment(ids: tuple[str, ...], text: str, by: str) -> None:
    """Comment on alerts."""
    _act(ids, "commented", by, text)


@alerts.command()
@_IDS
@by_option
@_TEXT
def clear(ids: tuple[str, ...], by: str, text: str | None) -> None:
    """Close alerts by hand.

    A closed alert is hidden and notifies nobody until its severity changes or it clears by itself.
    """
    _act(ids, "closed", by, text)


@alerts.command()
@_IDS
@by_option
@_TEXT
def reopen(ids: tuple[str, ...], by: str, text: str | None) -> None:
    """Reopen alerts that were closed by hand."""
    _act(ids, "reopened", by, text)


def _act(
    ids: tuple[str, ...],
    action: ActionName,
    by: str,
    text: str | None,
    assignee: str | None = None,
    due: timedelta | datetime | None = None,
) -> None:
    from streams.alerts.tell import tell  # noqa: PLC0415
    from streams.store import alert_desk, queries  # noqa: PLC0415

    settings = settings_module.load()
    with queries.connect(settings.database_url.get_secret_value(), read_only=False) as connection:
        due_at = None if due is None else _due(connection, due)
        found = dict.fromkeys(alert_desk.resolve(connection, prefix) for prefix in ids)
        refused: list[AlertError] = []
        for alert_id in found:
            try:
                done = alert_desk.act(
                    connection, alert_id, action, by=by, text=text, assignee=assignee, due_at=due_at
                )
            except AlertError as error:  # the others are done all the same
                refused.append(error)
                continue
            said = action if done.stored else _AS_IT_WAS[action]
            said += f" to {assignee}" if assignee else ""
            said += f", due {to_minute(due_at)} UTC" if due_at else ""
            said += _before(done, by, assignee)
            said += "; it was cleared by itself before" if done.over else ""
            click.echo(f"{alert_id} {said}")
        try:
            while tell(settings, connection, "urbanbrain/alerts"):
                pass  # some hundred at a time
        except ServiceUnavailable as error:
            click.echo(
                f"stored, but not published yet: {error}. The next command publishes it, or `urbanbrain notify`",
                err=True,
            )
    if refused:
        raise AlertError("; ".join(map(str, refused)))


def _before(done: "Deed", by: str, assignee: str | None) -> str:
    """Say who was first, or whose doing was replaced or taken back: of two who act at once neither sees the other."""
    before = done.before
    if before is None:
        return ""
    if not done.stored:
        return f", by {before.by}"
    if before.by == by and (assignee is None or before.assignee == assignee):
        return ""
    zone = " UTC" if before.due_at else ""
    return f"; until now it was {deed(before.action, before.by, None, before.assignee, before.due_at)}{zone}"


def _due(connection: Any, due: timedelta | datetime) -> datetime:
    now = clock.now_of(connection)
    if (due_at := clock.at(due, now)) <= now:
        raise click.UsageError(f"--due {due_at:%Y-%m-%dT%H:%M:%SZ} is in the past; give a time in the future")
    return due_at
