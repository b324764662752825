"""Alerts as events on a handful of cells, grouped as the incidents stage groups them."""

from collections.abc import Iterable, Sequence

import h3
import msgspec

from schemas.alerts import Alert, AlertKind, Severity
from schemas.incidents import Incident
from streams.grid import locate
from streams.incidents.grouping.groups import Groups
from streams.incidents.grouping.incident import GroupConfig
from tests.pipeline import T0
from tests.unit.alerts.events import alert

CENTRE = h3.latlng_to_cell(31.2334567, 121.4765432, 9)
REGION = h3.cell_to_parent(CENTRE, 2)
ROW = h3.grid_path_cells(CENTRE, h3.grid_ring(CENTRE, 6)[0])
"""Cells in a row: each touches the one before and the one after, and no other of them."""
SECOND = 1000


def config(linger_s: int = 0) -> GroupConfig:
    return GroupConfig(locate.neighbours, locate.outline, locate.coarser, linger_s * SECOND)


class Grouped:
    """The incidents of one region, their log and their checkpoint."""

    def __init__(self, linger_s: int = 0) -> None:
        self.config = config(linger_s)
        self.groups = Groups(self.config)
        self.parts: dict[str, bytes] = {}
        self.open: dict[str, Alert] = {}
        self.told: list[Incident] = []
        self.joined: list[tuple[str, str]] = []
        self.offset = -1

    def raised(
        self,
        second: int,
        *cells: str,
        kind: AlertKind = "oversaturation",
        severity: Severity = "minor",
        since: int | None = None,
    ) -> list[Incident]:
        """Fold a record that raises an alert of a kind on each cell."""
        starts = T0 + (second if since is None else since) * SECOND
        events = [
            msgspec.structs.replace(
                alert("raised", severity),
                alert_id=f"{kind}/{cell}/{starts}",
                kind=kind,
                cell=cell,
                region=REGION,
                starts_at=starts,
                updated_at=T0 + second * SECOND,
            )
            for cell in cells
        ]
        self.open |= {event.alert_id: event for event in events}
        return self.fold(second, events)

    def changed(self, second: int, cell: str, severity: Severity) -> list[Incident]:
        """Fold a record that changes the severity of the alerts of a cell."""
        events = [
            msgspec.structs.replace(one, severity=severity, action="updated", updated_at=T0 + second * SECOND)
            for one in self.open.values()
            if one.cell == cell
        ]
        self.open |= {event.alert_id: event for event in events}
        return self.fold(second, events)

    def cleared(self, second: int, *cells: str) -> list[Incident]:
        """Fold a record that clears the alerts of some cells."""
        at = T0 + second * SECOND
        events = [
            msgspec.structs.replace(one, action="cleared", status="cleared", updated_at=at, ends_at=at)
            for one in self.open.values()
            if one.cell in cells
        ]
        for event in events:
            del self.open[event.alert_id]
        return self.fold(second, events)

    def quiet(self, second: int) -> list[Incident]:
        """Fold a record that changes no alert."""
        return self.fold(second, [])

    def fold(self, second: int, events: Sequence[Alert]) -> list[Incident]:
        self.offset += 1
        told = list(self.groups.apply(events, (REGION, T0 + second * SECOND), self.offset))
        self.told += told
        return told

    def checkpoint(self) -> None:
        for name, part in self.groups.take_parts().items():
            if part is None:
                self.parts.pop(name, None)
            else:
                self.parts[name] = part
        self.joined += [(incident, one) for incident, one, _ in self.groups.take_joined()]

    def crash(self) -> None:
        """Begin again from the checkpoint, which must be of now."""
        self.groups = Groups(self.config)
        for part in self.parts.values():
            self.groups.restore(part)
        for one in self.open.values():
            self.groups.adopt(one)

    def active(self) -> dict[str, Incident]:
        """Return the incidents that are active after all that was told."""
        newest = {incident.incident_id: incident for incident in self.told}
        return {id_: incident for id_, incident in newest.items() if incident.status == "active"}


def cells_of(incidents: Iterable[Incident]) -> list[list[str]]:
    return sorted(incident.cells for incident in incidents)
