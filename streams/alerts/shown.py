"""One alert in full: its evidence, its life, and what people did about it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from streams.alerts.inhibition import Source
from streams.alerts.silences import Silence
from streams.alerts.text import deed
from streams.printable import printable
from streams.store.alert_desk import ActionRow
from streams.store.queries import AlertRow, EventRow
from streams.times import to_second

_TIMES = frozenset(
    {
        *("window_start", "expected_at", "earliest_at", "latest_at"),
        *("from_ts", "ts", "last_ts", "since", "begin", "end"),
    }
)
"""Fields of evidence that are times in milliseconds, see schemas/alerts.py."""
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999: beyond it Python has no times."""


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is told of an alert; `silence` and `source` (another alert) keep notifications of it back now."""

    row: AlertRow
    events: Sequence[EventRow]
    actions: Sequence[ActionRow]
    silence: Silence | None = None
    source: Source | None = None
    incidents: Sequence[str] = ()


def as_text(shown: Shown) -> str:
    """Return the lines for a person; all times are UTC, and said to be."""
    row, silence, source = shown.row, shown.silence, shown.source
    lines = [
        f"alert      {row.alert_id}",
        f"what       {row.severity} {row.kind}, {_state(row)}",
        f"where      {row.hex} ({row.lat:.5f},{row.lon:.5f}) zone {row.zone}, region {row.region}",
        *([] if row.subject is None else [f"about      {row.subject}"]),
        f"since      {to_second(row.starts_at)}"
        + (f" to {to_second(row.ends_at)}" if row.ends_at else "")
        + " UTC (event time)",
        f"summary    {row.summary}",
    ]
    if row.assignee is not None:
        due = f", due {to_second(row.due_at)} UTC" if row.due_at else ""
        lines.append(f"assignee   {row.assignee}{due}")
    if shown.incidents:
        lines.append(f"incident   {' '.join(shown.incidents)}")
    if silence is not None:
        matchers = " ".join(str(matcher) for matcher in silence.matchers)
        lines.append(f"silenced   until {to_second(silence.ends_at)} UTC by {matchers}: {silence.comment}")
    if source is not None:
        lines.append(f"inhibited  by alert {source.alert_id}: {source.summary}")
    lines += ["", "evidence"]
    lines += [
        f"  {name:<12} {_value(value)}" for name, value in sorted(row.evidence.items()) if value is not None
    ]
    lines += ["", "life (event time, UTC)"]
    lines += [f"  {to_second(e.at)}  {e.action:<8} {e.severity:<8} {e.summary}" for e in shown.events]
    if shown.actions:
        lines += ["", "what was done (wall clock, UTC)"]
        lines += [
            f"  {to_second(a.at)}  {deed(a.action, a.by, a.text, a.assignee, a.due_at)}"
            for a in shown.actions
        ]
    return "\n".join(map(printable, lines))


def as_json(shown: Shown) -> dict[str, Any]:
    """Return the same as values of JSON; times are ISO 8601. The cell is named as in the tables, and as on the wire."""
    return {
        **plain(asdict(shown.row)),
        "cell": shown.row.hex,
        "incidents": list(shown.incidents),
        "silenced_by": None if shown.silence is None else shown.silence.silence_id,
        "inhibited_by": None if shown.source is None else shown.source.alert_id,
        "events": [plain(asdict(event)) for event in shown.events],
        "actions": [plain(asdict(action)) for action in shown.actions],
    }


def _state(row: AlertRow) -> str:
    noted = f"acknowledged by {row.acknowledged_by}" if row.acknowledged else "unacknowledged"
    closed = "" if row.closed_by is None else f", closed by {row.closed_by}"
    return f"{row.status}, {noted}{closed}"


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {_moment(item) if name in _TIMES else item}"
            for name, item in value.items()
            if name != "outline"  # for maps
        )
    return str(value)


def _moment(value: Any) -> str:
    """Return milliseconds since the epoch as a person reads them; anything else as it is."""
    if not isinstance(value, int) or not 0 <= value <= _LAST_MS:
        return str(value)
    return f"{to_second(value)} UTC"


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of JSON; times are ISO 8601 in UTC."""
    return {name: _utc(v).isoformat() if isinstance(v, datetime) else v for name, v in values.items()}


def _utc(moment: datetime | None) -> Any:
    return None if moment is None else moment.astimezone(UTC)
