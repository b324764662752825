"""One grid fold for the examples of this folder: sources speak to it, time passes, it tells."""

from typing import Any

from schemas import codec
from schemas.cells import CellsMetrics, CellsNow, CellsRequests, CellsWindow
from schemas.partials import FleetPartial, Partial, SlotCounts, WindowCounts
from streams import topics
from streams.fold.contract import Output, Record
from streams.grid.state import GridConfig, GridState
from tests.pipeline import T0, Database, geometry, restored

MINUTE = 60_000
CELL, OTHER = "89309959d07ffff", "89309959d0fffff"
CONFIG = GridConfig(
    window_ms=MINUTE, amend_horizon_ms=2 * MINUTE, idle_timeout_ms=5_000, forget_source_ms=3_600_000
)
Flow = tuple[int, str, int, int, int]
"""minute, cell, readings, arrivals, departures"""


class Grid:
    """A grid fold, its log and its checkpoints."""

    def __init__(self, config: GridConfig = CONFIG) -> None:
        self.config = config
        self.database = Database()
        self.fold = GridState(config, geometry, restored())
        self.offset = -1
        self.wall = 1
        self.now: list[CellsNow] = []
        self.windows: list[CellsWindow] = []
        self.metrics: list[CellsMetrics] = []
        self.requests: list[CellsRequests] = []
        self.outputs: list[Output] = []

    def say(
        self,
        *flows: Flow,
        source: int = 0,
        offset: int = 0,
        generation: int = 0,
        sources: int = 1,
        reached: float = 0,
        live: dict[str, int] | None = None,
        region: str = "82309ffffffffff",
        **changed: Any,
    ) -> None:
        """Fold one partial; `reached` is its watermark in minutes, `live` the available vehicles by cell."""
        cells = list(live or {})
        zeros = [0] * len(cells)
        columns = list(zip(*flows, strict=True)) or [(), (), (), (), ()]
        partial = FleetPartial(
            region=region,
            source=source,
            sources=sources,
            generation=generation,
            offset=offset,
            newest_ts=T0 + round(changed.get("newest", reached) * MINUTE) + 10_000,
            watermark=T0 + round(reached * MINUTE),
            window_ms=changed.get("window_ms", MINUTE),
            provisional=changed.get("provisional", False),
            more=changed.get("more", False),
            now=SlotCounts(
                cells, ["north"] * len(cells), list((live or {}).values()), zeros, zeros, zeros, zeros
            ),
            windows=WindowCounts(
                [T0 + minute * MINUTE for minute in columns[0]],
                list(columns[1]),
                ["north"] * len(flows),
                *[list(column) for column in columns[2:]],
            ),
        )
        self.put(partial)

    def put(self, partial: Partial) -> None:
        """Fold one partial of any kind."""
        self.fold_bytes(codec.encode(partial))

    def fold_bytes(self, value: bytes) -> None:
        """Fold one record."""
        self.offset += 1
        self.fold.apply(Record(topics.PARTIALS, 0, self.offset, value, T0))

    def tick(self, wall_ms: int = 1, *, at_checkpoint: bool = False) -> list[tuple[int, str, int, int]]:
        """Let wall time pass; returns (minute, cell, occupancy, revision) of the fleet's windows told."""
        self.wall += wall_ms
        self.fold.idle(self.wall)
        told = []
        for output in self.fold.take_outputs(at_checkpoint=at_checkpoint):
            self.outputs.append(output)
            if output.topic != topics.CELLS:
                continue
            message = codec.cells.decode(output.value)
            match message:
                case CellsNow():
                    self.now.append(message)
                case CellsMetrics():
                    self.metrics.append(message)
                case CellsRequests():
                    self.requests.append(message)
                case CellsWindow(rows=rows):
                    self.windows.append(message)
                    minutes = [(start - T0) // MINUTE for start in rows.window_start]
                    told += list(zip(minutes, rows.cell, rows.occupancy, rows.revision, strict=True))
        return told

    def refusals(self) -> list[str]:
        """Return what was refused, each with its detail."""
        return [codec.rejected.decode(o.value).detail for o in self.outputs if o.topic == topics.REJECTED]

    def checkpoint(self) -> None:
        """Publish and store."""
        self.tick(at_checkpoint=True)
        self.database.commit("grid", self.offset, self.fold.take_changes())

    def crash(self) -> None:
        """Start again from the checkpoint."""
        self.fold = GridState(self.config, geometry, self.database.restored("grid", 0))
        self.fold.idle(self.wall)

    def live(self) -> dict[str, int]:
        """Return the available vehicles by cell, as told last, without zeros."""
        found: dict[str, int] = {}
        for message in self.now:
            found |= dict(zip(message.counts.cell, message.counts.available, strict=True))
        return {cell: count for cell, count in found.items() if count}

    def stored(self) -> dict[tuple[int, str], tuple[int, int, int, int]]:
        """Return {(minute, cell): (readings, occupancy, revision, ...)} of ub.cell_window."""
        return {
            ((row["window_start"] - T0) // MINUTE, f"{row['cell']:x}"): (
                row["readings"],
                row["arrivals"] - row["departures"],
                row["occupancy"],
                row["revision"],
            )
            for row in self.database.tables["cell_window"].values()
        }
