"""`urbanbrain alerts replay`: exit code 0 where the same alert comes out, 1 where not, 2 where it cannot be told."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from schemas import codec
from schemas.alerts import Alert
from streams import settings as settings_module
from streams.commands import listed
from streams.commands.alerts import alerts
from streams.commands.through_time import through_log
from streams.commands.values import MOST_NAME, Text
from streams.counted import counted
from streams.errors import AlertError, CannotReplay
from streams.numbers import Whole
from streams.output import told_or
from streams.settings import Settings
from streams.terminal import Terminal
from streams.times import to_second

_CANNOT = 2
_DECIDING = {
    "saturation_expected": "UB_FORECAST_HORIZON_S",
    "anomaly": "UB_ANOMALY_DETECTOR, UB_ANOMALY_RAISE_AT, UB_ANOMALY_QUIET_S",
    "hot_spot": "UB_HOT_SPOT_RAISE_AT, UB_TIMEZONE",
    "threshold": "UB_THRESHOLDS_FILE, UB_POLICY_FILE",
    "impossible_jump": "UB_JUMP_KMH, UB_JUMP_QUIET_S, UB_LOW_BATTERY_PERCENT, UB_LOW_BATTERY_CLEAR_PERCENT",
    "low_battery": "UB_JUMP_KMH, UB_JUMP_QUIET_S, UB_LOW_BATTERY_PERCENT, UB_LOW_BATTERY_CLEAR_PERCENT",
    **dict.fromkeys(
        ("sensor_silent", "sensor_stuck", "sensor_out_of_range", "sensor_drifting", "feed_silent"),
        "UB_SENSOR_HEALTH, UB_SILENT_INTERVALS, UB_SILENT_AFTER_S, UB_AMEND_HORIZON_S, UB_FORGET_SENSOR_AFTER_S, "
        "UB_FEED_SILENT_SHARE",
    ),
}
"""Settings by kind of alert, beside those of policies: what decides, and is in the version that an alert names."""
_OF_POLICIES = (
    "UB_POLICY_FILE, UB_DEFAULT_CAPACITY, UB_RAISE_RATIO, UB_CLEAR_RATIO, UB_MIN_DURATION_S, UB_TIMEZONE"
)
_UNNAMED = "UB_FLAP_QUIET_S, UB_SENSOR_HEALTH, UB_MAX_SERIES_PER_PARTITION"
"""Settings that may change what is told, and are in no version."""


@alerts.command()
@click.argument("alert_id", metavar="ID", type=Text(MOST_NAME, "ID"))
@click.option(
    "--limit",
    type=Whole(min=1),
    default=40,
    show_default=True,
    help="Maximum number of steps to show; steps with events are always shown.",
)
def replay(alert_id: str, limit: int) -> None:
    """Recompute an alert from the log, and compare it.

    Shows each step up to the record that decided. Exit codes: 0 the same alert, 1 not the same, 2 the comparison is
    not possible (the log was trimmed, or the policy is another one).
    """
    console = Terminal(highlight=False, markup=False, soft_wrap=True)
    with told_or(_CANNOT, "replay"):
        same = _replay(settings_module.load(), alert_id, limit, console)
    sys.exit(0 if same else 1)


def _replay(settings: Settings, prefix: str, limit: int, console: Console) -> bool:
    """Replay and show; return whether the same alert came out. Raises CannotReplay where that cannot be told."""
    from streams.alerts.log import open_log  # noqa: PLC0415
    from streams.configs import incidents_fold  # noqa: PLC0415
    from streams.files.policy import load_policy  # noqa: PLC0415
    from streams.fold.contract import Ledger, Restored  # noqa: PLC0415
    from streams.incidents.replay import Rest, differences, steps  # noqa: PLC0415

    stored, generation = _stored(settings, prefix)
    newest = stored[-1]
    evidence = newest.evidence
    where = f"{evidence.topic}[{evidence.partition}]"
    first = stored[0].evidence.first_offset
    if first is None:
        first = stored[0].evidence.offset
    fold = incidents_fold(settings, load_policy(settings), Restored(evidence.partition, 0, -1, {}, Ledger()))
    version = fold.version(newest)
    if version not in (None, newest.policy_version):
        _check_exchanged(stored)
    _check_version(version, newest)
    with open_log(settings, evidence.topic, evidence.partition) as log:
        rest = Rest(where, log.begins, generation)
        if lacks := rest.lacks(first):
            raise CannotReplay(lacks)
        others: dict[str, Alert] = {}
        records = through_log(
            log.records(evidence.offset), log.begins, evidence.offset, Terminal(stderr=True)
        )
        found = list(steps(fold, records, newest, first, others))
    console.print(f"{where}: offsets {log.begins} to {evidence.offset}, the condition from {first} on")
    _show(found, limit, console)
    told = [step.event for step in found if step.event is not None]
    problems = differences(stored, told)
    if excuse := rest.excuses(problems):
        raise CannotReplay(excuse)
    _check_settings(stored, told, version, problems)
    _say_outcome(newest, told, problems, others, console)
    return not problems


def _check_settings(
    stored: Sequence[Alert], told: Sequence[Alert], version: str | None, problems: Sequence[str]
) -> None:
    """Raise CannotReplay where other settings or files decided then, so that differences say nothing."""
    from streams.incidents.replay import other_damping, other_zones  # noqa: PLC0415

    newest = stored[-1]
    if otherwise := other_damping(stored, told):
        raise CannotReplay(
            f"other settings decided that it flaps: {otherwise}; use those of that time (UB_FLAP_RAISES, "
            "UB_FLAP_WINDOW_S, UB_FLAP_QUIET_S)"
        )
    if not told and version is None:
        _check_exchanged(stored)
        raise CannotReplay(
            f"no rule evaluates {newest.kind} {newest.subject or newest.cell} with these settings; use those that the "
            f"workers had then ({_deciding(newest)})"
        )
    if problems:
        _check_exchanged(stored)
    if names := other_zones(stored, told):
        raise CannotReplay(
            f"only the name of its zone differs: {names}; use the file of that time (UB_POLICY_FILE)"
        )


def _say_outcome(
    newest: Alert,
    told: Sequence[Alert],
    problems: Sequence[str],
    others: Mapping[str, Alert],
    console: Console,
) -> None:
    """Say that the same alert came out, or each difference and what may explain it."""
    from streams.incidents.replay import elder  # noqa: PLC0415

    if not problems:
        console.print(
            f"the same alert: {newest.alert_id}, {counted(len(told), 'event')} with the same evidence"
        )
        return
    for problem in problems:
        console.print(f"differs  {problem}", markup=False)
    if (instead := elder(newest, others.values())) is not None:
        console.print(
            f"in this replay the condition began at {to_second(instead.starts_at)} (alert {instead.alert_id}): if the "
            "workers loaded this file while it lasted, it began again for them, which one file alone cannot show"
        )
    console.print(
        f"versions do not include {_UNNAMED}: if the workers had other values, or another policy in between, "
        "differences are expected"
    )


def _stored(settings: Settings, prefix: str) -> tuple[list[Alert], int]:
    """Return the alert after each of its events, and how often its log was begun anew."""
    from streams.store import alert_desk, queries  # noqa: PLC0415

    with queries.connect(settings.database_url.get_secret_value()) as connection:
        found = alert_desk.resolve(connection, prefix)
        stored = [codec.alert.decode(body) for body in queries.alert_bodies(connection, found)]
        if not stored:
            raise AlertError(f"the events of alert {found} are no longer kept (UB_RETAIN_ALERT_EVENTS_DAYS)")
        place = stored[-1].evidence
        return stored, queries.generation(connection, "incidents", place.topic, place.partition)


def _check_version(now: str | None, alert: Alert) -> None:
    if now is not None and now != alert.policy_version:
        raise CannotReplay(
            f"version {alert.policy_version} of {alert.policy} decided it, and the one here is {now}; use the "
            f"file and the settings of that time ({_deciding(alert)})"
        )


def _check_exchanged(stored: Sequence[Alert]) -> None:
    from streams.incidents.replay import exchanged  # noqa: PLC0415

    if why := exchanged(stored):
        raise CannotReplay(f"{why}, so one file with one set of settings cannot reproduce it")


def _deciding(alert: Alert) -> str:
    own = _DECIDING.get(alert.kind, "")
    if alert.kind == "saturation_expected":
        return f"{own}, {_OF_POLICIES}"
    return own or _OF_POLICIES


def _show(found: list[Any], limit: int, console: Console) -> None:
    if not found:
        return
    table = Table("event time (UTC)", "offset", "value", "threshold", "state", "event")
    left_out = max(0, len(found) - limit)
    for number, step in enumerate(found):
        event = step.event
        if event is None and number >= limit:
            continue
        said = "" if event is None else f"{event.action} {event.severity}"
        table.add_row(
            to_second(step.at), str(step.offset), step.seen.value, step.seen.threshold, step.seen.state, said
        )
    listed.show(table)
    if left_out:
        console.print(f"steps without events after the first {limit} are not shown (--limit)")
