"""The sensing fold: frames of readings in, absolute partials per (window, cell, metric) out.

The tables are a function of the set of distinct readings (sensor_id, metric, ts, value in canonical unit, cell): an
exact repeat is superseded and counts nowhere, two values at one ts both count. A reading older than the watermark
by `amend_horizon` is rejected as too late; every other one counts in its window, whatever order they came in.

What must be decided in the order of the log is decided when a record comes: what is refused, how far event time
is, which series a reading belongs to. The rest (repeats, sums, newest states) is done for many readings at once,
at the latest at the next checkpoint; until then the ledger has repeats among the applied.

Windows here only grow. So values that were published before a crash, but not saved, do no harm: the next owner folds
the same readings from the log again and publishes the same values, or greater ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.rejected import Reason
from streams.fold.books import Books
from streams.fold.clock import EventClock
from streams.fold.contract import Changes, Ledger, Output, Record, Restored, Rows
from streams.fold.frames import BadFrame
from streams.fold.presence import EVERY_MS, Presence
from streams.fold.regions import PART as REGIONS
from streams.fold.regions import Regions
from streams.fold.stored import check_names, reading
from streams.sensing import saved
from streams.sensing.frame import Frame, Reader
from streams.sensing.health.rule import HealthRule
from streams.sensing.health.watch import Health
from streams.sensing.memory import Memory
from streams.sensing.readings import Readings, in_order, joined, last_of_each
from streams.sensing.series import Series
from streams.sensing.slots import Locator, Slots
from streams.sensing.tell import Teller
from streams.sensing.values import Refuse, usable_readings

STAGE = "sensing"
_MOST_PENDING = 200_000
"""Readings that wait to be counted; more are not left until the checkpoint."""


@dataclass(frozen=True, slots=True)
class SensingConfig:
    """Milliseconds, the number of partitions of ub.sensors, the most series to keep in one, and when one is ill.

    `presence_ms`: see streams/fold/presence.py.
    """

    window_ms: int
    allowed_lateness_ms: int
    amend_horizon_ms: int
    sources: int
    most_series: int = 300_000
    health: HealthRule = field(default_factory=HealthRule)
    presence_ms: int = EVERY_MS


class SensingState:
    """Fold over one partition of ub.sensors."""

    def __init__(
        self,
        config: SensingConfig,
        locator: Locator,
        restored: Restored,
        sensor_rows: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        self._config = config
        self._partition = restored.partition
        self._generation = restored.generation
        self._offset = restored.offset
        self._books = Books(STAGE, restored.generation, restored.ledger)
        self._slots = Slots(locator)
        self._regions = Regions()
        self._series = Series()
        self._reader = Reader(self._series.owners)
        self._memory = Memory(config.window_ms, config.amend_horizon_ms, self._series, self._slots)
        self._health = Health(config.health, self._series, self._slots)
        self._clock = EventClock(config.allowed_lateness_ms)
        self._forgotten = 0
        self._teller = Teller(
            restored.partition, restored.generation, config.sources, config.window_ms, self._slots
        )
        self._pending: list[Readings] = []
        self._pending_readings = 0
        self._out_of_range: list[tuple[int | None, int, int]] = []
        """Of the frame that is folded: row (None: of no series that was on file before it), ts, and where it stands."""
        self._next_archive = 0  # no series can be archived before the watermark reaches this
        self._archived: list[tuple[list[str], list[str]]] = []
        self._told_time = (0, 0)
        self._saved_clock = b""
        self._restore(restored, sensor_rows)
        self._presence = Presence(config.presence_ms, self._clock.reached)

    @property
    def ledger(self) -> Ledger:
        """Readings received, applied, superseded and rejected since the partition's beginning; see the module."""
        return self._books.ledger

    # ------------------------------------------------------------------ folding

    def apply(self, record: Record) -> None:
        """Fold one record of ub.sensors in."""
        self._offset = record.offset
        self._presence.read()
        frame = self._reader.read(record)
        if isinstance(frame, BadFrame):
            self._books.refuse(record, "bad_frame", frame.detail, count=frame.count)
            self._books.book(received=frame.count, applied=0, rejected=frame.count)
            return
        if not len(frame):
            return
        before = self._pending_readings
        admitted = self._admit(frame, partial(self._refuse, frame))
        if self._out_of_range:
            self._tell_of_refusals(frame, before, admitted)
        taken = len(admitted)
        self._books.book(received=len(frame), applied=taken, rejected=len(frame) - taken)
        if self._pending_readings > _MOST_PENDING:
            self._settle()
        if len(self._series) > self._config.most_series:
            self._archive()

    def _admit(self, c: Frame, refuse: Refuse) -> NDArray[np.intp]:
        """Take in the readings that are not refused; returns where they stand in the frame, in order."""
        take, value = usable_readings(c, refuse)
        if not len(take):
            return take
        ts = c.ts[take]
        watermark = self._clock.met_by(ts, c.received_at)[:-1]
        self._clock.advance(ts, c.received_at)
        limit = np.maximum(watermark - self._config.amend_horizon_ms, self._forgotten)
        on_time = ts >= limit
        if not on_time.all():
            self._refuse_late(c, take[~on_time], watermark[~on_time], refuse)
            take, value, ts = take[on_time], value[on_time], ts[on_time]
        rows = self._series.rows_of(c, take, refuse)
        ours = rows >= 0
        if not ours.all():
            take, value, ts, rows = take[ours], value[ours], ts[ours], rows[ours]
        if len(take):
            self._take_in(c, take, value, ts, rows)
        return take

    def _take_in(
        self,
        c: Frame,
        take: NDArray[np.intp],
        value: NDArray[np.int64],
        ts: NDArray[np.int64],
        rows: NDArray[np.int64],
    ) -> None:
        lat, lon = c.lat[take], c.lon[take]
        readings = Readings(
            series=rows.astype(np.int32),
            slot=self._locate(c.metric[take], lat, lon, rows),
            ts=ts,
            value=value,
            status=c.status[take],
            lat=lat,
            lon=lon,
            received_at=np.full(len(take), c.received_at),
        )
        # A series that came late is silent for as long as others of its time.
        silent_at = int(ts.min()) + self._config.amend_horizon_ms + self._memory.span_ms
        self._next_archive = min(self._next_archive, silent_at)
        self._pending.append(readings)
        self._pending_readings += len(readings)

    def _locate(
        self,
        metric: NDArray[np.int8],
        lat: NDArray[np.float64],
        lon: NDArray[np.float64],
        rows: NDArray[np.int64],
    ) -> NDArray[np.int32]:
        """Return the slot of each reading; a series that is where it was last needs no H3 call."""
        series = self._series
        slot = series.at_slot[rows]
        moved = np.flatnonzero((series.at_lat[rows] != lat) | (series.at_lon[rows] != lon))
        if len(moved):
            lat, lon, rows = lat[moved], lon[moved], rows[moved]
            slot[moved] = self._slots.slots_at(lat, lon, metric[moved])
            series.at_lat[rows], series.at_lon[rows], series.at_slot[rows] = lat, lon, slot[moved]
        return slot

    def _settle(self) -> None:
        """Count what is pending, and bring the newest states up to date."""
        if not self._pending:
            if self._health.waiting:
                self._health.learn(None, None)
            return
        pending = joined(self._pending)
        # Of repeats the first in the log stays, as if it had been settled before the others came: so it must sort last.
        readings, stood = in_order(pending.select(np.arange(len(pending))[::-1]), self._slots.cell)
        self._pending, self._pending_readings = [], 0
        self._health.learn(readings, len(readings) - 1 - stood)
        self._series.update(readings.select(last_of_each(readings.series)), self._slots)
        fresh = self._memory.add((readings.series, readings.ts, readings.value, readings.slot))
        # Repeats were booked as applied when they came: they move over to the superseded.
        self._books.book(received=0, applied=fresh - len(readings), rejected=0)

    def _archive(self) -> None:
        """Forget series, the longest silent first, until no more than `most_series` are left.

        Only those go whose readings are forgotten too, so that no repeat of these can come any more. The sensor's
        owner goes with its last series.
        """
        if self._clock.watermark < self._next_archive:
            return
        self._settle()
        silence = self._config.amend_horizon_ms + self._memory.span_ms
        excess = len(self._series) - self._config.most_series
        rows = self._series.silent(self._clock.watermark - silence, excess)
        if len(rows):
            self._archived.append(self._series.keys(rows))
            self._health.forget(rows)
            self._series.remove(rows)
        if len(rows) < excess:
            self._next_archive = self._series.longest_silent() + silence

    # ------------------------------------------------------------------ books

    def _refuse(self, c: Frame, reason: Reason, detail: str, index: int) -> None:
        self._books.refuse(c.record, reason, detail, index, text=c.columns.text(index))
        if reason == "value_out_of_range":
            row = self._series.row_of(*c.columns.series(index))
            ts = min(int(c.ts[index]), c.received_at)
            if ts >= self._clock.watermark - self._config.amend_horizon_ms:
                self._out_of_range.append((row, ts, index))

    def _tell_of_refusals(self, c: Frame, before: int, admitted: NDArray[np.intp]) -> None:
        """Let health hear of a frame's readings out of range, each at its place among those `admitted`."""
        for known, ts, index in self._out_of_range:
            row = self._begun_before(c, admitted, index) if known is None else known
            if row is not None:
                self._health.refuse(row, ts, before + int(np.searchsorted(admitted, index)))
        self._out_of_range.clear()

    def _begun_before(self, c: Frame, admitted: NDArray[np.intp], index: int) -> int | None:
        """Return the row of a series whose first good reading stands before `index` in this frame, or None."""
        row = self._series.row_of(*c.columns.series(index))
        if row is None:
            return None
        first = int(np.argmax(self._pending[-1].series == row))
        return row if admitted[first] < index else None

    def _refuse_late(
        self, c: Frame, take: NDArray[np.intp], watermark: NDArray[np.int64], refuse: Refuse
    ) -> None:
        limit = self._config.amend_horizon_ms / 1000
        behind = (watermark - c.ts[take]) / 1000
        for index, seconds in zip(take.tolist(), behind.tolist(), strict=True):
            refuse("too_late", f"{seconds:.0f} s behind the watermark; {limit:.0f} s at most", index)

    # ------------------------------------------------------------------ what goes out

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return refusals; at a checkpoint the changed windows, and the clock for every region, too.

        Where the checkpoint is long in coming, every region hears that we are there.
        """
        out = self._books.take_refused()
        if not at_checkpoint:
            here = self._presence.take_due(self._clock.reached)
            return out + (self._teller.presence(self._offset, self._clock) if here else [])
        time = self._clock.reached
        self._presence.told_all(time)
        self._settle()
        due = self._health.due(self._clock.watermark)
        gone, self._health.gone = self._health.gone, []
        out += self._teller.health(self._offset, self._clock, self._series, due, gone)
        # Even where nothing was measured, time moved: those who wait for it must hear.
        everyone, self._told_time = self._told_time != time, time
        changed = self._memory.take_changed()
        if changed is not None:
            regions = self._slots.region[changed.slot]
            self._regions.count(self._slots.regions, regions, changed.window_start)
        return out + self._teller.partials(self._offset, self._clock, changed, everyone=everyone)

    def take_changes(self) -> Changes:
        """Return the changed sensors, ledger and parts. Call after take_outputs(at_checkpoint=True)."""
        changes = Changes(ledger=self._books.ledger)
        limit = self._clock.watermark - self._config.amend_horizon_ms
        for name in self._memory.forget(limit):
            changes.parts[name] = None
        changes.parts.update(self._memory.take_parts(f"{self._generation}.{self._offset}"))
        self._forgotten = max(self._forgotten, limit // self._memory.span_ms * self._memory.span_ms)
        clock = saved.dump_clock(
            saved.Clock(self._clock.newest_ts, self._clock.newest_basis, self._forgotten)
        )
        if clock != self._saved_clock:
            self._saved_clock = changes.parts["clock"] = clock
        if (part := self._regions.take_part()) is not None:
            changes.parts[REGIONS] = part
        for sensor_ids, metrics in self._archived:
            changes.rows.append(
                Rows("sensor_state", {"sensor_id": sensor_ids, "metric": metrics}, delete=True)
            )
        self._archived = []
        sensors = self._series.take_changed(self._partition, self._slots)
        if sensors:
            changes.rows.append(Rows("sensor_state", sensors))
        return changes

    def idle(self, wall_ms: int) -> None:
        """Silence of the whole source changes nothing here: only event time decides. But we must not seem silent."""
        self._presence.tick(wall_ms)

    def wait_to_be_read(self) -> None:
        """We are not silent, only not read yet."""
        self._presence.wait_to_be_read()

    # ------------------------------------------------------------------ coming back

    def _restore(self, restored: Restored, sensor_rows: Mapping[str, Sequence[Any]] | None) -> None:
        check_names(STAGE, restored.parts, {"clock", "seen", REGIONS})
        if sensor_rows and sensor_rows["sensor_id"]:
            self._series.restore(sensor_rows, self._slots)
        if "clock" in restored.parts:
            clock = saved.load_clock(restored.parts["clock"])
            self._clock = EventClock(self._config.allowed_lateness_ms, clock.newest_ts, clock.newest_basis)
            self._teller.told_watermark = self._clock.watermark
            self._forgotten = clock.forgotten
        if REGIONS in restored.parts:
            with reading(STAGE, REGIONS):
                names = self._regions.restore(restored.parts[REGIONS], self._clock.newest_ts)
            for name in names:
                self._slots.number_of_region(name)
        self._memory.restore(
            {name: data for name, data in restored.parts.items() if name.startswith("seen/")}
        )
