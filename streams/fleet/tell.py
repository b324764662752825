"""What the fleet tells: partials for the grid, vehicles that fell silent, and news of single ones."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas import codec, envelope
from schemas.cells import CellsVehicles
from schemas.partials import FleetPartial, SlotCounts, WindowCounts
from schemas.vehicle_events import VehicleEvent
from streams import topics
from streams.clock import EventClock
from streams.fleet.flows import WindowRows
from streams.fleet.json_columns import integers
from streams.fleet.live import LiveCounts
from streams.fleet.news import Told
from streams.fleet.news_messages import Sender, all_anew, messages_of
from streams.fleet.slots import Slots
from streams.fold import Output, Rows

_NO_WINDOWS = WindowCounts([], [], [], [], [], [])


class Teller:
    """Makes the records of one source partition."""

    def __init__(self, partition: int, generation: int, sources: int, window_ms: int, slots: Slots) -> None:
        self._partition = partition
        self._generation = generation
        self._sources = sources
        self._window_ms = window_ms
        self._slots = slots
        self._told_watermark = 0

    def windows_told(self, watermark: int) -> None:
        """Remember that what the watermark has passed is in the partials to come, or was in those before."""
        self._told_watermark = watermark

    def partials(
        self,
        offset: int,
        clock: EventClock,
        live: LiveCounts,
        dirty: NDArray[np.intp],
        rows: WindowRows | None,
        *,
        everyone: bool,
    ) -> list[Output]:
        """Return a partial for each region with something to tell; for every region if `everyone`.

        The watermark in it is the one up to which windows were told, which the clock's may be ahead of.
        """
        regions = set(self._slots.region_of(dirty).tolist())
        if rows is not None:
            regions |= set(self._slots.region_of(rows.slot).tolist())
        if everyone:
            regions = self._slots.regions
        return [self._partial(region, offset, clock, live, dirty, rows) for region in sorted(regions)]

    def _partial(
        self,
        region: int,
        offset: int,
        clock: EventClock,
        live: LiveCounts,
        dirty: NDArray[np.intp],
        rows: WindowRows | None,
    ) -> Output:
        slots = self._slots
        here = dirty[slots.region_of(dirty) == region]
        windows = _NO_WINDOWS
        if rows is not None:
            mine = slots.region_of(rows.slot) == region
            columns = [integers(rows.window_start[mine]), *slots.json(rows.slot[mine])]
            windows = _in_json(WindowCounts, [*columns, *map(integers, rows.counts[mine].T)])
        partial = FleetPartial(
            region=slots.cells.regions[region],
            source=self._partition,
            sources=self._sources,
            generation=self._generation,
            offset=offset,
            newest_ts=clock.newest_basis,
            watermark=self._told_watermark,
            window_ms=self._window_ms,
            now=_in_json(SlotCounts, [*slots.json(here), *map(integers, live.told(here))]),
            windows=windows,
        )
        value = codec.encode(partial)
        return Output(
            topic=topics.PARTIALS,
            key=partial.region,
            value=value,
            type_=envelope.FLEET_PARTIAL,
            # One offset may be spoken of twice: live at once, windows at the checkpoint.
            id_=f"fleet/{self._partition}@{self._generation}:{offset}/{partial.region}/{crc32(value):08x}",
            time_ms=clock.newest_ts,
        )

    def news(self, told: Told, ground: str, time_ms: int) -> list[Output]:
        """Return the records on single vehicles; `ground`: version of the areas that are looked for."""
        regions = self._slots.cells.regions
        sender = Sender(self._partition, self._generation, ground)
        messages = [
            *all_anew(told.anew, {number: regions[number] for number in self._slots.regions}, sender),
            *messages_of(told, regions, sender),
        ]
        return [self._news(message, time_ms) for message in messages]

    def _news(self, message: CellsVehicles, time_ms: int) -> Output:
        value = codec.encode(message)
        fast = [] if message.speeds is None else message.speeds.ts
        return Output(
            topic=topics.CELLS,
            key=message.region,
            value=value,
            type_=envelope.CELLS_VEHICLES,
            id_=f"fleet/{self._partition}@{self._generation}:{message.region}/{crc32(value):08x}",
            time_ms=max([*message.news.ts, *message.moves.ts, *fast], default=time_ms),
        )


def _in_json[T: msgspec.Struct](kind: type[T], columns: list[Any]) -> T:
    """Return columns that are JSON already as what they are, for the encoder."""
    return kind(*columns)


def vehicle_event(event: VehicleEvent) -> Output:
    """Return the record of a vehicle that fell silent; its id is the same when the log is folded again."""
    return Output(
        topic=topics.VEHICLE_EVENTS,
        key=event.vehicle_id,
        value=codec.encode(event),
        type_=envelope.VEHICLE_EVENT,
        id_=f"{event.vehicle_id}/{event.event_type}/{event.ts}",
        time_ms=event.ts,
    )


def event_rows(events: Sequence[VehicleEvent]) -> Rows:
    """Return the rows of ub.vehicle_event."""
    columns: dict[str, list[Any]] = {
        name: [getattr(event, name) for event in events]
        for name in VehicleEvent.__struct_fields__
        if name not in ("ts", "cell")
    }
    columns["at"] = [event.ts for event in events]
    columns["cell"] = [int(event.cell, 16) for event in events]
    return Rows("vehicle_event", columns)
