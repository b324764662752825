"""What the city looks like at one moment, and what changed from one moment to the next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from streams.grid import locate
from streams.store.attendance import Seen
from streams.store.view_rows import Booked, CellNow, OpenAlert, Stored

Key = tuple[str, str]
"""Cell (hex) and operator."""


@dataclass(frozen=True, slots=True)
class View:
    """All live cells, in the order of their keys, and all open alerts, newest start first.

    `stored`: when a worker wrote last; None if never. `stages`: when each was last looked after, as far as it is known.
    `ledger`: what became of the readings of each.
    """

    cells: Mapping[Key, CellNow] = field(default_factory=dict)
    alerts: Mapping[str, OpenAlert] = field(default_factory=dict)
    stored: Stored | None = None
    stages: Sequence[Seen] = ()
    ledger: Sequence[Booked] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """From one view to a later one: rows that are new or differ, and the keys of those that are gone."""

    cells: tuple[CellNow, ...]
    gone: tuple[Key, ...]
    alerts: tuple[OpenAlert, ...]
    over: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.cells or self.gone or self.alerts or self.over)


def view(
    cells: Iterable[CellNow],
    alerts: Iterable[OpenAlert],
    stored: Stored | None = None,
    stages: Sequence[Seen] = (),
    ledger: Sequence[Booked] = (),
) -> View:
    """Return the view of rows as the database gives them."""
    by_key = {(row.cell, row.operator): row for row in cells}
    newest_first = sorted(
        map(_with_area, alerts), key=lambda alert: (-alert.starts_at.timestamp(), alert.alert_id)
    )
    by_id = {alert.alert_id: alert for alert in newest_first}
    return View(dict(sorted(by_key.items())), by_id, stored, stages, ledger)


def _with_area(alert: OpenAlert) -> OpenAlert:
    return alert if alert.cells is None else replace(alert, area=_outline(tuple(alert.cells)) or None)


@lru_cache(1000)
def _outline(cells: tuple[str, ...]) -> list[list[list[list[float]]]]:
    """Return the outline of the cells to a decimetre."""
    found = locate.outline(cell for cell in cells if locate.is_cell(cell))
    return [[[[round(lon, 6), round(lat, 6)] for lon, lat in ring] for ring in polygon] for polygon in found]


def diff(before: View, after: View) -> Change:
    """Return what a client that knows `before` has to be told so that it knows `after`."""
    return Change(
        cells=tuple(row for key, row in after.cells.items() if before.cells.get(key) != row),
        gone=tuple(key for key in before.cells if key not in after.cells),
        alerts=tuple(alert for name, alert in after.alerts.items() if before.alerts.get(name) != alert),
        over=tuple(name for name in before.alerts if name not in after.alerts),
    )
