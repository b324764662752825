"""Server-Sent Events (WHATWG HTML, 9.2): the frames, and what stands in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from functools import lru_cache
from typing import Any

from msgspec import Raw

from schemas import codec
from streams.console.frames import Frame
from streams.console.freshness import Status
from streams.console.view import Change, View
from streams.grid import locate

RETRY_MS = 1_000
"""How long a browser waits before it connects again."""
MOST_ROWS = 500
"""In one event, some 150 KB: a client on a slow line hears something every few seconds."""
_REMEMBERED = 50_000
"""Outlines, of some 200 bytes each."""
BEGIN = Frame(f"retry: {RETRY_MS}\n\n".encode())


def event(name: str, data: Any, event_id: str | None = None) -> Frame:
    """Return one event with its data as JSON: one line, as JSON escapes line breaks."""
    number = b"" if event_id is None else b"id: %s\n" % event_id.encode()
    return Frame(b"event: %s\n%sdata: %s\n\n" % (name.encode(), number, codec.encode(data)))


def snapshot(view: View, polled_at: datetime, event_id: str) -> Frame:
    """Return the events that say everything: whoever gets them forgets what it knew before."""
    rows = {"cells": [*view.cells.values()], "gone": (), "alerts": [*view.alerts.values()], "over": ()}
    return _in_parts("snapshot", rows, frozenset(), polled_at, event_id)


def changes(change: Change, known: View, polled_at: datetime, event_id: str) -> Frame:
    """Return the events that say what changed since `known`, with the outlines of cells that are new."""
    rows = {"cells": change.cells, "gone": change.gone, "alerts": change.alerts, "over": change.over}
    # Of a cell some of whose rows are gone, the others may come in a later event: it is told like a new one.
    had = {cell for cell, _ in known.cells} - {cell for cell, _ in change.gone}
    return _in_parts("changes", rows, had, polled_at, event_id)


def _in_parts(
    name: str, rows: Mapping[str, Sequence[Any]], had: Set[str], polled_at: datetime, event_id: str
) -> Frame:
    """Return an event and, beyond MOST_ROWS rows of a kind, further ones with the rest: all but the last say `more`."""
    firsts = range(0, max(1, *map(len, rows.values())), MOST_ROWS)

    def parts() -> Iterator[Frame]:
        for first in firsts:
            some = {kind: given[first : first + MOST_ROWS] for kind, given in rows.items()}
            data = {
                "polled_at": polled_at,
                **some,
                "outlines": outlines(row.cell for row in some["cells"] if row.cell not in had),
                "more": first != firsts[-1],
            }
            yield event("changes" if first else name, data, event_id)

    return Frame(b"".join(parts()))


def status(now: Status) -> Frame:
    """Return the event that says how fresh the view is. It comes every ten seconds, too: it is the heartbeat."""
    return event("status", now)


def outlines(cells: Iterable[str]) -> dict[str, Raw]:
    """Return the corners of each cell as JSON: [longitude, latitude], the first one once."""
    return {cell: _corners(cell) for cell in cells}


@lru_cache(_REMEMBERED)
def _corners(cell: str) -> Raw:
    return Raw(codec.encode(outline(cell)))


def outline(cell: str) -> list[list[float]]:
    """Return the corners of a cell to a decimetre."""
    ring = locate.boundary_in_one_piece(locate.from_hex(cell))["coordinates"][0][:-1]
    return [[round(lon, 6), round(lat, 6)] for lon, lat in ring]
