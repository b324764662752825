"""The fleet fold: frames of positions in, absolute partials per (cell, operator) and window out.

Two views of the same readings (docs/semantics.md):

- live: a vehicle's newest reading by event time wins at once; a reading that is not newer than the one
  on file is superseded and moves nothing;
- windows: exact by event time, see flows.py. A reading older than the watermark counts there only
  if it is its vehicle's newest; one older than the watermark by `amend_horizon` is rejected as too late.

Every decision depends on the readings before it in the log alone, never on frame boundaries or the clock.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.vehicle_events import VehicleEvent
from streams.fleet import saved
from streams.fleet.admission import refuse
from streams.fleet.batch import ENOUGH, Batch
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.edge_messages import Moment
from streams.fleet.edges import Edges
from streams.fleet.flows import Flows
from streams.fleet.folding import Folding
from streams.fleet.ground import Ground
from streams.fleet.kernel import ENTRY
from streams.fleet.live import LiveCounts
from streams.fleet.news import News, NewsConfig
from streams.fleet.silence import MISSING, Silence
from streams.fleet.slots import Slots
from streams.fleet.steps import look_of
from streams.fleet.tell import Teller, event_rows, vehicle_event
from streams.fleet.trips import AskedSince
from streams.fleet.vehicles import CHANGED, MORE, Vehicles
from streams.fold.books import Books
from streams.fold.clock import EventClock
from streams.fold.contract import Changes, Ledger, Output, Record, Restored, Rows
from streams.fold.presence import Presence
from streams.fold.regions import PART as REGIONS
from streams.fold.regions import Regions
from streams.fold.stored import check_names, reading

STAGE = "fleet"
_SOON_MS = 30_000
"""Event time for which a look through all vehicles knows who will be silent."""
_PARTS = {"clock", "battery", "trips", "ground", "edges", "window", "waiting", REGIONS}


class FleetState:
    """Fold over one partition of ub.vehicles."""

    def __init__(
        self,
        config: FleetConfig,
        cells: Cells,
        restored: Restored,
        vehicle_rows: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        self._config = config
        self._partition = restored.partition
        self._generation = restored.generation
        self._offset, self._epoch = restored.offset, restored.epoch
        self._books = Books(STAGE, restored.generation, restored.ledger)
        self._slots = Slots(cells)
        self._regions = Regions()
        self._vehicles = Vehicles()
        self._flows = Flows(self._vehicles, config.window_ms)
        self._live = LiveCounts()
        self._clock = EventClock(config.allowed_lateness_ms)
        self._silence = Silence(config.stale_after_ms, config.amend_horizon_ms, config.most_vehicles)
        self._batch = Batch()
        self._news = News(config.news, self._slots, self._vehicles)
        self._saved_battery = restored.parts.get("battery", b"")
        self._saved_trips = restored.parts.get("trips", b"")
        self._trips_since = AskedSince({})
        self._saved_edges = restored.parts.get("edges", b"").decode()
        self._edges = Edges(config.edges, self._slots, self._vehicles, self._saved_edges)
        look = look_of(self._news, self._edges)
        self._folding = Folding(config, self._slots, self._vehicles, self._live, self._flows, look)
        self._teller = Teller(
            restored.partition, restored.generation, config.sources, config.window_ms, self._slots
        )
        self._silent_soon: tuple[int, NDArray[np.intp]] = (0, np.zeros(0, np.intp))
        self._waiting_parts: dict[str, int] = {}
        self._tell: list[Output] = []
        self._archived: list[str] = []
        self._events: list[VehicleEvent] = []
        self._told_time = (0, 0)
        self._saved_clock = b""
        self._saved_ground = restored.parts.get("ground", b"").decode()
        self._restore(restored, vehicle_rows)
        self._presence = Presence(config.presence_ms, self._clock.reached)

    @property
    def ledger(self) -> Ledger:
        """Readings received, applied, superseded and rejected since the partition's beginning."""
        self._fold_waiting()
        return self._books.ledger

    # ------------------------------------------------------------------ folding

    def apply(self, record: Record) -> None:
        """Fold one record of ub.vehicles in, at once or together with those that follow."""
        self._offset = record.offset
        self._presence.read()
        self._flows.went_on()
        bad = self._batch.add(record, self._slots)
        if bad is not None:
            self._fold_waiting()
            self._books.refuse(record, "bad_frame", bad.detail, count=bad.count)
            self._books.book(received=bad.count, applied=0, rejected=bad.count)
        elif len(self._batch) >= ENOUGH:
            self._fold_waiting()

    def _fold_waiting(self) -> None:
        batch = self._batch
        if len(batch):
            applied = self._folding.fold(batch, self._clock, self._sweep)
            rejected = refuse(batch, self._books, self._slots, self._config.amend_horizon_ms)
            self._books.book(received=len(batch), applied=applied, rejected=rejected)
            batch.clear()

    # ------------------------------------------------------------------ silence

    def _sweep(self, watermark: int, crowded: bool = False) -> None:
        """Take out of the city who is missing at this watermark, and forget who was missing long enough.

        Where it is crowded, those longest silent go early. That must be decided at a place in the log, never at a
        checkpoint: it is not a function of the watermark alone.
        """
        vehicles = self._vehicles
        if watermark < self._folding.next_due and not crowded:
            return
        silent = self._silence.missing(vehicles, watermark)
        self._take_out(silent, vehicles["ts"][silent] + self._config.stale_after_ms)
        if crowded:
            early = self._silence.crowded_out(vehicles, watermark)
            self._take_out(early, np.full(len(early), watermark, np.int64))
        gone = self._silence.archived(vehicles, watermark)
        if len(gone):
            self._flows.settle(watermark)
            self._archived += vehicles.ids.texts(gone)
            self._live.add(vehicles["slot"][gone], vehicles["state"][gone], -1)
            vehicles.missing -= len(gone)
            vehicles.remove(gone)
        self._folding.next_due = self._silence.next_due(vehicles, watermark)
        self._folding.oldest = self._silence.oldest(vehicles)
        soon = watermark + min(_SOON_MS, self._silence.fresh_ms)
        self._silent_soon = soon, self._silence.soon(vehicles, soon)

    def _sweep_silent(self) -> None:
        """Take out of the city who is missing by now, and leave the rest to the next checkpoint.

        Else live counts would depend on when checkpoints fell, and not on the offset alone that they are told with.
        """
        watermark, (reach, rows) = self._clock.watermark, self._silent_soon
        if watermark < self._folding.next_due:
            return
        if watermark > reach:
            self._sweep(watermark)
            return
        vehicles = self._vehicles
        ts = vehicles["ts"][rows]
        silent = (ts > 0) & (vehicles["state"][rows] != MISSING)
        silent &= ts + self._config.stale_after_ms <= watermark
        if silent.any():
            self._take_out(rows[silent], ts[silent] + self._config.stale_after_ms)

    def _take_out(self, rows: NDArray[np.intp], at: NDArray[np.int64]) -> None:
        if not len(rows):
            return
        vehicles, slots = self._vehicles, self._slots
        slot = vehicles["slot"][rows]
        unheard = np.zeros(len(rows), ENTRY)
        unheard["ts"], unheard["row"], unheard["slot"] = at, rows, slot
        self._flows.add(unheard)
        self._live.add(slot, vehicles["state"][rows], -1)
        self._news.gone(rows, at)
        self._edges.gone(rows)
        cells, operators = slots.names(slot)
        for vehicle_id, row, ts, cell, operator in zip(
            vehicles.ids.texts(rows), rows.tolist(), at.tolist(), cells, operators, strict=True
        ):
            event = VehicleEvent(
                vehicle_id=vehicle_id,
                operator=operator,
                event_type="comms_lost",
                vehicle_state="missing",
                ts=ts,
                last_ts=int(vehicles["ts"][row]),
                lat=float(vehicles["lat"][row]),
                lon=float(vehicles["lon"][row]),
                cell=cell,
            )
            self._tell.append(vehicle_event(event))
            self._events.append(event)
        vehicles["state"][rows] = MISSING
        vehicles.missing += len(rows)
        vehicles["ts"][rows] = at
        vehicles.changed[rows] |= CHANGED | MORE
        self._live.add(slot, vehicles["state"][rows], +1)

    # ------------------------------------------------------------------ what goes out

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return refusals, events and live partials; at a checkpoint the changed windows and the clock too."""
        self._fold_waiting()
        rows = None
        if at_checkpoint:
            self._sweep(self._clock.watermark)
            self._flows.settle(self._clock.watermark)
            rows = self._flows.take_rows(self._clock.watermark)
            if rows is not None:
                regions = self._slots.region_of(rows.slot)
                self._regions.count(self._slots.cells.regions, regions, rows.window_start)
        else:
            self._sweep_silent()
        out, self._tell = self._books.take_refused() + self._tell, []
        # Even where nothing moved, time did: those who wait for it must hear.
        time = self._clock.reached
        if at_checkpoint:
            self._presence.told_all(time)
            everyone, self._told_time = self._told_time != time, time
        else:
            everyone = self._presence.take_due(time)
        dirty = self._live.take_dirty()
        since, due = self._trips_since, self._trips_since.due(self._slots.regions, self._clock.newest_ts)
        out += self._teller.trips_since(since.by_area, due, self._news.ground, self._clock.newest_ts)
        out += self._teller.news(self._news.take(), self._news.ground, self._clock.newest_ts)
        out += self._edges_told()
        return out + self._teller.partials(
            self._offset,
            self._clock,
            self._live,
            dirty,
            rows,
            at_checkpoint=at_checkpoint,
            everyone=everyone,
        )

    def _edges_told(self) -> list[Output]:
        edges = self._edges
        at = Moment(self._offset, self._epoch, edges.changes)
        return self._teller.edges(edges.take(), edges.ground, at, self._clock.newest_ts)

    def take_changes(self) -> Changes:
        """Return the changed vehicles, ledger and parts. Call after take_outputs(at_checkpoint=True)."""
        watermark = self._clock.watermark
        changes = Changes(ledger=self._books.ledger)
        fresh = self._flows.take_fresh()
        if len(fresh):
            name = f"waiting/{self._generation}/{self._offset}"
            while name in self._waiting_parts:  # of the checkpoint that this one began with
                name += "+"
            changes.parts[name] = saved.dump_entries(fresh, self._vehicles, self._slots)
            self._waiting_parts[name] = int(fresh["ts"].max())
        for name in [name for name, newest in self._waiting_parts.items() if newest < watermark]:
            del self._waiting_parts[name]
            changes.parts[name] = None
        for start in self._flows.forget(watermark - self._config.amend_horizon_ms):
            changes.parts[f"window/{start}"] = None
        for start, slots, counts in self._flows.take_unsaved():
            changes.parts[f"window/{start}"] = saved.dump_window(slots, counts, self._slots)
        clock = saved.dump_clock(
            saved.Clock(
                self._clock.newest_ts, self._clock.newest_basis, self._flows.settled, self._waiting_parts
            )
        )
        if clock != self._saved_clock:
            self._saved_clock = changes.parts["clock"] = clock
        if (part := self._regions.take_part()) is not None:
            changes.parts[REGIONS] = part
        if self._saved_ground != self._news.ground:
            self._saved_ground = self._news.ground
            changes.parts["ground"] = self._saved_ground.encode()
        battery = self._news.config.battery
        if battery is not None and (lines := saved.dump_lines(battery)) != self._saved_battery:
            self._saved_battery = changes.parts["battery"] = lines
        if (trips := saved.dump_trips(self._trips_since.by_area)) != self._saved_trips:
            self._saved_trips = changes.parts["trips"] = trips
        if self._saved_edges != self._edges.ground:
            self._saved_edges = self._edges.ground
            changes.parts["edges"] = self._saved_edges.encode()
        if self._events:
            changes.rows.append(event_rows(self._events))
            self._events = []
        if self._archived:
            changes.rows.append(Rows("vehicle_state", {"vehicle_id": self._archived}, delete=True))
            self._archived = []
        vehicles = self._vehicles.take_changed(self._partition, self._slots)
        if vehicles:
            changes.rows.append(Rows("vehicle_state", vehicles))
        return changes

    def idle(self, wall_ms: int) -> None:
        """Silence of the whole source changes nothing here: only event time decides. But we must not seem silent."""
        self._presence.tick(wall_ms)

    def wait_to_be_read(self) -> None:
        """We are not silent, only not read yet."""
        self._presence.wait_to_be_read()

    # ------------------------------------------------------------------ coming back

    def _restore(self, restored: Restored, vehicle_rows: Mapping[str, Sequence[Any]] | None) -> None:
        check_names(STAGE, restored.parts, _PARTS)
        vehicles = self._vehicles
        if vehicle_rows and vehicle_rows["vehicle_id"]:
            vehicles.restore(vehicle_rows, self._slots)
            self._live.reserve(len(self._slots))
            self._live.add(vehicles["slot"], vehicles["state"], +1)
            vehicles.missing = int(np.count_nonzero(vehicles["state"] == MISSING))
            self._edges.count_all()
        if "clock" in restored.parts:
            clock = saved.load_clock(restored.parts["clock"])
            self._clock = EventClock(
                self._config.allowed_lateness_ms, clock.newest_ts, clock.newest_basis, clock.settled
            )
            self._waiting_parts = dict(clock.waiting)
            self._teller.resume(self._clock)
            self._flows.restore_newest(clock.settled)
            for name in clock.waiting:
                entries = saved.load_entries(restored.parts[name], vehicles, self._slots, clock.settled)
                self._flows.restore_waiting(entries)
        for name, data in restored.parts.items():
            kind, _, start = name.partition("/")
            if kind == "window":
                self._flows.restore_window(int(start), *saved.load_window(data, self._slots))
        self._flows.resume()
        if REGIONS in restored.parts:
            with reading(STAGE, REGIONS):
                names = self._regions.restore(restored.parts[REGIONS], self._clock.newest_ts)
            self._slots.regions.update(map(self._slots.cells.number_of_region, names))
        if self._saved_ground != self._news.ground:
            self._news.tell_all()
        if self._saved_battery:
            self._news.tell_charged(saved.load_lines(self._saved_battery))
        areas = self._news.config.trips or {}
        if self._saved_trips:
            self._trips_since = AskedSince(saved.load_trips(self._saved_trips))
            self._trips_since.take(areas, self._clock.newest_ts)
        else:  # it begins, or an earlier version went by the same policy
            self._trips_since = AskedSince(dict.fromkeys(areas, 0))

    # ------------------------------------------------------------------ another policy

    @property
    def reached(self) -> int:
        """The newest event time that was folded, milliseconds."""
        return self._clock.newest_ts

    def take_news(self, config: NewsConfig) -> None:
        """Look for something else in single vehicles from the next record on."""
        self._fold_waiting()
        self._news.take_config(config)
        self._trips_since.take(config.trips or {}, self._clock.newest_ts)
        self._folding.look = look_of(self._news, self._edges)

    def take_edges(self, ground: Ground | None) -> None:
        """Count vehicles by position in other areas from the next record on.

        What was counted in those before is told first: else who goes back to them would take what is over for new.
        """
        self._fold_waiting()
        self._sweep_silent()
        self._tell += self._edges_told()
        self._edges.take_ground(ground)
        self._folding.look = look_of(self._news, self._edges)
