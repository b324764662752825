"""Server-Sent Events (WHATWG HTML, 9.2): the frames, and what stands in them."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any

from msgspec import Raw

from schemas import codec
from streams.console.freshness import Status
from streams.console.view import Change, View
from streams.grid import locate

RETRY_MS = 1_000
"""How long a browser waits before it connects again."""
_REMEMBERED = 50_000
"""Outlines, of some 200 bytes each."""
BEGIN = f"retry: {RETRY_MS}\n\n".encode()


def event(name: str, data: Any, event_id: str | None = None) -> bytes:
    """Return one event with its data as JSON: one line, as JSON escapes line breaks."""
    number = b"" if event_id is None else b"id: %s\n" % event_id.encode()
    return b"event: %s\n%sdata: %s\n\n" % (name.encode(), number, codec.encode(data))


def snapshot(view: View, polled_at: datetime, event_id: str) -> bytes:
    """Return the event that says everything: whoever gets it forgets what it knew before."""
    data = {
        "polled_at": polled_at,
        "cells": list(view.cells.values()),
        "alerts": list(view.alerts.values()),
        "outlines": outlines(cell for cell, _ in view.cells),
    }
    return event("snapshot", data, event_id)


def changes(change: Change, known: View, polled_at: datetime, event_id: str) -> bytes:
    """Return the event that says what changed since `known`, with the outlines of cells that are new."""
    had = {cell for cell, _ in known.cells}
    data = {
        "polled_at": polled_at,
        "cells": change.cells,
        "gone": change.gone,
        "alerts": change.alerts,
        "over": change.over,
        "outlines": outlines(row.cell for row in change.cells if row.cell not in had),
    }
    return event("changes", data, event_id)


def status(now: Status) -> bytes:
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
    ring = locate.boundary_geojson(locate.from_hex(cell))["coordinates"][0][:-1]
    return [[round(lon, 6), round(lat, 6)] for lon, lat in ring]
