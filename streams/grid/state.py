"""The grid fold: partials of all sources in; live cells, closed windows and table rows out.

Watermark of a region = the least watermark of its active sources; a source that said nothing for
`idle_timeout` of wall time does not hold windows open, but what it says later still counts: closed
windows are amended (design D4). Rows leave memory only when no source can change them any more.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas import codec, envelope
from schemas.cells import CellsNow, CellsWindow, ClosedWindows
from schemas.partials import FleetPartial, SlotCounts
from streams import topics
from streams.fold import Changes, Output, Record, Restored, Rows
from streams.grid import saved
from streams.grid.check import problem_of
from streams.grid.merge import COUNTED, STANDING, Source
from streams.grid.region import Region
from streams.grid.window import Row
from streams.refusals import refusal

STAGE = "grid"
_GENERATION_BITS = 44  # order = (generation + 1) << 44 | offset + 1; offsets stay below 1.7e13
Geometry = Callable[[int], dict[str, Any]]
"""Return the ub.cell_geometry row of a cell (H3 index): hex, resolution, lat, lon, boundary as JSON text."""


@dataclass(frozen=True, slots=True)
class GridConfig:
    """Milliseconds. `idle_timeout_ms` and `forget_source_ms` are wall time."""

    window_ms: int
    amend_horizon_ms: int
    idle_timeout_ms: int
    forget_source_ms: int


class GridState:
    """Fold over one partition of ub.partials."""

    def __init__(self, config: GridConfig, geometry: Geometry, restored: Restored) -> None:
        self._config = config
        self._geometry = geometry
        self._offset = restored.offset
        self._partition = restored.partition
        self._generation = restored.generation
        self._wall = 0
        self._regions: dict[str, Region] = {}
        self._known_cells: set[str] = set()
        self._new_cells: list[str] = []
        self._window_rows: list[tuple[Region, int, int, Row]] = []
        self._rejected: list[Output] = []
        for name, region in saved.load(restored.parts, config.window_ms).items():
            self._regions[name] = region
            self._known_cells |= {cell for cell, _ in region.slots}

    def apply(self, record: Record) -> None:
        """Fold one partial in."""
        self._offset = record.offset
        try:
            partial = codec.fleet_partial.decode(record.value)
        except (msgspec.DecodeError, RecursionError) as error:
            self._rejected.append(refusal(STAGE, self._generation, record, "bad_frame", str(error)))
            return
        problem = problem_of(partial, self._config.window_ms, self._known_cells)
        if problem:
            self._rejected.append(refusal(STAGE, self._generation, record, "bad_frame", problem))
            return
        region = self._regions.get(partial.region)
        if region is None:
            region = self._regions[partial.region] = Region(partial.region, self._config.window_ms)
        order = (partial.generation + 1) << _GENERATION_BITS | (partial.offset + 1)
        self._put_live(region, partial, order)
        self._put_windows(region, partial, order)
        source = region.live.source(partial.source)
        source.newest_ts = max(source.newest_ts, partial.newest_ts)
        source.watermark = max(source.watermark, partial.watermark)
        source.heard_at = self._wall
        source.unsaved = True
        region.sources = partial.sources

    def _put_live(self, region: Region, partial: FleetPartial, order: int) -> None:
        now = partial.now
        slots = self._slots(region, now.cell, now.operator)
        counts = np.array([getattr(now, state) for state in COUNTED], np.int64).T
        region.live.put(partial.source, order, np.array(slots, np.int64), counts)

    def _put_windows(self, region: Region, partial: FleetPartial, order: int) -> None:
        w, put, source = partial.windows, region.windows.put, partial.source
        slots = self._slots(region, w.cell, w.operator)
        counts = zip(w.readings, w.arrivals, w.departures, strict=True)
        for start, slot, count in zip(w.window_start, slots, counts, strict=True):
            put(source, order, start, slot, count)

    def _slots(self, region: Region, cells: list[str], operators: list[str]) -> list[int]:
        get = region.slot_of.get
        slots = [get(key, -1) for key in zip(cells, operators, strict=True)]
        if -1 in slots:
            slots = [region.slot(*key) for key in zip(cells, operators, strict=True)]
            fresh = [cell for cell in dict.fromkeys(cells) if cell not in self._known_cells]
            self._known_cells.update(fresh)
            self._new_cells += fresh
        return slots

    def idle(self, wall_ms: int) -> None:
        """Close what the active sources allow; `wall_ms` says who is idle."""
        self._wall = wall_ms
        for region in self._regions.values():
            region.since = region.since or wall_ms
            sources = region.live.sources.values()
            for source in sources:
                source.heard_at = source.heard_at or wall_ms  # just restored
            region.windows.close(self._watermark(region))
            all_known = len(sources) == region.sources or self._silent(
                region.since, self._config.forget_source_ms
            )
            heard = [s for s in sources if not self._silent(s.heard_at, self._config.forget_source_ms)]
            if all_known and heard:
                reach = min(source.watermark for source in heard)
                region.forgotten_windows += region.windows.forget(reach - self._config.amend_horizon_ms)

    def _silent(self, since: int, limit: int) -> bool:
        return self._wall - since > limit

    def _active(self, region: Region) -> list[Source]:
        limit = self._config.idle_timeout_ms
        return [s for s in region.live.sources.values() if not self._silent(s.heard_at, limit)]

    def _watermark(self, region: Region) -> int:
        active = [source.watermark for source in self._active(region)]
        return min(active) if active else region.windows.newest_end()

    def _as_of(self, region: Region) -> int:
        active = [source.newest_ts for source in self._active(region)]
        everyone = (source.newest_ts for source in region.live.sources.values())
        return min(active) if active else max(everyone, default=0)

    # ------------------------------------------------------------------ what goes out

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return live cells that changed and windows that closed; at a checkpoint also that time went on."""
        out, self._rejected = self._rejected, []
        for region in self._regions.values():
            dirty = region.live.take_dirty()
            as_of = self._as_of(region)
            if len(dirty) or (at_checkpoint and as_of != region.told_as_of):
                region.told_as_of = as_of
                out.append(self._now(region, dirty, as_of))
            due = region.windows.take_due()
            if due:
                self._window_rows += [(region, *item) for item in due]
                out.append(self._window(region, due))
        return out

    def _now(self, region: Region, slots: NDArray[np.int64], as_of: int) -> Output:
        cells, operators = _keys(region, slots.tolist())
        counts = SlotCounts(cells, operators, *region.live.total[slots].T.tolist())
        message = CellsNow(region.name, as_of, self._watermark(region), counts)
        return self._output(region, message, envelope.CELLS_NOW, as_of)

    def _window(self, region: Region, due: list[tuple[int, int, Row]]) -> Output:
        cells, operators = _keys(region, [slot for _, slot, _ in due])
        rows = ClosedWindows(
            window_start=[start for start, _, _ in due],
            cell=cells,
            operator=operators,
            readings=[row.readings for _, _, row in due],
            arrivals=[row.arrivals for _, _, row in due],
            departures=[row.departures for _, _, row in due],
            occupancy=[row.occupancy for _, _, row in due],
            revision=[row.revision for _, _, row in due],
        )
        watermark = region.windows.closed_before
        message = CellsWindow(region.name, watermark, region.windows.window_ms, rows)
        return self._output(region, message, envelope.CELLS_WINDOW, watermark)

    def _output(self, region: Region, message: Any, type_: str, time_ms: int) -> Output:
        value = codec.encode(message)
        return Output(
            topic=topics.CELLS,
            key=region.name,
            value=value,
            type_=type_,
            # Windows close by wall time too, without a new record.
            id_=f"{STAGE}/{region.name}@{self._generation}:{self._offset}/{type_}/{crc32(value):08x}",
            time_ms=time_ms,
        )

    def take_changes(self) -> Changes:
        """Return table rows and parts that changed since the last call."""
        changes = Changes()
        if self._new_cells:
            geometry = [self._geometry(int(cell, 16)) for cell in self._new_cells]
            changes.rows.append(Rows("cell_geometry", _columns(geometry)))
            self._new_cells = []
        now = [row for region in self._regions.values() for row in self._cell_now_rows(region)]
        if now:
            changes.rows.append(Rows("cell_now", _columns(now)))
        if self._window_rows:
            newest = {
                (r.name, start, slot): (r, start, slot, row) for r, start, slot, row in self._window_rows
            }
            rows = [_cell_window_row(*item) for item in newest.values()]
            changes.rows.append(Rows("cell_window", _columns(rows)))
            self._window_rows = []
        for region in self._regions.values():
            changes.parts.update(saved.take(region))
        return changes

    def _cell_now_rows(self, region: Region) -> list[dict[str, Any]]:
        slots = region.live.take_unsaved_rows()
        totals = region.live.total[slots]
        occupancy = totals[:, STANDING].sum(axis=1).tolist()
        as_of = self._as_of(region)
        rows = []
        for slot, counts, standing in zip(slots.tolist(), totals.tolist(), occupancy, strict=True):
            cell, operator = region.slots[slot]
            rows.append(
                {
                    "cell": int(cell, 16),
                    "operator": operator,
                    "region": region.name,
                    **dict(zip(COUNTED, counts, strict=True)),
                    "occupancy": standing,
                    "as_of": as_of,
                }
            )
        return rows


def _cell_window_row(region: Region, start: int, slot: int, row: Row) -> dict[str, Any]:
    cell, operator = region.slots[slot]
    return {
        "window_start": start,
        "window_s": region.windows.window_ms // 1000,
        "cell": int(cell, 16),
        "operator": operator,
        "region": region.name,
        "readings": row.readings,
        "arrivals": row.arrivals,
        "departures": row.departures,
        "occupancy": row.occupancy,
        "revision": row.revision,
    }


def _keys(region: Region, slots: Sequence[int]) -> tuple[list[str], list[str]]:
    keys = [region.slots[slot] for slot in slots]
    return [cell for cell, _ in keys], [operator for _, operator in keys]


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
