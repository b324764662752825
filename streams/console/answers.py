"""Answers of the HTTP API, from rows to what is told: pages of cells, of alerts, of minutes; cells as GeoJSON."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from schemas.vehicles import COUNTED_STATES
from streams.console.params import AlertsQuery, Bbox, CellsQuery, Place, place_of
from streams.console.view import View
from streams.grid import locate
from streams.store.view_rows import CellMinute, CellNow, ClearedAlert, OpenAlert

STATES = ("occupancy", *COUNTED_STATES)
"""What is counted of a cell, and of an operator in it."""


def cells_page(view: View, query: CellsQuery) -> tuple[list[dict[str, Any]], str | None]:
    """Return one object for each cell, in the order of their hex strings, and where the next page begins."""
    page: list[dict[str, Any]] = []
    for cell, rows in _chosen(view, query):
        if len(page) == query.limit:
            return page, page[-1]["cell"]
        page.append(_cell(cell, rows))
    return page, None


def _chosen(view: View, query: CellsQuery) -> Iterator[tuple[str, list[CellNow]]]:
    for cell, found in groupby(view.cells.values(), key=lambda row: row.cell):
        if query.after is not None and cell <= query.after:
            continue
        if query.parent is not None and not locate.lies_in(cell, query.parent):
            continue
        if query.bbox is not None and not _inside(cell, query.bbox):
            continue
        rows = [row for row in found if query.operator in (None, row.operator)]
        if rows:
            yield cell, rows


def _inside(cell: str, bbox: Bbox) -> bool:
    lat, lon = locate.centre(locate.from_hex(cell))
    west, south, east, north = bbox
    between = west <= lon <= east if west <= east else lon >= west or lon <= east
    return between and south <= lat <= north


def _cell(cell: str, rows: Sequence[CellNow]) -> dict[str, Any]:
    lat, lon = locate.centre(locate.from_hex(cell))
    return {
        "cell": cell,
        "lat": round(lat, 6),
        "lon": round(lon, 6),
        "region": rows[0].region,
        **{state: sum(getattr(row, state) for row in rows) for state in STATES},
        "as_of": max(row.as_of for row in rows),
        "operators": [
            {
                "operator": row.operator,
                **{state: getattr(row, state) for state in STATES},
                "as_of": row.as_of,
                "completeness": row.completeness,
            }
            for row in rows
        ],
    }


def feature_collection(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return cells as GeoJSON (RFC 7946): an outline for each, and what is told of it as properties."""
    return {"type": "FeatureCollection", "features": [_feature(cell) for cell in cells]}


def _feature(cell: dict[str, Any]) -> dict[str, Any]:
    boundary = locate.boundary_geojson(locate.from_hex(cell["cell"]))
    return {
        "type": "Feature",
        "id": cell["cell"],
        "geometry": {"type": boundary["type"], "coordinates": _rounded(boundary["coordinates"])},
        "properties": cell,
    }


def _rounded(coordinates: Any) -> Any:
    """Return coordinates of any depth to a decimetre."""
    return [*map(_rounded, coordinates)] if isinstance(coordinates, list) else round(coordinates, 6)


def open_page(view: View, query: AlertsQuery) -> tuple[list[OpenAlert], str | None]:
    """Return the open alerts that match, newest start first, and where the next page begins."""
    page: list[OpenAlert] = []
    for alert in view.alerts.values():
        if query.severity not in (None, alert.severity) or query.kind not in (None, alert.kind):
            continue
        if query.after is not None and not _behind(query.after, alert):
            continue
        if len(page) == query.limit:
            return page, place_of(page[-1].starts_at, page[-1].alert_id)
        page.append(alert)
    return page, None


def _behind(after: Place, alert: OpenAlert) -> bool:
    at, name = after
    return alert.starts_at < at or (alert.starts_at == at and alert.alert_id > name)


def cleared_page(rows: Sequence[ClearedAlert], limit: int) -> tuple[Sequence[ClearedAlert], str | None]:
    """Return the first `limit` rows, and where the next page begins if there is one row more."""
    page = rows[:limit]
    return page, place_of(page[-1].ends_at, page[-1].alert_id) if len(rows) > limit else None


def minutes_page(rows: Sequence[CellMinute], limit: int) -> tuple[Sequence[CellMinute], str | None]:
    """Return the first `limit` rows, and where the next page begins if there is one row more."""
    page = rows[:limit]
    return page, place_of(page[-1].minute, page[-1].operator) if len(rows) > limit else None


def problem(status: int, title: str, detail: str) -> dict[str, Any]:
    """Return the body of an error (RFC 9457, application/problem+json)."""
    return {"type": "about:blank", "title": title, "status": status, "detail": detail}
