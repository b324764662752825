"""What the tables of requests must hold, from the log of what was published: batch, one request at a time.

Shares no code with the streams. It knows what hotline.py does: a request begins with its opening, and no two of its
events share a time.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h3

from tests.chaos.plan import long_ago
from tests.chaos.published import items

Event = dict[str, Any]
"""A CitizenRequest as JSON has it."""

COUNTS = ("opened", "closed", "reopened", "rated")
_KEPT = ("service_code", "lat", "lon", "agency_responsible", "expected_datetime", "satisfaction")


@dataclass(slots=True)
class RequestTables:
    """Tables keyed as in the database; cells are hex strings. Windows in which nothing changed have no row."""

    request: dict[str, dict[str, Any]] = field(default_factory=dict)
    request_window: dict[tuple[int, str, str], dict[str, int]] = field(default_factory=dict)

    def standing(self, key: tuple[int, str, str]) -> dict[str, int]:
        """Return what a row must hold that late events emptied: the open ones are those of the row before it."""
        start, *place = key
        before = [at for at, *where in self.request_window if where == place and at < start]
        open_now = self.request_window[max(before), place[0], place[1]]["open_now"] if before else 0
        return {**dict.fromkeys(COUNTS, 0), "open_now": open_now}


def expected_requests(published: Sequence[Path], window_ms: int, resolution: int = 9) -> RequestTables:
    """Return the tables that follow from the messages in `published`, one JSON array a line."""
    newest = max((event["ts"] for event in items(published)), default=0)
    return tables((e for e in items(published) if not long_ago(e["ts"], newest)), window_ms, resolution)


def tables(events: Iterable[Event], window_ms: int, resolution: int = 9) -> RequestTables:
    """Compute the tables from events, none of them late: each counts once."""
    by_request: dict[str, dict[int, Event]] = defaultdict(dict)
    for event in events:
        by_request[event["service_request_id"]][event["ts"]] = event
    found = RequestTables()
    windows: dict[tuple[int, str, str], dict[str, int]] = defaultdict(
        lambda: dict.fromkeys((*COUNTS, "change"), 0)
    )
    for name, by_time in by_request.items():
        found.request[name] = _live([by_time[ts] for ts in sorted(by_time)], windows, window_ms, resolution)
    open_now: dict[tuple[str, str], int] = defaultdict(int)
    for key in sorted(windows):
        _, cell, code = key
        row = windows[key]
        if any(row.values()):
            open_now[cell, code] += row.pop("change")
            found.request_window[key] = {**row, "open_now": open_now[cell, code]}
    return found


def _live(
    events: Sequence[Event],
    windows: dict[tuple[int, str, str], dict[str, int]],
    window_ms: int,
    resolution: int,
) -> dict[str, Any]:
    """Follow one request through its events, in order, and count what happens; returns its row."""
    row: dict[str, Any] = {"status": "unknown", "opened_at": None, "closed_at": None, "reopened": 0}
    row |= {**dict.fromkeys(_KEPT), "owner": events[0]["owner"]}
    stood: tuple[str, str] | None = None
    for event in events:
        start = event["ts"] // window_ms * window_ms
        row |= {name: event[name] for name in _KEPT if event[name] is not None}
        row |= {"updated_at": event["ts"], "cell": h3.latlng_to_cell(row["lat"], row["lon"], resolution)}
        place = (row["cell"], row["service_code"])
        match event["event"], row["status"]:
            case "opened", "unknown":
                windows[start, *place]["opened"] += 1
                row |= {"status": "open", "opened_at": event["ts"]}
            case "opened", "closed":
                windows[start, *place]["reopened"] += 1
                row |= {"status": "open", "opened_at": event["ts"], "closed_at": None}
                row["reopened"] += 1
            case "closed", "open":
                windows[start, *place]["closed"] += 1
                row |= {"status": "closed", "closed_at": event["ts"]}
            case "rated", _:
                windows[start, *place]["rated"] += 1
        stands = place if row["status"] == "open" else None
        if stands != stood:
            if stood is not None:
                windows[start, *stood]["change"] -= 1
            if stands is not None:
                windows[start, *stands]["change"] += 1
        stood = stands
    return row
