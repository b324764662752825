"""The pure folds of the road, joined in one process without broker or database: for unit and property tests."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from schemas import codec
from schemas.cells import CellsNow, CellsWindow
from streams import topics
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.state import FleetState
from streams.fold.contract import Changes, Ledger, Output, Record, Restored
from streams.grid import locate
from streams.grid.state import GridConfig, GridState
from streams.rejects.state import RejectsState

T0 = 1_767_225_600_000
"""2026-01-01T00:00:00Z, the start of a window."""
FAR_FUTURE = 4_000_000_000_000
"""A time of receipt that never holds the watermark back."""

FLEET = FleetConfig(
    window_ms=60_000,
    allowed_lateness_ms=10_000,
    amend_horizon_ms=600_000,
    stale_after_ms=3_600_000,
    sources=2,
)
GRID = GridConfig(
    window_ms=60_000, amend_horizon_ms=600_000, idle_timeout_ms=5_000, forget_source_ms=3_600_000
)


def restored(
    partition: int = 0,
    offset: int = -1,
    parts: Mapping[str, bytes] | None = None,
    *,
    generation: int = 0,
    ledger: Ledger | None = None,
) -> Restored:
    """Return the beginning of a fold, or what a checkpoint gave back."""
    return Restored(partition, generation, offset, dict(parts or {}), ledger or Ledger())


def frame(readings: Sequence[Mapping[str, Any]], received_at: int = FAR_FUTURE) -> bytes:
    """Return a frame of readings as the gateway writes it."""
    columns: dict[str, Any] = {
        name: [reading[name] for reading in readings]
        for name in ("vehicle_id", "operator", "ts", "lat", "lon", "vehicle_state")
    }
    return msgspec.json.encode({**columns, "received_at": received_at})


class Database:
    """The tables that folds write, by key, and the parts of their checkpoints."""

    KEYS: ClassVar[dict[str, tuple[str, ...]]] = {
        "vehicle_state": ("vehicle_id",),
        "vehicle_event": ("vehicle_id", "event_type", "at"),
        "cell_now": ("cell", "operator"),
        "cell_window": ("window_start", "cell", "operator"),
        "sensor_window": ("window_start", "cell", "metric"),
        "request_window": ("window_start", "cell", "service_code"),
        "cell_geometry": ("cell",),
        "alert": ("alert_id",),
        "alert_event": ("alert_id", "sequence"),
        "incident": ("incident_id",),
        "incident_alert": ("incident_id", "alert_id"),
        "rejected": ("source", "sequence"),
        "rejected_count": ("partition", "topic", "reason"),
    }

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, dict[str, Any]]] = {name: {} for name in self.KEYS}
        self.parts: dict[str, dict[str, bytes]] = {}
        self.offsets: dict[str, int] = {}
        self.ledgers: dict[str, Ledger] = {}

    def commit(self, name: str, offset: int, changes: Changes) -> None:
        """Write a checkpoint; deletions come before all upserts."""
        self.offsets[name] = offset
        if changes.ledger is not None:
            self.ledgers[name] = changes.ledger
        mine = self.parts.setdefault(name, {})
        for part, value in changes.parts.items():
            if value is None:
                mine.pop(part, None)
            else:
                mine[part] = value
        for rows in sorted(changes.rows, key=lambda rows: not rows.delete):
            table, key = self.tables[rows.table], self.KEYS[rows.table]
            for values in zip(*rows.columns.values(), strict=True):
                row = dict(zip(rows.columns, values, strict=True))
                if rows.delete:
                    table.pop(tuple(row[k] for k in key), None)
                else:
                    table[tuple(row[k] for k in key)] = row

    def restored(self, name: str, partition: int) -> Restored:
        """Return what a fold starts from."""
        return restored(
            partition, self.offsets.get(name, -1), self.parts.get(name), ledger=self.ledgers.get(name)
        )

    def vehicles(self, partition: int) -> dict[str, list[Any]] | None:
        """Return the columns of vehicle_state of one partition."""
        rows = [row for row in self.tables["vehicle_state"].values() if row["partition"] == partition]
        return {key: [row[key] for row in rows] for key in rows[0]} if rows else None


def geometry(cell: int) -> dict[str, Any]:
    """Return a row of ub.cell_geometry without the geometry."""
    return {"cell": cell, "hex": f"{cell:x}", "resolution": 9, "lat": 0, "lon": 0, "boundary": "{}"}


class City:
    """`sources` fleet folds, one grid fold and one rejects fold, with their checkpoints in a Database.

    Partials wait in an outbox per source until they are delivered to the log of the grid, so that a test
    can interleave the sources as a broker may.
    """

    def __init__(
        self,
        sources: int = 2,
        resolution: int = 9,
        *,
        fleet: FleetConfig = FLEET,
        grid: GridConfig = GRID,
        locator: locate.Locator | None = None,
    ) -> None:
        self.locator = locator or locate.Locator(resolution, 2)
        self.known_cells = Cells(self.locator)
        fleet = replace(fleet, sources=sources)
        self.fleet_config, self.grid_config = fleet, grid
        self.database = Database()
        self.fleets = {p: FleetState(fleet, self.known_cells, restored(p)) for p in range(sources)}
        self.grid = GridState(grid, geometry, restored())
        self.rejects = RejectsState(restored())
        self.logs: dict[int, list[bytes]] = {p: [] for p in range(sources)}
        self.outbox: dict[int, list[bytes]] = {p: [] for p in range(sources)}
        self.partials: list[bytes] = []
        self.refused: list[Output] = []
        self.events: list[Output] = []
        self.cells: list[Output] = []
        self.grid_applied = -1
        self.wall = 1

    # ------------------------------------------------------------------ fleet

    def feed(self, partition: int, value: bytes) -> None:
        """Append a record to the log of a source and fold it."""
        self.logs[partition].append(value)
        self._fold(partition, len(self.logs[partition]) - 1)

    def _fold(self, partition: int, offset: int) -> None:
        value = self.logs[partition][offset]
        self.fleets[partition].apply(Record(topics.VEHICLES, partition, offset, value, FAR_FUTURE))

    def publish(self, partition: int, *, at_checkpoint: bool = False) -> None:
        """Publish what a fleet has to say; its partials wait to be delivered."""
        for output in self.fleets[partition].take_outputs(at_checkpoint=at_checkpoint):
            if output.topic == topics.PARTIALS:
                self.outbox[partition].append(output.value)
            elif output.topic == topics.REJECTED:
                self.rejects.apply(Record(topics.REJECTED, 0, len(self.refused), output.value, FAR_FUTURE))
                self.refused.append(output)
            else:
                self.events.append(output)

    def checkpoint(self, partition: int, offset: int | None = None) -> None:
        """Publish and store a fleet, which has folded its log up to an offset, or all of it."""
        self.publish(partition, at_checkpoint=True)
        changes = self.fleets[partition].take_changes()
        reached = len(self.logs[partition]) - 1 if offset is None else offset
        self.database.commit(f"fleet/{partition}", reached, changes)

    def publish_without_commit(self, partition: int) -> None:
        """Publish a checkpoint's outputs and crash before its transaction."""
        self.publish(partition, at_checkpoint=True)
        self.fleets[partition].take_changes()
        self.crash(partition)

    def crash(self, partition: int) -> None:
        """Lose a fleet's memory, load its checkpoint and fold the rest of its log again.

        The next owner tells what it knows before it is as far as the one before was, and on its way there.
        """
        start = self.database.restored(f"fleet/{partition}", partition)
        rows = self.database.vehicles(partition)
        self.fleets[partition] = FleetState(self.fleet_config, self.known_cells, start, rows)
        self.checkpoint(partition, start.offset)
        for offset in range(start.offset + 1, len(self.logs[partition])):
            self._fold(partition, offset)
            self.checkpoint(partition, offset)

    # ------------------------------------------------------------------ grid

    def deliver(self, partition: int, most: int | None = None) -> None:
        """Move partials of a source, the oldest first, to the end of the grid's log."""
        waiting = self.outbox[partition]
        count = len(waiting) if most is None else most
        self.partials += waiting[:count]
        self.outbox[partition] = waiting[count:]

    def repeat(self, index: int) -> None:
        """Put a partial that is in the grid's log there once more."""
        if self.partials:
            self.partials.append(self.partials[index % len(self.partials)])

    def run_grid(self) -> None:
        """Fold the partials that the grid has not seen yet."""
        for at in range(self.grid_applied + 1, len(self.partials)):
            self.grid.apply(Record(topics.PARTIALS, 0, at, self.partials[at], 0))
            self._publish_grid(at_checkpoint=False)
        self.grid_applied = len(self.partials) - 1

    def _publish_grid(self, *, at_checkpoint: bool) -> None:
        self.grid.idle(self.wall)
        self.cells += self.grid.take_outputs(at_checkpoint=at_checkpoint)

    def idle(self, wall_ms: int) -> None:
        """Let wall time pass, in which nobody says anything."""
        self.wall += wall_ms
        self._publish_grid(at_checkpoint=False)

    def checkpoint_grid(self) -> None:
        """Publish and store the grid."""
        self._publish_grid(at_checkpoint=True)
        self.database.commit("grid", self.grid_applied, self.grid.take_changes())

    def publish_grid_without_commit(self) -> None:
        """Publish a checkpoint's outputs and crash before its transaction."""
        self._publish_grid(at_checkpoint=True)
        self.grid.take_changes()
        self.crash_grid()

    def crash_grid(self) -> None:
        """Lose the grid's memory; it folds the partials since its checkpoint again when it runs."""
        start = self.database.restored("grid", 0)
        self.grid = GridState(self.grid_config, geometry, start)
        self.grid.idle(self.wall)
        self.grid_applied = start.offset

    # ------------------------------------------------------------------ the end

    def settle(self) -> None:
        """Let everything reach the tables: all sources fall silent, those never heard too: every window closes."""
        for partition in self.fleets:
            self.checkpoint(partition)
            self.checkpoint(partition)  # what is only provisional is told one checkpoint later
            self.deliver(partition)
        self.run_grid()
        self.idle(6 * self.grid_config.idle_timeout_ms + 1)
        while self.grid.has_more():
            self._publish_grid(at_checkpoint=False)
        self.checkpoint_grid()
        self.database.commit("rejects", len(self.refused) - 1, self.rejects.take_changes())

    # ------------------------------------------------------------------ tables as the oracle has them

    def vehicle_state(self) -> dict[str, dict[str, Any]]:
        """Return ub.vehicle_state in the oracle's form."""
        return {
            row["vehicle_id"]: {
                "ts": row["ts"],
                "operator": row["operator"],
                "cell": f"{row['cell']:x}",
                "vehicle_state": row["vehicle_state"],
            }
            for row in self.database.tables["vehicle_state"].values()
        }

    def cell_now(self) -> dict[tuple[str, str], dict[str, int]]:
        """Return the non-empty rows of ub.cell_now in the oracle's form."""
        states = ("available", "non_contactable", "non_operational", "on_trip", "reserved")
        return {
            (f"{row['cell']:x}", row["operator"]): {state: row[state] for state in states}
            for row in self.database.tables["cell_now"].values()
            if any(row[state] for state in states)
        }

    def cell_window(self) -> dict[tuple[int, str, str], dict[str, int]]:
        """Return the non-empty rows of ub.cell_window in the oracle's form."""
        names = ("readings", "arrivals", "departures", "occupancy")
        return {
            (row["window_start"], f"{row['cell']:x}", row["operator"]): {name: row[name] for name in names}
            for row in self.database.tables["cell_window"].values()
            if row["readings"] or row["arrivals"] or row["departures"]
        }

    def ledger(self) -> Ledger:
        """Return the ledgers of all sources, added up, as of now."""
        ledgers = [fleet.ledger for fleet in self.fleets.values()]
        return Ledger(
            received=sum(one.received for one in ledgers),
            applied=sum(one.applied for one in ledgers),
            superseded=sum(one.superseded for one in ledgers),
            rejected=sum(one.rejected for one in ledgers),
        )

    def rejected_counts(self) -> dict[str, int]:
        """Return the refusals by reason, as ub.rejected_count has them."""
        counts: dict[str, int] = {}
        for row in self.database.tables["rejected_count"].values():
            counts[row["reason"]] = counts.get(row["reason"], 0) + row["count"]
        return counts

    def told_now(self) -> list[CellsNow]:
        """Return every live message of the grid."""
        return [message for message in self._told() if isinstance(message, CellsNow)]

    def told_windows(self) -> list[CellsWindow]:
        """Return every message of the grid on closed windows."""
        return [message for message in self._told() if isinstance(message, CellsWindow)]

    def _told(self) -> list[CellsNow | CellsWindow]:
        return [codec.cells.decode(output.value) for output in self.cells]
