"""Questions as they stand in a URL, to values; what cannot be understood is a BadQuery that says what would be."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from schemas.alerts import SEVERITIES, AlertKind
from streams.errors import BadQuery
from streams.grid import locate
from streams.numbers import number
from streams.printable import is_printable

Pairs = Iterable[tuple[str, str]]
"""Names and values in the order of the URL, decoded."""
Bbox = tuple[float, float, float, float]
"""west, south, east, north: WGS-84 degrees (RFC 7946, 5); west > east across the antimeridian."""
Place = tuple[datetime, str]
"""Where a page ends in a list by time: the time, and what breaks ties."""

MOST_CELLS, CELLS = 10_000, 1_000
MOST_ALERTS, ALERTS = 1_000, 200
MOST_MINUTES, MINUTES = 10_000, 1_000
_KINDS: tuple[str, ...] = get_args(AlertKind)
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class CellsQuery:
    """Which live cells; None: any. `after`: the last cell that is known."""

    operator: str | None
    bbox: Bbox | None
    parent: str | None
    geojson: bool
    limit: int
    after: str | None


@dataclass(frozen=True, slots=True)
class WindowsQuery:
    """Which minutes of a cell: begin <= minute < end; None: any."""

    operator: str | None
    begin: datetime | None
    end: datetime | None
    limit: int
    after: Place | None


@dataclass(frozen=True, slots=True)
class AlertsQuery:
    """Which alerts; None: any."""

    state: Literal["open", "cleared"]
    severity: str | None
    kind: str | None
    limit: int
    after: Place | None


def cells_query(given: Pairs) -> CellsQuery:
    """Read the question for live cells; raises BadQuery."""
    values = _once(given, ("operator", "bbox", "parent", "format", "limit", "after"))
    parent, after = values.get("parent"), values.get("after")
    return CellsQuery(
        operator=_text("operator", values.get("operator")),
        bbox=None if (bbox := values.get("bbox")) is None else _bbox(bbox),
        parent=None if parent is None else cell_of("parent", parent),
        geojson=_choice("format", values.get("format", "json"), ("json", "geojson")) == "geojson",
        limit=_limit(values.get("limit"), CELLS, MOST_CELLS),
        after=None if after is None else cell_of("after", after),
    )


def windows_query(given: Pairs) -> WindowsQuery:
    """Read the question for the minutes of a cell; raises BadQuery."""
    values = _once(given, ("operator", "from", "to", "limit", "after"))
    begin, end = (
        None if (text := values.get(name)) is None else _time(name, text) for name in ("from", "to")
    )
    if begin is not None and end is not None and begin >= end:
        raise BadQuery(
            f"from={values['from']} is not before to={values['to']}; minutes that start at `from` or later "
            "and before `to` are given"
        )
    return WindowsQuery(
        operator=_text("operator", values.get("operator")),
        begin=begin,
        end=end,
        limit=_limit(values.get("limit"), MINUTES, MOST_MINUTES),
        after=_place(values.get("after")),
    )


def alerts_query(given: Pairs) -> AlertsQuery:
    """Read the question for alerts; raises BadQuery."""
    values = _once(given, ("state", "severity", "kind", "limit", "after"))
    severity, kind = values.get("severity"), values.get("kind")
    state = _choice("state", values.get("state", "open"), ("open", "cleared"))
    return AlertsQuery(
        state="open" if state == "open" else "cleared",
        severity=None if severity is None else _choice("severity", severity, SEVERITIES),
        kind=None if kind is None else _choice("kind", kind, _KINDS),
        limit=_limit(values.get("limit"), ALERTS, MOST_ALERTS),
        after=_place(values.get("after")),
    )


def nothing_asked(given: Pairs) -> None:
    """Raise BadQuery where parameters were given to a question that has none."""
    _once(given, ())


def cell_of(name: str, text: str) -> str:
    """Return a cell as we write it; raises BadQuery."""
    if not locate.is_cell(text):
        raise BadQuery(
            f"{name}={text[:_LONGEST]} is not an H3 cell; 15 hex digits are expected, such as 8930994a553ffff"
        )
    return text


def place_of(at: datetime, name: str) -> str:
    """Return the value of `after` that continues behind a row."""
    return f"{at.isoformat().replace('+00:00', 'Z')},{name}"


def _once(given: Pairs, known: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in given:
        if name not in known:
            expected = f"one of {', '.join(known)}" if known else "none"
            raise BadQuery(f"{name[:_LONGEST]} is not known here; parameters: {expected}")
        if name in values:
            raise BadQuery(f"{name} is given twice; give it once, or ask twice")
        values[name] = value
    return values


def _is_name(text: str) -> bool:
    """Whether a text may be a name of ours; above all it has no NUL, which PostgreSQL takes in no text."""
    return 0 < len(text) <= _LONGEST and is_printable(text)


def _text(name: str, text: str | None) -> str | None:
    if text is not None and not _is_name(text):
        raise BadQuery(
            f"{name}={text[:20]!r}: 1 to {_LONGEST} printable characters are expected; leave it out for any"
        )
    return text


def _choice(name: str, text: str, known: Sequence[str]) -> str:
    if text not in known:
        raise BadQuery(f"{name}={text[:_LONGEST]} is not known; choose one of {', '.join(known)}")
    return text


def _limit(text: str | None, usual: int, most: int) -> int:
    if text is None:
        return usual
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= number <= most:
        raise BadQuery(
            f"limit={text[:20]}: a whole number from 1 to {most} is expected; `next` leads to the rest"
        )
    return number


def _bbox(text: str) -> Bbox:
    try:
        west, south, east, north = map(number, text.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west <= 180 and -180 <= east <= 180 and -90 <= south <= north <= 90):
        raise BadQuery(
            f"bbox={text[:_LONGEST]}: west,south,east,north in WGS-84 degrees are expected, "
            "such as 121.4,31.1,121.6,31.3"
        )
    return west, south, east, north


def _time(name: str, text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise BadQuery(
            f"{name}={text[:_LONGEST]}: a time with its offset is expected (RFC 3339), such as 2026-03-01T23:37:00Z; "
            "a + in a URL is written %2B"
        )
    return time


def _place(text: str | None) -> Place | None:
    if text is None:
        return None
    time, comma, name = text.partition(",")
    if not comma or not _is_name(name):
        raise BadQuery(
            f"after={text[:_LONGEST]!r} does not come from an answer of ours; take what `next` says"
        )
    return _time("after", time), name
