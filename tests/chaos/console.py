"""What the console says against the tables, row for row: on request, and in a live stream followed throughout."""

import http.client
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from tests import oracle
from tests.chaos.city import City
from tests.chaos.onlooker import asked

_PATIENCE_S = 40.0
"""Longer than an onlooker takes to see that its console is frozen, and to connect again."""
_POLL_S = 0.5
_STATES = ("available", "non_operational", "reserved", "on_trip", "non_contactable", "occupancy")
_CELLS = """
SELECT to_hex(cell) AS cell, operator, available, non_operational, reserved, on_trip, non_contactable, occupancy, as_of
FROM ub.cell_now WHERE occupancy + on_trip > 0
"""
_ALERTS = """
SELECT a.alert_id, a.sequence, a.severity, a.kind, to_hex(a.cell) AS cell, a.starts_at, a.updated_at, a.summary
FROM ub.alert a LEFT JOIN ub.alert_handling h USING (alert_id)
WHERE a.status = 'active' AND NOT coalesce(h.closed, false)
"""
_ALERT = ("sequence", "severity", "kind", "cell", "starts_at", "updated_at", "summary")

Rows = dict[Any, dict[str, Any]]


def console_differences(city: City) -> tuple[int, list[str]]:
    """Return how many rows were compared, and what differs once the console has had time to see the tables."""
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        city.tend()
        wanted = _wanted(city)
        try:
            lines = _differences(city, wanted)
        except (OSError, http.client.HTTPException) as error:
            lines = [f"console: no answer ({error!r})"]
        if not lines or time.monotonic() > deadline:
            return 2 * sum(map(len, wanted.values())), lines
        time.sleep(_POLL_S)


def _wanted(city: City) -> Mapping[str, Rows]:
    return {
        "cells": {
            (row["cell"], row["operator"]): _plain(row, (*_STATES, "as_of")) for row in city.query(_CELLS)
        },
        "alerts": {row["alert_id"]: _plain(row, _ALERT) for row in city.query(_ALERTS)},
    }


def _differences(city: City, wanted: Mapping[str, Rows]) -> list[str]:
    health = asked(city.onlooker.port, "/health")
    with city.onlooker.lock:
        seen = city.onlooker.seen
        live = {
            "cells": {key: _plain(row, (*_STATES, "as_of")) for key, row in seen.cells.items()},
            "alerts": {key: _plain(row, _ALERT) for key, row in seen.alerts.items()},
        }
    lines = [] if health["status"] == "ok" else [f"console: {health}"]
    if city.onlooker.failure is not None:
        lines.append(f"console, live: an event did not fit what was known: {city.onlooker.failure!r}")
    for how, told in (("on request", _asked(city)), ("live", live)):
        for name, rows in wanted.items():
            lines += [
                f"console, {name} {how}: {line}" for line in oracle.differences(rows, told[name], limit=4)
            ]
    return lines


def _asked(city: City) -> Mapping[str, Rows]:
    cells: Rows = {}
    for page in _pages(city, "/api/v1/cells?limit=500"):
        for cell in page["cells"]:
            assert cell["occupancy"] == sum(row["occupancy"] for row in cell["operators"]), cell
            for row in cell["operators"]:
                cells[cell["cell"], row["operator"]] = _plain(row, (*_STATES, "as_of"))
    alerts: Rows = {}
    for page in _pages(city, "/api/v1/alerts?limit=500"):
        alerts |= {row["alert_id"]: _plain(row, _ALERT) for row in page["alerts"]}
    return {"cells": cells, "alerts": alerts}


def _pages(city: City, path: str | None) -> Any:
    while path is not None:
        page = asked(city.onlooker.port, path)
        yield page
        path = urljoin(path, page["next"]) if page["next"] else None


def _plain(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return some columns of a row, from the database or from JSON, in one form."""
    return {name: _moment(row[name]) if name.endswith(("_at", "as_of")) else row[name] for name in names}


def _moment(value: Any) -> datetime:
    time_ = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return time_.astimezone(UTC)
