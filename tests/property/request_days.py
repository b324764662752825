"""Requests for the properties: logs as Hypothesis draws them, and an oracle that shares no code with the fold.

The oracle reads the log once to see which events are accepted (lateness is a matter of the log's order). Then it
has for each request a set of events, cuts its life into stretches between events, and counts by intervals.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from streams.requests.state import RequestsConfig
from tests.unit.requests.desk import MINUTE, T0, Desk, Squares, place

Event = dict[str, Any]
Log = list[Event]
Place = tuple[int, str]

WIDE = RequestsConfig(
    window_ms=MINUTE,
    allowed_lateness_ms=10_000,
    amend_horizon_ms=1_000 * MINUTE,
    forget_request_ms=40 * MINUTE,
    sources=1,
)
"""Nothing is too late, and requests are over soon."""
NARROW = RequestsConfig(
    window_ms=MINUTE,
    allowed_lateness_ms=10_000,
    amend_horizon_ms=5 * MINUTE,
    forget_request_ms=40 * MINUTE,
    sources=1,
)

_RANK = {"opened": 0, "updated": 1, "closed": 2, "rated": 3}
_FIELDS = ("service_code", "lat", "lon", "description", "expected_datetime", "resolved", "satisfaction")
_NEVER = 1 << 60


@st.composite
def _events(draw: st.DrawFn, minutes: int) -> Event:
    kind = draw(st.sampled_from(("opened", "updated", "closed", "closed", "rated")))
    ts = T0 + draw(st.integers(0, minutes * 4)) * (MINUTE // 4)
    event: Event = {
        "service_request_id": draw(st.sampled_from(("a", "b", "c"))),
        "event": kind,
        "ts": ts,
        "owner": "city",
    }
    if kind == "opened" or draw(st.booleans()):
        event |= place(draw(st.integers(0, 2)))
    if kind == "opened" or draw(st.booleans()):
        event["service_code"] = draw(st.sampled_from(("light", "waste")))
    if draw(st.booleans()):
        event["expected_datetime"] = ts + draw(st.integers(-8, 40)) * (MINUTE // 4)
    if draw(st.booleans()):
        event["description"] = draw(st.sampled_from(("x", "y")))
    if kind == "rated":
        event["satisfaction"] = draw(st.integers(1, 5))
        if draw(st.booleans()):
            event["resolved"] = draw(st.booleans())
    return event


def logs(minutes: int) -> st.SearchStrategy[Log]:
    """Draw events within so many minutes, in any order, some of them repeated."""
    return st.lists(_events(minutes), min_size=1, max_size=25).flatmap(
        lambda log: st.lists(st.sampled_from(log), max_size=6).map(lambda again: log + again)
    )


# ---------------------------------------------------------------------- running the fold


STEPS = ("go on", "checkpoint", "tell", "crash", "crash before commit")


@dataclass(frozen=True, slots=True)
class Day:
    """How a log goes through a fold: sizes of frames, and what happens after each of them."""

    sizes: tuple[int, ...]
    steps: tuple[str, ...]


days = st.builds(
    Day,
    st.lists(st.integers(1, 6), min_size=1, max_size=8).map(tuple),
    st.lists(st.sampled_from(STEPS), min_size=1, max_size=12).map(tuple),
)
QUIET = Day((1,), ("go on",))


def frames(log: Log, sizes: tuple[int, ...]) -> Iterator[Log]:
    """Cut a log into frames."""
    at = number = 0
    while at < len(log):
        size = sizes[number % len(sizes)]
        yield log[at : at + size]
        at, number = at + size, number + 1


def run(log: Log, config: RequestsConfig, day: Day = QUIET) -> Desk:
    """Fold a log; ends with a checkpoint."""
    desk = Desk(config)
    for number, events in enumerate(frames(log, day.sizes)):
        desk.feed(*events)
        match day.steps[number % len(day.steps)]:
            case "checkpoint":
                desk.checkpoint()
            case "tell":
                desk.tell(at_checkpoint=False)
            case "crash":
                desk.crash()
            case "crash before commit":
                desk.crash_before_commit()
            case _:
                pass
    desk.checkpoint()
    return desk


def counts(desk: Desk) -> dict[tuple[int, int, str], dict[str, Any]]:
    """Return what the listener holds and is not zero."""
    held = {}
    for key, row in desk.counts.items():
        values = {k: v for k, v in row.items() if k not in ("window_start", "cell", "service_code") and v}
        values.pop("bins", None)
        values["took"] = sum(values.pop("bin_counts", ()))
        if any(values.values()):
            held[key] = values
    return held


def rows(desk: Desk) -> dict[str, dict[str, Any]]:
    """Return ub.request without what only the fold reads."""
    return {name: {key: row[key] for key in row if key in _ROW} for name, row in desk.rows.items()}


_ROW = (
    "status",
    "service_code",
    "cell",
    "opened_at",
    "closed_at",
    "reopened",
    "updated_at",
    "expected_datetime",
    "description",
    "satisfaction",
    "resolved",
    "rated_at",
)


# ---------------------------------------------------------------------- the oracle


@dataclass(slots=True)
class Expected:
    """What the tables hold after a log."""

    counts: dict[tuple[int, int, str], dict[str, int]]
    rows: dict[str, dict[str, Any]]
    books: dict[str, int]
    """applied, superseded, rejected"""


def expected(log: Log, config: RequestsConfig) -> Expected:
    """Compute the tables of a log in batch."""
    accepted: dict[str, dict[str, Event]] = {}
    books = Counter({"applied": 0, "superseded": 0, "rejected": 0})
    watermark = 0
    for event in log:
        if event["ts"] < watermark - config.amend_horizon_ms:
            books["rejected"] += 1
        elif _text(event) in (known := accepted.setdefault(event["service_request_id"], {})):
            books["superseded"] += 1
        else:
            known[_text(event)] = event
            books["applied"] += 1
        watermark = max(watermark, event["ts"] - config.allowed_lateness_ms)
    tables: dict[tuple[int, int, str], Counter[str]] = {}
    newest: dict[str, dict[str, Any]] = {}
    for name, events in accepted.items():
        ordered = sorted(events.values(), key=lambda e: (e["ts"], _RANK[e["event"]], _text(e)))
        lives, homeless = _lives(ordered, config.forget_request_ms)
        refused = sum(event["ts"] < watermark - config.amend_horizon_ms for event in homeless)
        books["applied"] -= refused
        books["rejected"] += refused
        for life in lives:
            newest[name] = _count(life, watermark, config.window_ms, tables)
    return Expected({key: dict(row) for key, row in _without_zeros(tables)}, newest, dict(books))


def _text(event: Event) -> str:
    """Return an event as JSON: fields as the schema has them, what is left out is left out."""
    fields = {"ts": event["ts"], "event": event["event"]}
    fields |= {name: event[name] for name in _FIELDS if name in event}
    return json.dumps(fields, separators=(",", ":"))


def _lives(ordered: Log, forget_ms: int) -> tuple[list[Log], Log]:
    """Cut the events of one number into lives, and set those apart that belong to none."""
    lives: list[Log] = []
    homeless: Log = []
    is_open = False
    for event in ordered:
        goes_on = bool(lives) and (is_open or event["ts"] - lives[-1][-1]["ts"] <= forget_ms)
        if goes_on:
            lives[-1].append(event)
        elif "lat" in event and "service_code" in event:
            lives.append([event])
            is_open = False
        else:
            homeless.append(event)
            continue
        if event["event"] in ("opened", "closed"):
            is_open = event["event"] == "opened"
    return lives, homeless


def _count(
    life: Log, watermark: int, window_ms: int, tables: dict[tuple[int, int, str], Counter[str]]
) -> dict[str, Any]:
    """Count one life, stretch by stretch; returns its row."""

    def add(ts: int, where: Place, column: str, amount: int = 1) -> None:
        tables.setdefault((ts // window_ms * window_ms, *where), Counter())[column] += amount

    known: dict[str, Any] = {}
    status, opened_at, closed_at, reopened = "unknown", None, None, 0
    rating: dict[str, Any] = {"satisfaction": None, "resolved": None, "rated_at": None}
    ends = [*(event["ts"] for event in life[1:]), _NEVER]
    for event, end in zip(life, ends, strict=True):
        known |= event
        ts, kind = event["ts"], event["event"]
        cell = Squares().cells([known["lat"]], [known["lon"]])[0]
        where = (cell, known["service_code"])
        if kind == "opened" and status != "open":
            add(ts, where, "opened" if status == "unknown" else "reopened")
            reopened += status == "closed"
            status, opened_at, closed_at = "open", ts, None
        if kind == "closed" and status != "closed":
            add(ts, where, "closed")
            add(ts, where, "took", int(opened_at is not None))
            status, closed_at = "closed", ts
        if kind == "rated":
            add(ts, where, "rated")
            add(ts, where, "asked_satisfied")
            add(ts, where, "satisfied_sum", event["satisfaction"])
            add(ts, where, "asked_resolved", int("resolved" in event))
            add(ts, where, "resolved", int(event.get("resolved", False)))
            rating = {
                "satisfaction": event["satisfaction"],
                "resolved": event.get("resolved"),
                "rated_at": ts,
            }
        if status == "open":
            _stretch(add, "open_change", where, ts, end)
            due = known.get("expected_datetime", _NEVER)
            heard_of = max(watermark, ts, 0 if end == _NEVER else end)  # by time, or by an event after it
            if due < end and due < heard_of:
                _stretch(add, "overdue_change", where, max(ts, due), end)
    return {
        "status": status,
        "service_code": known["service_code"],
        "cell": cell,
        "opened_at": opened_at,
        "closed_at": closed_at,
        "reopened": reopened,
        "updated_at": known["ts"],
        "expected_datetime": known.get("expected_datetime"),
        "description": known.get("description"),
        **rating,
    }


def _stretch(add: Any, column: str, where: Place, begin: int, end: int) -> None:
    add(begin, where, column, +1)
    if end != _NEVER:
        add(end, where, column, -1)


def _without_zeros(
    tables: dict[tuple[int, int, str], Counter[str]],
) -> Iterator[tuple[tuple[int, int, str], dict[str, int]]]:
    for key, row in tables.items():
        values = {name: amount for name, amount in row.items() if amount}
        if values:
            yield key, {"took": 0, **values}


def levels(desk: Desk, column: str) -> dict[Place, list[int]]:
    """Return the running sum of a column of changes over the windows of each (cell, service_code)."""
    sums: dict[Place, list[int]] = {}
    for start, cell, code in sorted(desk.counts):
        line = sums.setdefault((cell, code), [0])
        line.append(line[-1] + desk.counts[start, cell, code][column])
    return sums
