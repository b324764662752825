"""The requests fold: events of citizens' requests in, absolute partials per (window, cell, category) and rows out.

The tables are a function of the set of distinct events of each request, whatever order and frames they came in:
life.py says what an event does to a request, and request.py corrects the counts when a late event comes.
An event older than the watermark by `amend_horizon` is rejected as too late. So an event changes the counts of
windows within the horizon only: a request of three weeks ago that is closed now changes the window of its closing.

Every decision depends only on the events before it in the log, never on frame boundaries, checkpoints or the clock.
So what the watermark causes (a request is overdue or forgotten, an event is refused as it has no place) is looked for
before each event and after each record.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from schemas.rejected import Reason
from schemas.requests import CitizenRequest
from streams.fold.books import Books
from streams.fold.clock import EventClock
from streams.fold.contract import Changes, Ledger, Output, Record, Restored, Rows
from streams.fold.frames import BadFrame
from streams.fold.presence import EVERY_MS, Presence
from streams.fold.stored import check_names
from streams.requests import saved
from streams.requests.alarms import Alarms
from streams.requests.decode import decode, text_of
from streams.requests.districts import Districts
from streams.requests.events import item_from, item_of, said
from streams.requests.held import Held, Waiting
from streams.requests.known import Known
from streams.requests.life import Life
from streams.requests.request import MOST_ITEMS, Request, Spans
from streams.requests.rows import columns_of, request_from
from streams.requests.tell import Teller, Touched
from streams.requests.windows import Windows

STAGE = "requests"

_NO_PLACE = "place and category of the request are not known: no earlier event says them, nor does this one"

Outcome = Literal["applied", "superseded", "rejected"]


class Locator(Protocol):
    """What the requests ask of the grid's geometry."""

    def cells(self, lat: Sequence[float], lon: Sequence[float]) -> list[int]:
        """Return the H3 index of each position."""
        ...

    def region(self, cell: int) -> str:
        """Return the region of a cell."""
        ...


@dataclass(frozen=True, slots=True)
class RequestsConfig:
    """Milliseconds, and the number of partitions of ub.requests. `presence_ms`: see streams/fold/presence.py."""

    window_ms: int
    allowed_lateness_ms: int
    amend_horizon_ms: int
    forget_request_ms: int
    sources: int
    presence_ms: int = EVERY_MS


class RequestsState:
    """Fold over one partition of ub.requests."""

    def __init__(
        self,
        config: RequestsConfig,
        locator: Locator,
        districts: Districts,
        restored: Restored,
        request_rows: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        self._config = config
        self._spans = Spans(config.amend_horizon_ms, config.forget_request_ms)
        self._locator = locator
        self._districts = districts
        self._partition = restored.partition
        self._generation = restored.generation
        self._offset = restored.offset
        self._books = Books(STAGE, restored.generation, restored.ledger)
        self._clock = EventClock(config.allowed_lateness_ms)
        self._requests = Known(self._spans)
        self._changed: dict[str, tuple[Life, Request]] = {}
        self._alarms = Alarms()
        self._held = Held()
        self._held_parts: dict[str, int] = {}
        self._windows = Windows(config.window_ms)
        self._regions: dict[str, None] = {}
        self._teller = Teller(restored.partition, restored.generation, config.sources, config.window_ms)
        self._forgotten = 0
        self._told_time = (0, 0)
        self._saved_clock = b""
        self._restore(restored, request_rows)
        self._presence = Presence(config.presence_ms, self._clock.reached)

    @property
    def ledger(self) -> Ledger:
        """Events received, applied, superseded and rejected since the partition's beginning.

        An event that is held for want of a place counts as applied until it is refused.
        """
        return self._books.ledger

    # ------------------------------------------------------------------ folding

    def apply(self, record: Record) -> None:
        """Fold one record of ub.requests in."""
        self._offset = record.offset
        self._presence.read()
        events = decode(record.value, record.timestamp)
        if isinstance(events, BadFrame):
            self._books.refuse(record, "bad_frame", events.detail, count=events.count)
            self._books.book(received=events.count, applied=0, rejected=events.count)
            return
        for fault in events.faults:
            self._books.refuse(record, fault.reason, fault.detail, fault.index, text=fault.text)
        outcomes: Counter[Outcome] = Counter({"rejected": len(events.faults)})
        withdrawn = 0
        if events.sound:
            ts = np.array([event.ts for _, _, event in events.sound], np.int64)
            watermarks = self._clock.met_by(ts, events.received_at).tolist()
            self._clock.advance(ts, events.received_at)
            cells = self._cells([event for _, _, event in events.sound])
            for (index, owner, event), cell, watermark in zip(
                events.sound, cells, watermarks[:-1], strict=True
            ):
                withdrawn += self._pass_time(record, watermark, events.count + withdrawn)
                outcome = self._fold(owner, event, cell, watermark)
                if isinstance(outcome, tuple):
                    self._books.refuse(record, *outcome, index, text=text_of(event))
                    outcome = "rejected"
                outcomes[outcome] += 1
            withdrawn += self._pass_time(record, watermarks[-1], events.count + withdrawn)
        self._books.book(
            received=events.count,
            applied=outcomes["applied"] - withdrawn,
            rejected=outcomes["rejected"] + withdrawn,
        )

    def _fold(
        self, owner: str, event: CitizenRequest, cell: int | None, watermark: int
    ) -> Outcome | tuple[Reason, str]:
        """Fold one event; returns what became of it, or why it is refused."""
        name, horizon = event.service_request_id, self._config.amend_horizon_ms
        if event.ts < self._limit(watermark):
            behind = (watermark - event.ts) / 1000
            return "too_late", f"{behind:.0f} s behind the watermark; {horizon / 1000:.0f} s at most"
        request = self._requests.open(name, owner)
        if request.owner != owner:
            return "operator_conflict", f"request belongs to owner {request.owner}"
        item = item_of(event, cell)
        added = request.add(item, watermark)
        if added == "known":
            return "superseded"
        if added == "full":
            return "bad_event", f"more than {MOST_ITEMS} events of one request within {horizon / 1000:.0f} s"
        if not added.placed:
            self._held.add(Waiting(event.ts, name, owner, item.text, cell))
        self._windows.add(added.changes)
        self._note(name, request)
        return "applied"

    def _limit(self, watermark: int) -> int:
        """Return before when nothing counts any more: what was forgotten by other settings does not come back."""
        return max(watermark - self._config.amend_horizon_ms, self._forgotten)

    def _cells(self, events: list[CitizenRequest]) -> list[int | None]:
        """Return the cell of each event's place, None where it has none."""
        places = [
            (event.lat, event.lon) for event in events if event.lat is not None and event.lon is not None
        ]
        found = iter(self._locator.cells([lat for lat, _ in places], [lon for _, lon in places]))
        return [None if event.lat is None else next(found) for event in events]

    def _note(self, name: str, request: Request) -> None:
        """Keep row and alarm in step with a request that changed."""
        if request.life is not None:
            self._changed[name] = (request.life, request)
        self._alarms.set(name, request.alarm())

    # ------------------------------------------------------------------ what the watermark brings

    def _pass_time(self, record: Record, watermark: int, index: int) -> int:
        """Look what the watermark brings; returns how many events were refused, at numbers from `index` on."""
        refused = self._refuse_unplaced(record, self._limit(watermark), index)
        for name in self._alarms.ring(watermark):
            request = self._requests[name]
            if request.life is not None and request.life.status == "open":
                self._windows.add(request.pass_time(watermark))
            else:
                self._requests.forget(name)
        return refused

    def _refuse_unplaced(self, record: Record, limit: int, index: int) -> int:
        """Refuse the held events older than `limit` that still have no place; returns how many."""
        refused = 0
        for name, texts in self._held.release(limit).items():
            request = self._requests[name]
            gone = [item for item in request.unplaced() if item.text in texts]
            if not gone:
                continue
            for item in gone:
                text = text_of(said(item, name, request.owner))
                self._books.refuse(record, "bad_event", _NO_PLACE, index + refused, text=text)
                refused += 1
            request.remove(gone)
            self._note(name, request)
            if request.life is None and not request.items:
                self._requests.forget(name)
        return refused

    # ------------------------------------------------------------------ what goes out

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return refusals; at a checkpoint the touched windows and the clock too.

        Where the checkpoint is long in coming, every region hears that we are there.
        """
        out = self._books.take_refused()
        if not at_checkpoint:
            here = self._presence.take_due(self._clock.reached)
            return out + (self._teller.presence(self._offset, self._clock, self._regions) if here else [])
        time = self._clock.reached
        self._presence.told_all(time)
        by_region: dict[str, list[Touched]] = {}
        for touched in self._windows.take_touched():
            by_region.setdefault(self._locator.region(touched[1][0]), []).append(touched)
        self._regions |= dict.fromkeys(by_region)
        # Even where nothing moved, time did: those who wait for it must hear.
        if self._told_time != time:
            self._told_time = time
            for region in self._regions:
                by_region.setdefault(region, [])
        return out + self._teller.partials(self._offset, self._clock, by_region)

    def take_changes(self) -> Changes:
        """Return the changed requests, ledger and parts. Call after take_outputs(at_checkpoint=True)."""
        limit = self._forgotten = max(self._forgotten, self._held.released)
        changes = Changes(ledger=self._books.ledger)
        fresh = self._held.take_fresh(limit)
        if fresh:
            name = f"held/{self._generation}/{self._offset}"
            changes.parts[name] = saved.dump_held(fresh)
            self._held_parts[name] = max(waiting.ts for waiting in fresh)
        for name in [name for name, newest in self._held_parts.items() if newest < limit]:
            del self._held_parts[name]
            changes.parts[name] = None
        for start in self._windows.forget(limit):
            changes.parts[f"window/{start}"] = None
        for start, tallies in self._windows.take_unsaved():
            changes.parts[f"window/{start}"] = saved.dump_window(tallies)
        clock = saved.dump_clock(
            saved.Clock(
                self._clock.newest_ts,
                self._clock.newest_basis,
                sorted(self._regions),
                self._held_parts,
                self._forgotten,
                self._clock.watermark,
            )
        )
        if clock != self._saved_clock:
            self._saved_clock = changes.parts["clock"] = clock
        if self._changed:
            changed, self._changed = self._changed, {}
            changes.rows.append(Rows("request", columns_of(changed, self._partition, self._districts)))
        self._requests.sleep(limit)
        return changes

    def idle(self, wall_ms: int) -> None:
        """Silence of the whole source changes nothing here: only event time decides. But we must not seem silent."""
        self._presence.tick(wall_ms)

    def wait_to_be_read(self) -> None:
        """We are not silent, only not read yet."""
        self._presence.wait_to_be_read()

    # ------------------------------------------------------------------ coming back

    def _restore(self, restored: Restored, rows: Mapping[str, Sequence[Any]] | None) -> None:
        check_names(STAGE, restored.parts, {"clock", "window", "held"})
        told = 0
        if "clock" in restored.parts:
            clock = saved.load_clock(restored.parts["clock"])
            self._clock = EventClock(
                self._config.allowed_lateness_ms, clock.newest_ts, clock.newest_basis, clock.watermark
            )
            told = clock.watermark
            self._held_parts = dict(clock.held)
            self._regions = dict.fromkeys(clock.regions)
            self._forgotten = clock.forgotten
        # Less lateness may be allowed than before: then time has come further than was told.
        told = self._teller.told_watermark = told or self._clock.watermark
        if rows:
            for name, owner, events in zip(
                rows["service_request_id"], rows["owner"], rows["events"], strict=True
            ):
                self._put_back(name, request_from(owner, events, self._spans), told)
        for part, data in restored.parts.items():
            kind, _, rest = part.partition("/")
            if kind == "window":
                self._windows.restore(int(rest), saved.load_window(data))
            elif kind == "held":
                for waiting in saved.load_held(data):
                    self._hold_again(waiting, told)
        if self._clock.watermark > told:
            self._requests.wake_all()
        for name, request in self._requests.awake():
            came_due = request.pass_time(self._clock.watermark)
            if came_due:
                self._windows.add(came_due)
                self._alarms.set(name, request.alarm())

    def _put_back(self, name: str, request: Request, watermark: int) -> None:
        """Take up a request, unless it was forgotten: its row stays, its number is free."""
        request.resume(watermark)
        alarm = request.alarm()
        if (
            request.life is not None
            and request.life.status != "open"
            and alarm is not None
            and alarm < watermark
        ):
            return
        self._requests.put_back(name, request, self._gone_by(watermark))
        self._alarms.set(name, alarm)

    def _gone_by(self, watermark: int) -> int:
        """Return before when nothing counted any more at the checkpoint."""
        return self._forgotten or self._limit(watermark)

    def _hold_again(self, waiting: Waiting, watermark: int) -> None:
        """Hold an event again, unless it found its place or was refused before the checkpoint.

        One that only a shorter horizon has passed is refused with the next record.
        """
        limit = self._gone_by(watermark)
        if waiting.ts < limit:
            return
        name = waiting.service_request_id
        request = self._requests.open(name, waiting.owner)
        # By then no more of the request was settled than by the checkpoint.
        by_then = min(watermark, limit + self._config.amend_horizon_ms)
        request.add(item_from(waiting.text, waiting.cell), by_then)
        self._alarms.set(name, request.alarm())
        self._held.restore(waiting)
