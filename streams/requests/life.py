"""The life of one request: what each event makes of it, and what that changes in the counts.

```
            opened                 closed
  unknown ──────────► open ──────────────────► closed
     │                  ▲   opened: reopened      │ ▲
     │                  └─────────────────────────┘ │
     └──────────────────────────────────────────────┘
       closed: its opening is not known; it was not counted as open
```

`step` is a function of the life so far and the next event in order (streams/requests/events.py). Every change that it
returns lies at the event's `ts`, or between the event before and this one (a request that became overdue). So an event
never changes a count that lies before the event before it: an event within the amend horizon leaves older counts alone.
"""

from typing import Literal

import msgspec

from streams.requests.events import Event, Item

OPENED, CLOSED, REOPENED, OPEN_CHANGE, OVERDUE_CHANGE = range(5)
RATED, ASKED_RESOLVED, RESOLVED, ASKED_SATISFIED, SATISFIED_SUM = range(5, 10)
COLUMNS = (
    "opened",
    "closed",
    "reopened",
    "open_change",
    "overdue_change",
    "rated",
    "asked_resolved",
    "resolved",
    "asked_satisfied",
    "satisfied_sum",
)
"""Counts of a window by number, under their names in schemas.partials.RequestCounts."""
TOOK = len(COLUMNS)
"""One more column, no count: times from the last opening to the closing (milliseconds), and how often each occurred."""


class Change(msgspec.Struct, frozen=True, gc=False):
    """By how much a column of (the window of `ts`, cell, service_code) changes; `took_ms` with TOOK only."""

    ts: int
    cell: int
    service_code: str
    column: int
    took_ms: int
    amount: int


class Life(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A request after its newest event, which was at `updated_at`. Times are milliseconds since the epoch.

    `opened_at` is the last opening, `first_opened_at` the first; `closed_at` is null while it is open.
    `overdue`: counted as such.
    """

    status: Literal["unknown", "open", "closed"]
    updated_at: int
    service_code: str
    lat: float
    lon: float
    cell: int
    opened_at: int | None = None
    closed_at: int | None = None
    reopened: int = 0
    expected_datetime: int | None = None
    agency_responsible: str | None = None
    district: str | None = None
    description: str | None = None
    address: str | None = None
    satisfaction: int | None = None
    resolved: bool | None = None
    rated_at: int | None = None
    overdue: bool = False
    first_opened_at: int | None = None


def step(life: Life | None, item: Item, forget_ms: int, tell: list[Change]) -> Life | None:
    """Return the life after the next event, and append what it changes to `tell`.

    Returns `life` itself where the event has no place: nothing of its request is known, nor does it say place and
    category. A request that is not open and of which nothing was heard for more than `forget_ms` is over; what
    comes later under its number is another one.
    """
    event, ts = item.event, item.ts
    kind = event.event
    if life is not None and life.status != "open" and ts > life.updated_at + forget_ms:
        before = _begin(item)
    else:
        before = _begin(item) if life is None else come_due(life, ts, tell)
    if before is None:
        return life
    status, opened_at, closed_at, reopened = (
        before.status,
        before.opened_at,
        before.closed_at,
        before.reopened,
    )
    lat, lon, cell = before.lat, before.lon, before.cell
    if event.lat is not None and event.lon is not None and item.cell is not None:
        lat, lon, cell = event.lat, event.lon, item.cell
    code = event.service_code or before.service_code
    satisfaction, resolved, rated_at = before.satisfaction, before.resolved, before.rated_at
    first_opened_at = before.first_opened_at
    if kind == "opened" and status != "open":
        tell.append(Change(ts, cell, code, REOPENED if status == "closed" else OPENED, 0, 1))
        reopened += status == "closed"
        status, opened_at, closed_at = "open", ts, None
        first_opened_at = ts if first_opened_at is None else first_opened_at
    elif kind == "closed" and status != "closed":
        tell.append(Change(ts, cell, code, CLOSED, 0, 1))
        if opened_at is not None:
            tell.append(Change(ts, cell, code, TOOK, ts - opened_at, 1))
        status, closed_at = "closed", ts
    elif kind == "rated":
        _rate(event, cell, code, tell)
        satisfaction, resolved, rated_at = event.satisfaction, event.resolved, ts
    due = before.expected_datetime if event.expected_datetime is None else event.expected_datetime
    after = Life(
        status,
        ts,
        code,
        lat,
        lon,
        cell,
        opened_at,
        closed_at,
        reopened,
        due,
        before.agency_responsible if event.agency_responsible is None else event.agency_responsible,
        before.district if event.district is None else event.district,
        before.description if event.description is None else event.description,
        before.address if event.address is None else event.address,
        satisfaction,
        resolved,
        rated_at,
        status == "open" and due is not None and due < ts,
        first_opened_at,
    )
    moved = before.cell != cell or before.service_code != code
    if moved or before.status != status:
        _shift(before, after, before.status == "open", status == "open", moved, OPEN_CHANGE, tell)
    if moved or before.overdue != after.overdue:
        _shift(before, after, before.overdue, after.overdue, moved, OVERDUE_CHANGE, tell)
    return after


def come_due(life: Life, now: int, tell: list[Change]) -> Life:
    """Return the life once event time has reached `now`: overdue if it was open past its expected_datetime."""
    due = life.expected_datetime
    if life.status != "open" or life.overdue or due is None or due >= now:
        return life
    tell.append(Change(due, life.cell, life.service_code, OVERDUE_CHANGE, 0, 1))
    return msgspec.structs.replace(life, overdue=True)


def _begin(item: Item) -> Life | None:
    event = item.event
    if event.service_code is None or event.lat is None or event.lon is None or item.cell is None:
        return None
    return Life("unknown", event.ts, event.service_code, event.lat, event.lon, item.cell)


def _rate(event: Event, cell: int, code: str, tell: list[Change]) -> None:
    tell.append(Change(event.ts, cell, code, RATED, 0, 1))
    if event.resolved is not None:
        tell.append(Change(event.ts, cell, code, ASKED_RESOLVED, 0, 1))
        tell.append(Change(event.ts, cell, code, RESOLVED, 0, int(event.resolved)))
    if event.satisfaction is not None:
        tell.append(Change(event.ts, cell, code, ASKED_SATISFIED, 0, 1))
        tell.append(Change(event.ts, cell, code, SATISFIED_SUM, 0, event.satisfaction))


def _shift(
    before: Life, after: Life, was: bool, is_: bool, moved: bool, column: int, tell: list[Change]
) -> None:
    """Tell that a request left the count of one (cell, service_code), came to that of another, or both."""
    if was and (moved or not is_):
        tell.append(Change(after.updated_at, before.cell, before.service_code, column, 0, -1))
    if is_ and (moved or not was):
        tell.append(Change(after.updated_at, after.cell, after.service_code, column, 0, 1))
