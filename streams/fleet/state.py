"""The fleet fold: frames of positions in, absolute partials per (cell, operator) and window out.

Two views of the same readings (design D3, D4):

- live: a vehicle's newest reading by event time wins at once; a reading that is not newer than the one
  on file is superseded and moves nothing;
- windows: exact by event time, see flows.py. A reading older than the watermark counts there only
  if it is its vehicle's newest; one older than the watermark by `amend_horizon` is rejected as too late.

Every decision depends on the readings before it in the log alone, never on frame boundaries or the clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas import codec, envelope
from schemas.partials import FleetPartial, SlotCounts, WindowCounts
from schemas.rejected import Reason
from schemas.vehicles import VEHICLE_STATES
from streams import topics
from streams.arrays import grown
from streams.fleet import saved
from streams.fleet.columns import BadFrame, Columns, decode, is_id, usable, why_unusable
from streams.fleet.flows import Entries, Flows, WindowRows
from streams.fleet.slots import Locator, Slots
from streams.fleet.vehicles import NOWHERE, STANDING, Vehicles
from streams.fold import Changes, Ledger, Output, Record, Restored, Rows
from streams.refusals import refusal

STAGE = "fleet"
COUNTED = ("available", "non_operational", "reserved", "on_trip", "non_contactable")
"""States that partials tell; a vehicle in another state is nowhere in the city."""
_COUNTED_CODES = [VEHICLE_STATES.index(state) for state in COUNTED]
_N_STATES = len(VEHICLE_STATES)
_ID_RULE = "1 to 64 letters, digits or _ . : - expected"


@dataclass(frozen=True, slots=True)
class FleetConfig:
    """Milliseconds, and the number of partitions of ub.vehicles."""

    window_ms: int
    allowed_lateness_ms: int
    amend_horizon_ms: int
    sources: int


class FleetState:
    """Fold over one partition of ub.vehicles."""

    def __init__(
        self,
        config: FleetConfig,
        locator: Locator,
        restored: Restored,
        vehicle_rows: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        self._config = config
        self._partition = restored.partition
        self._generation = restored.generation
        self._offset = restored.offset
        self._ledger = restored.ledger
        self._slots = Slots(locator)
        self._vehicles = Vehicles()
        self._flows = Flows(self._vehicles, config.window_ms)
        self._live = np.zeros((1024, _N_STATES), np.int32)
        self._dirty = np.zeros(1024, np.bool_)
        self._newest_ts = 0
        self._newest_basis = 0
        self._waiting_parts: dict[str, int] = {}
        self._refused: list[Output] = []
        self._told_ts = 0
        self._clock_changed = False
        self._restore(restored, vehicle_rows)

    @property
    def watermark(self) -> int:
        """Event time up to which order is settled, milliseconds; 0 before the first reading."""
        return max(0, self._newest_basis - self._config.allowed_lateness_ms)

    @property
    def ledger(self) -> Ledger:
        """Readings received, applied, superseded and rejected since the partition's beginning."""
        return self._ledger

    # ------------------------------------------------------------------ folding

    def apply(self, record: Record) -> None:
        """Fold one record of ub.vehicles in."""
        self._offset = record.offset
        columns = decode(record.value, record.timestamp)
        if isinstance(columns, BadFrame):
            self._reject("bad_frame", columns.detail, None, record, 0, columns.count)
            self._book(received=columns.count, applied=0, rejected=columns.count)
            return
        n = len(columns)
        if not n:
            return
        take, operator = self._admit(columns, record)
        take, watermark = self._on_time(columns, take, record)
        take, rows, watermark = self._own(columns, take, operator, watermark, record)
        operator = operator[take]
        ts = columns.ts[take]
        applied = self._newest_wins(ts, rows)
        keep = applied | (ts >= watermark)
        slots = self._locate(columns, take[keep], rows[keep], operator[keep])
        stands = STANDING[columns.state[take[keep]]]
        self._flows.add(Entries(rows[keep].astype(np.int32), ts[keep], slots, stands))
        newest = applied[keep]
        self._move(columns, take[keep][newest], rows[keep][newest], slots[newest])
        self._book(received=n, applied=int(applied.sum()), rejected=n - len(take))

    def _admit(self, c: Columns, record: Record) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
        """Return the indices of the readings whose values can be used, and the operator of every reading."""
        n = len(c)
        if isinstance(c.operator, str):
            operator = np.full(n, self._slots.operator_numbers([c.operator])[0], np.int32)
        else:
            operator = np.array(self._slots.operator_numbers(c.operator), np.int32)
        good = usable(c) & (operator >= 0)
        for index in np.flatnonzero(~good).tolist():
            if operator[index] < 0:
                self._reject("bad_id", f"operator: {_ID_RULE}", c.text(index), record, index)
            else:
                self._reject(*why_unusable(c, index), c.text(index), record, index)
        return np.flatnonzero(good), operator

    def _on_time(
        self, c: Columns, take: NDArray[np.intp], record: Record
    ) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """Return the readings that are not too late, and the watermark that each of them met.

        A clock that runs ahead does not carry the watermark beyond the time of receipt.
        """
        ts = c.ts[take]
        if not len(ts):
            return take, ts
        basis = np.minimum(ts, max(c.received_at, self._newest_basis))
        reached = np.maximum.accumulate(np.concatenate(([self._newest_basis], basis)))
        watermark = reached[:-1] - self._config.allowed_lateness_ms
        self._newest_basis = int(reached[-1])
        self._newest_ts = max(self._newest_ts, int(ts.max()))
        self._clock_changed = True
        on_time = ts >= watermark - self._config.amend_horizon_ms
        if on_time.all():
            return take, watermark
        for position in np.flatnonzero(~on_time).tolist():
            index, behind = int(take[position]), (int(watermark[position]) - int(ts[position])) / 1000
            limit = self._config.amend_horizon_ms / 1000
            detail = f"{behind:.0f} s behind the watermark; {limit:.0f} s at most"
            self._reject("too_late", detail, c.text(index), record, index)
        return take[on_time], watermark[on_time]

    def _own(
        self,
        c: Columns,
        take: NDArray[np.intp],
        operator: NDArray[np.int32],
        watermark: NDArray[np.int64],
        record: Record,
    ) -> tuple[NDArray[np.intp], NDArray[np.int64], NDArray[np.int64]]:
        """Return the readings of vehicles that belong to their operator, with the vehicles' rows.

        A vehicle belongs to the operator that the log names first.
        """
        get, ids, vehicles = self._vehicles.row_of.get, c.vehicle_id, self._vehicles
        if len(take) == len(ids):
            rows = np.fromiter([get(vehicle_id, -1) for vehicle_id in ids], np.int64, len(ids))
        else:
            rows = np.fromiter([get(ids[index], -1) for index in take.tolist()], np.int64, len(take))
        for position in np.flatnonzero(rows < 0).tolist():
            index = int(take[position])
            vehicle_id = ids[index]
            row = get(vehicle_id, -1)
            if row < 0 and is_id(vehicle_id):
                row = vehicles.add(vehicle_id, int(operator[index]))
            elif row < 0:
                self._reject("bad_id", f"vehicle_id: {_ID_RULE}", c.text(index), record, index)
            rows[position] = row
        ours = rows >= 0
        ours[ours] = vehicles.operator[rows[ours]] == operator[take[ours]]
        if ours.all():
            return take, rows, watermark
        for position in np.flatnonzero(~ours & (rows >= 0)).tolist():
            owner = self._slots.operators[vehicles.operator[rows[position]]]
            index = int(take[position])
            detail = f"vehicle belongs to operator {owner}"
            self._reject("operator_conflict", detail, c.text(index), record, index)
        return take[ours], rows[ours], watermark[ours]

    def _newest_wins(self, ts: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which readings are newer than everything before them of their vehicle."""
        n = len(rows)
        on_file = self._vehicles.ts[rows]
        scratch = self._vehicles.scratch
        index = np.arange(n)
        scratch[rows] = index
        if (scratch[rows] == index).all():  # each vehicle once
            return ts > on_file
        order = np.argsort(rows, kind="stable")
        first = np.ones(n, np.bool_)
        first[1:] = rows[order][1:] != rows[order][:-1]
        # A running maximum per vehicle: lift each vehicle's times above those of the vehicle before.
        low = min(int(ts.min()), int(on_file.min()))
        lift = (np.cumsum(first) - 1) * (max(int(ts.max()), int(on_file.max())) - low + 1)
        lifted = ts[order] - low + lift
        before = np.empty(n, np.int64)
        before[1:] = lifted[:-1]
        before[first] = on_file[order][first] - low + lift[first]
        start = np.where(first, before, 0)
        reached = np.maximum.accumulate(np.maximum(start, before))
        applied = np.empty(n, np.bool_)
        applied[order] = lifted > reached
        return applied

    def _locate(
        self, c: Columns, take: NDArray[np.intp], rows: NDArray[np.int64], operator: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Return the slot of each reading; a vehicle still in the disc of its cell needs no H3 call."""
        slot = self._vehicles.slot[rows]
        ask = (slot == NOWHERE) | ~self._slots.inside(slot, c.lat[take], c.lon[take])
        if ask.any():
            far = take[ask]
            slot[ask] = self._slots.slots_at(c.lat[far], c.lon[far], operator[ask])
        size = len(self._slots)
        self._live = grown(self._live, size)
        self._dirty = grown(self._dirty, size)
        return slot

    def _move(
        self, c: Columns, take: NDArray[np.intp], rows: NDArray[np.int64], slots: NDArray[np.int32]
    ) -> None:
        """Put the newest readings on file and keep the live counts in step."""
        vehicles = self._vehicles
        touched = np.unique(rows) if len(rows) > 1 else rows
        old_slot, old_state = vehicles.slot[touched], vehicles.state[touched]
        vehicles.write(rows, c, take, slots)
        new_slot, new_state = vehicles.slot[touched], vehicles.state[touched]
        moved = (old_slot != new_slot) | (old_state != new_state)
        old_slot, old_state = old_slot[moved], old_state[moved]
        known = old_slot != NOWHERE
        self._count_live(old_slot[known], old_state[known], -1)
        self._count_live(new_slot[moved], new_state[moved], +1)

    def _count_live(self, slot: NDArray[np.int32], state: NDArray[np.int8], sign: int) -> None:
        np.add.at(self._live, (slot, state), sign)
        self._dirty[slot] = True

    def _book(self, *, received: int, applied: int, rejected: int) -> None:
        old = self._ledger
        self._ledger = Ledger(
            received=old.received + received,
            applied=old.applied + applied,
            superseded=old.superseded + received - applied - rejected,
            rejected=old.rejected + rejected,
        )

    def _reject(
        self, reason: Reason, detail: str, text: str | None, record: Record, index: int, count: int = 1
    ) -> None:
        self._refused.append(
            refusal(STAGE, self._generation, record, reason, detail, text=text, index=index, count=count)
        )

    # ------------------------------------------------------------------ what goes out

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return refusals and live partials; at a checkpoint the changed windows and the clock too."""
        out, self._refused = self._refused, []
        rows = None
        if at_checkpoint:
            self._flows.settle(self.watermark)
            rows = self._flows.take_rows()
        dirty = np.flatnonzero(self._dirty)
        self._dirty[dirty] = False
        regions = set(self._slots.region_of[dirty].tolist())
        if rows is not None:
            regions |= set(self._slots.region_of[rows.slot].tolist())
        if at_checkpoint and self._told_ts != self._newest_ts:  # even where nothing moved, time did
            regions |= set(range(len(self._slots.regions)))
            self._told_ts = self._newest_ts
        for region in sorted(regions):
            out.append(self._partial(region, dirty, rows))
        return out

    def _partial(self, region: int, dirty: NDArray[np.intp], rows: WindowRows | None) -> Output:
        slots = self._slots
        here = dirty[slots.region_of[dirty] == region]
        live = self._live[here][:, _COUNTED_CODES].T.tolist()
        now = SlotCounts(*self._names(here), *live)
        if rows is None:
            windows = WindowCounts([], [], [], [], [], [])
        else:
            mine = slots.region_of[rows.slot] == region
            counts = rows.counts[mine].T.tolist()
            windows = WindowCounts(rows.window_start[mine].tolist(), *self._names(rows.slot[mine]), *counts)
        partial = FleetPartial(
            region=slots.regions[region],
            source=self._partition,
            sources=self._config.sources,
            generation=self._generation,
            offset=self._offset,
            newest_ts=self._newest_ts,
            watermark=self.watermark,
            window_ms=self._config.window_ms,
            now=now,
            windows=windows,
        )
        return Output(
            topic=topics.PARTIALS,
            key=partial.region,
            value=codec.encode(partial),
            type_=envelope.FLEET_PARTIAL,
            id_=f"{STAGE}/{self._partition}@{self._generation}:{self._offset}/{partial.region}",
            time_ms=self._newest_ts,
        )

    def _names(self, slot: Any) -> tuple[list[str], list[str]]:
        names = self._slots
        cells = [names.cell_hex[number] for number in names.cell_of[slot].tolist()]
        return cells, [names.operators[number] for number in names.operator_of[slot].tolist()]

    def take_changes(self) -> Changes:
        """Return the changed vehicles, ledger and parts. Call after take_outputs(at_checkpoint=True)."""
        watermark = self.watermark
        self._flows.settle(watermark)
        changes = Changes(ledger=self._ledger)
        fresh = self._flows.take_fresh(watermark)
        if len(fresh):
            name = f"waiting/{self._offset}"
            changes.parts[name] = saved.dump_entries(fresh, self._vehicles, self._slots)
            self._waiting_parts[name] = int(fresh.ts.max())
        for name in [name for name, newest in self._waiting_parts.items() if newest < watermark]:
            del self._waiting_parts[name]
            changes.parts[name] = None
        for start, (slots, counts) in self._flows.take_unsaved().items():
            changes.parts[f"window/{start}"] = saved.dump_window(slots, counts, self._slots)
        for start in self._flows.forget(watermark - self._config.amend_horizon_ms):
            changes.parts[f"window/{start}"] = None
        if self._clock_changed:
            clock = saved.Clock(self._newest_ts, self._newest_basis, self._waiting_parts)
            changes.parts["clock"] = saved.dump_clock(clock)
            self._clock_changed = False
        vehicles = self._vehicles.take_changed(self._partition, self._slots)
        if vehicles:
            changes.rows.append(Rows("vehicle_state", vehicles))
        return changes

    def idle(self, wall_ms: int) -> None:
        """Silence changes nothing here: provisional counts are told at once."""

    # ------------------------------------------------------------------ coming back

    def _restore(self, restored: Restored, vehicle_rows: Mapping[str, Sequence[Any]] | None) -> None:
        if vehicle_rows and vehicle_rows["vehicle_id"]:
            self._vehicles.restore(vehicle_rows, self._slots)
            size = len(self._slots)
            self._live = grown(self._live, size)
            self._dirty = grown(self._dirty, size)
            n = len(self._vehicles)
            self._count_live(self._vehicles.slot[:n], self._vehicles.state[:n], +1)
        if "clock" in restored.parts:
            clock = saved.load_clock(restored.parts["clock"])
            self._newest_ts, self._newest_basis = clock.newest_ts, clock.newest_basis
            self._waiting_parts = dict(clock.waiting)
        for name, data in restored.parts.items():
            kind, _, rest = name.partition("/")
            if kind == "window":
                self._flows.restore_window(int(rest), *saved.load_window(data, self._slots))
            elif kind == "waiting":
                self._flows.restore_waiting(
                    saved.load_entries(data, self._vehicles, self._slots, self.watermark)
                )
        self._flows.resume()
