"""The grid fold: partials of all sources and kinds in; live cells, closed windows and table rows out.

Windows of a kind close in a region at the least watermark of that kind's active sources there (sources.py). What comes
later amends them (docs/semantics.md, "Lateness"). Rows leave memory when no source can change them any more, or only
one that was silent for long.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import msgspec
import numpy as np

from schemas import codec, envelope
from schemas.partials import FleetPartial, Partial, SensingPartial, SlotCounts
from schemas.vehicles import COUNTED_STATES
from streams import topics
from streams.fold.contract import Changes, Output, Record, Restored, Rows
from streams.fold.outlines import Geometry, of_cells
from streams.fold.refusals import refusal
from streams.grid import saved, tell
from streams.grid.check import problem_of
from streams.grid.flows import FLEET
from streams.grid.health import HealthPost
from streams.grid.kinds import KIND_OF, KINDS
from streams.grid.sources import Sources
from streams.grid.tally import FleetTally, Tally
from streams.grid.window import PORTION

STAGE = "grid"
_GENERATION_BITS = 44
"""A word's order is (generation + 1) << 44 | (offset + 1) << 1 | provisional; offsets stay below 8.7e12."""


@dataclass(frozen=True, slots=True)
class GridConfig:
    """Milliseconds. `idle_timeout_ms` and `forget_source_ms` are wall time. `portion`: see Windows.take_due.

    `pause_ms`: wall time between two portions, but for those of a backlog.
    """

    window_ms: int
    amend_horizon_ms: int
    idle_timeout_ms: int
    forget_source_ms: int
    portion: int = PORTION
    pause_ms: int = 0


class GridState:
    """Fold over one partition of ub.partials."""

    def __init__(self, config: GridConfig, geometry: Geometry, restored: Restored) -> None:
        self._config = config
        self._geometry = geometry
        self._offset = restored.offset
        self._generation = restored.generation
        self._owner = restored.epoch
        self._wall = self._next_portion_at = 0
        self._new_cells: list[str] = []
        self._closed: dict[str, dict[tuple[str, int, int], tell.ClosedRow]] = {name: {} for name in KINDS}
        self._rejected: list[Output] = []
        self._health = HealthPost()
        self._tallies = saved.load(restored.parts, self._make)
        self._known_cells = {cell for tally in self._tallies.values() for cell, _ in tally.slots.keys if cell}

    def apply(self, record: Record) -> None:
        """Fold one partial in."""
        self._offset = record.offset
        try:
            partial = codec.partial.decode(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._rejected.append(refusal(STAGE, self._generation, record, "bad_frame", str(error)))
            return
        problem = problem_of(partial, self._config.window_ms, self._known_cells)
        if problem:
            self._rejected.append(refusal(STAGE, self._generation, record, "bad_frame", problem))
            return
        too_late = self._put(partial)
        if too_late:
            detail = (
                f"{too_late} rows of windows that left memory while source {partial.source} was silent: only "
                "what they change in later windows counts; a longer UB_FORGET_SOURCE_AFTER_S keeps them"
            )
            self._rejected.append(
                refusal(STAGE, self._generation, record, "too_late", detail, count=too_late)
            )

    def _put(self, partial: Partial) -> int:
        """Take a partial in; returns how many of its rows came too late to be told."""
        kind, windows = KIND_OF[type(partial)], partial.windows
        tally = self._tallies.get((partial.region, kind.name))
        if tally is None:
            tally = self._tallies[partial.region, kind.name] = self._make(partial.region, kind.name)
        order = read = (partial.generation + 1) << _GENERATION_BITS | (partial.offset + 1) << 1
        if isinstance(partial, FleetPartial) and isinstance(tally, FleetTally):
            self._put_live(tally, partial.source, order, partial.now)
            (tally.by_half.add if partial.more else tally.by_half.discard)(partial.source)
            order |= partial.provisional
        if isinstance(partial, SensingPartial):
            self._health.hear(partial, self._tallies)
        slots = self._slots(tally, windows.cell, kind.names(windows))
        words = kind.words(order, windows)
        settled_before = tally.sources.settled_before(self._config.amend_horizon_ms).get(partial.source, 0)
        rows = zip(windows.window_start, slots, words, strict=True)
        too_late = tally.windows.put(partial.source, rows, settled_before)
        tally.sources.hear(partial.source, partial.sources, partial.newest_ts, partial.watermark, read)
        return too_late

    def _put_live(self, tally: FleetTally, source: int, order: int, now: SlotCounts) -> None:
        slots = np.array(self._slots(tally, now.cell, now.operator), np.int64)
        counts = np.array([getattr(now, state) for state in COUNTED_STATES], np.int64).T
        tally.live.put(source, np.full(len(slots), order), slots, counts)

    def _slots(self, tally: Tally[Any], cells: list[str], names: list[str]) -> list[int]:
        if not self._known_cells.issuperset(cells):
            new = [cell for cell in dict.fromkeys(cells) if cell not in self._known_cells]
            self._known_cells.update(new)
            self._new_cells += new
        return tally.slots.numbers(cells, names)

    def _make(self, region: str, kind: str) -> Tally[Any]:
        sources = Sources(self._config.idle_timeout_ms, self._config.forget_source_ms, self._wall)
        if kind == FLEET.name:
            return FleetTally(region, FLEET, sources, self._config.window_ms)
        return Tally(region, KINDS[kind], sources, self._config.window_ms)

    def idle(self, wall_ms: int) -> None:
        """Close what the active sources allow; `wall_ms` says who is idle."""
        self._wall = wall_ms
        for tally in self._tallies.values():
            tally.tick(wall_ms, self._config.amend_horizon_ms)

    # ------------------------------------------------------------------ what goes out

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return live cells that changed, and a portion of windows that closed; at a checkpoint also the time."""
        out, self._rejected = self._rejected, []
        portion = self._config.portion if self._wall >= self._next_portion_at else 0
        for tally in self._tallies.values():
            if isinstance(tally, FleetTally):
                out += self._live(tally, at_checkpoint=at_checkpoint)
            due = tally.windows.take_due(portion)
            if due:
                out += self._windows(tally, due)
        if portion and self.has_more() and not self._is_behind():
            self._next_portion_at = self._wall + self._config.pause_ms
        for message in self._health.take(self._tallies, self._owner, time_too=at_checkpoint):
            out.append(self._output(message.region, message, envelope.CELLS_HEALTH, message.as_of))
        return out

    def has_more(self) -> bool:
        """Return whether rows of windows that closed are still to be told."""
        return any(tally.windows.has_more for tally in self._tallies.values())

    def _is_behind(self) -> bool:
        return any(tally.windows.is_behind for tally in self._tallies.values())

    def _live(self, tally: FleetTally, *, at_checkpoint: bool) -> list[Output]:
        if tally.by_half and not tally.is_whole:
            return []  # what a vehicle left may be told, and not yet where it went
        dirty, as_of = tally.live.take_dirty(), tally.sources.as_of()
        if not len(dirty) and not (at_checkpoint and as_of != tally.told_as_of):
            return []
        tally.told_as_of = as_of
        messages = tell.live_messages(tally, dirty, as_of, tally.sources.look(), self._owner)
        return [self._output(tally.region, message, envelope.CELLS_NOW, as_of) for message in messages]

    def _windows(self, tally: Tally[Any], due: Sequence[Any]) -> list[Output]:
        rows = tell.closed_rows(tally, due)
        closed = self._closed[tally.kind.name]
        for (start, slot, _), row in zip(due, rows, strict=True):
            closed[tally.region, start, slot] = row
        messages = tell.window_messages(tally, rows, self._owner)
        time_ms = tally.windows.told_before
        return [self._output(tally.region, message, tally.kind.type_, time_ms) for message in messages]

    def _output(self, region: str, message: msgspec.Struct, type_: str, time_ms: int) -> Output:
        value = codec.encode(message)
        return Output(
            topic=topics.CELLS,
            key=region,
            value=value,
            type_=type_,
            # Windows close by wall time too, without a new record.
            id_=f"{STAGE}/{region}@{self._generation}:{self._offset}/{type_}/{crc32(value):08x}",
            time_ms=time_ms,
        )

    def take_changes(self) -> Changes:
        """Return table rows and parts that changed since the last call."""
        changes = Changes(rows=list(self._table_rows()))
        for tally in self._tallies.values():
            tally.forget_slots()
            changes.parts.update(saved.take(tally))
        return changes

    def _table_rows(self) -> Iterator[Rows]:
        if self._new_cells:
            yield from of_cells(self._new_cells, self._geometry)
            self._new_cells = []
        fleets = [tally for tally in self._tallies.values() if isinstance(tally, FleetTally)]
        now = tell.live_table(fleets)
        if now is not None:
            yield now
        for name, closed in self._closed.items():
            if closed:
                regions = [region for region, _, _ in closed]
                yield tell.window_table(KINDS[name], self._config.window_ms, regions, closed.values())
                closed.clear()
