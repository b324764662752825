"""The pure folds of the road, joined in one process without broker or database: for unit and property tests."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from schemas import codec
from schemas.partials import FleetPartial
from streams import topics
from streams.fleet.state import FleetConfig, FleetState
from streams.fold import Ledger, Output, Record, Restored
from streams.grid import locate
from streams.grid.state import GridConfig, GridState

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


def restored(partition: int, offset: int = -1, parts: Mapping[str, bytes] | None = None) -> Restored:
    """Return the beginning of a fold, or what a checkpoint gave back."""
    return Restored(partition, 0, offset, parts or {}, Ledger())


def frame(readings: Sequence[Mapping[str, Any]], received_at: int = 4_000_000_000_000) -> bytes:
    """Return a frame of readings as the gateway writes it."""
    columns: dict[str, Any] = {
        name: [reading[name] for reading in readings]
        for name in ("vehicle_id", "operator", "ts", "lat", "lon", "vehicle_state")
    }
    return msgspec.json.encode({**columns, "received_at": received_at})


class Database:
    """The tables that folds write, by key, and the parts of their checkpoints."""

    KEYS = {
        "vehicle_state": ("vehicle_id",),
        "cell_now": ("cell", "operator"),
        "cell_window": ("window_start", "cell", "operator"),
        "cell_geometry": ("cell",),
    }

    def __init__(self) -> None:
        self.tables: dict[str, dict[Any, dict[str, Any]]] = {name: {} for name in self.KEYS}
        self.parts: dict[str, dict[str, bytes]] = {}
        self.offsets: dict[str, int] = {}
        self.ledgers: dict[str, Ledger] = {}

    def commit(self, name: str, offset: int, changes: Any) -> None:
        """Write a checkpoint."""
        self.offsets[name] = offset
        if changes.ledger is not None:
            self.ledgers[name] = changes.ledger
        mine = self.parts.setdefault(name, {})
        for part, value in changes.parts.items():
            if value is None:
                mine.pop(part, None)
            else:
                mine[part] = value
        for rows in changes.rows:
            for i in range(len(rows)):
                row = {column: values[i] for column, values in rows.columns.items()}
                self.tables[rows.table][tuple(row[k] for k in self.KEYS[rows.table])] = row


class City:
    """`sources` fleet folds and one grid fold, with their checkpoints in a Database."""

    def __init__(self, sources: int = 2, resolution: int = 9) -> None:
        self.locator = locate.Locator(resolution, 2)
        self.database = Database()
        self.sources = sources
        self.fleets = {p: FleetState(FLEET, self.locator, restored(p)) for p in range(sources)}
        self.grid = self._grid(restored(0))
        self.logs: dict[int, list[bytes]] = {p: [] for p in range(sources)}
        self.partials: list[bytes] = []
        self.refused: list[Output] = []
        self.wall = 1

    def _grid(self, start: Restored) -> GridState:
        return GridState(
            GRID,
            lambda cell: {
                "cell": cell,
                "hex": f"{cell:x}",
                "resolution": 9,
                "lat": 0,
                "lon": 0,
                "boundary": "{}",
            },
            start,
        )

    def feed(self, partition: int, value: bytes) -> None:
        """Append a record to the log of a source and fold it."""
        self.logs[partition].append(value)
        offset = len(self.logs[partition]) - 1
        self.fleets[partition].apply(Record(topics.VEHICLES, partition, offset, value, 4_000_000_000_000))

    def publish(self, partition: int, *, at_checkpoint: bool) -> None:
        """Publish what a fleet has to say."""
        for output in self.fleets[partition].take_outputs(at_checkpoint=at_checkpoint):
            if output.topic == topics.PARTIALS:
                self.partials.append(output.value)
            else:
                self.refused.append(output)

    def checkpoint(self, partition: int) -> None:
        """Publish and store a fleet."""
        self.publish(partition, at_checkpoint=True)
        self.database.commit(
            f"fleet/{partition}", len(self.logs[partition]) - 1, self.fleets[partition].take_changes()
        )

    def publish_without_commit(self, partition: int) -> None:
        """Publish a checkpoint's outputs and crash before its transaction."""
        self.publish(partition, at_checkpoint=True)
        self.crash(partition)

    def crash(self, partition: int) -> None:
        """Lose a fleet's memory, load its checkpoint and fold the rest of its log again."""
        name = f"fleet/{partition}"
        rows = [r for r in self.database.tables["vehicle_state"].values() if r["partition"] == partition]
        columns = {key: [row[key] for row in rows] for key in rows[0]} if rows else None
        offset = self.database.offsets.get(name, -1)
        start = Restored(
            partition,
            0,
            offset,
            dict(self.database.parts.get(name, {})),
            self.database.ledgers.get(name, Ledger()),
        )
        fleet = self.fleets[partition] = FleetState(FLEET, self.locator, start, columns)
        for at in range(offset + 1, len(self.logs[partition])):
            fleet.apply(Record(topics.VEHICLES, partition, at, self.logs[partition][at], 4_000_000_000_000))

    def run_grid(self, upto: int | None = None) -> None:
        """Fold the partials that the grid has not seen yet."""
        done = self.database.offsets.get("grid-applied", -1)
        end = len(self.partials) if upto is None else upto
        for at in range(done + 1, end):
            self.grid.apply(Record(topics.PARTIALS, 0, at, self.partials[at], 0))
            self.grid.idle(self.wall)
            self.grid.take_outputs(at_checkpoint=False)
        self.database.offsets["grid-applied"] = max(done, end - 1)

    def checkpoint_grid(self) -> None:
        """Store the grid."""
        self.grid.take_outputs(at_checkpoint=True)
        self.database.commit("grid", self.database.offsets.get("grid-applied", -1), self.grid.take_changes())

    def crash_grid(self) -> None:
        """Lose the grid's memory; it folds the partials since its checkpoint again."""
        self.grid = self._grid(
            restored(0, self.database.offsets.get("grid", -1), dict(self.database.parts.get("grid", {})))
        )
        self.grid.idle(self.wall)
        self.database.offsets["grid-applied"] = self.database.offsets.get("grid", -1)

    def settle(self) -> None:
        """Let everything reach the tables: all sources fall silent, so that every window closes."""
        for partition in self.fleets:
            self.checkpoint(partition)
            self.checkpoint(partition)  # what is only provisional is told one checkpoint later
        self.run_grid()
        self.grid.idle(self.wall)
        self.wall += GRID.idle_timeout_ms + 1
        self.grid.idle(self.wall)
        self.checkpoint_grid()

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
        """Return ub.cell_window in the oracle's form."""
        names = ("readings", "arrivals", "departures", "occupancy")
        return {
            (row["window_start"], f"{row['cell']:x}", row["operator"]): {name: row[name] for name in names}
            for row in self.database.tables["cell_window"].values()
            if row["readings"] or row["arrivals"] or row["departures"]
        }


def partial(value: bytes) -> FleetPartial:
    """Decode a partial."""
    return codec.fleet_partial.decode(value)


def frames(readings: Iterable[Mapping[str, Any]], size: int) -> list[bytes]:
    """Cut readings into frames of `size`."""
    listed = list(readings)
    return [frame(listed[i : i + size]) for i in range(0, len(listed), size)]
