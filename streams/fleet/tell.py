"""What the fleet tells: partials for the grid, vehicles that fell silent, and news of single ones."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas import codec, envelope
from schemas.cells import CellsEdges, CellsVehicles
from schemas.partials import FleetPartial, SlotCounts, WindowCounts
from schemas.vehicle_events import VehicleEvent
from streams import topics
from streams.fleet.edge_messages import Moment, edges_of
from streams.fleet.edges import EdgesTold
from streams.fleet.flows import NO_ROWS, WindowRows
from streams.fleet.json_columns import integers
from streams.fleet.live import LiveCounts
from streams.fleet.news_messages import Sender, all_anew, all_trips_since, messages_of
from streams.fleet.slots import Slots
from streams.fleet.told import Told
from streams.fold.clock import EventClock
from streams.fold.contract import Output, Rows

_MOST_ROWS = 4_000
"""Live counts in one partial, and rows of windows: with the longest names a million bytes, which Kafka takes."""


class Teller:
    """Makes the records of one source partition."""

    def __init__(self, partition: int, generation: int, sources: int, window_ms: int, slots: Slots) -> None:
        self._partition = partition
        self._generation = generation
        self._sources = sources
        self._window_ms = window_ms
        self._slots = slots
        self._told = (0, 0)

    def resume(self, clock: EventClock) -> None:
        """Take up where a checkpoint left off: what its clock has passed was told before it."""
        self._told = (clock.newest_basis, clock.watermark)

    def partials(
        self,
        offset: int,
        clock: EventClock,
        live: LiveCounts,
        dirty: NDArray[np.intp],
        rows: WindowRows | None,
        *,
        at_checkpoint: bool,
        everyone: bool,
    ) -> list[Output]:
        """Return the partials of each region with something to tell; of every region if `everyone`.

        The last one of a region says how far time has come; until then it is as told before, lest someone go by counts
        that are told by half. Its watermark is the one up to which windows were told, at the newest checkpoint.
        """
        before, self._told = (
            self._told,
            (clock.newest_basis, clock.watermark if at_checkpoint else self._told[1]),
        )
        slots = self._slots
        region_of_live = slots.region_of(dirty)
        regions = set(region_of_live.tolist())
        if rows is not None:
            region_of_rows = slots.region_of(rows.slot)
            regions |= set(region_of_rows.tolist())
        if everyone:
            regions = slots.regions
        out = []
        for region in sorted(regions):
            mine = None if rows is None else rows.of(region_of_rows == region)
            pieces = list(_pieces(dirty[region_of_live == region], mine))
            for piece in pieces:
                more = piece is not pieces[-1]
                time = before if more else self._told
                out.append(self._partial(region, offset, clock.newest_ts, time, live, *piece, more=more))
        return out

    def _partial(
        self,
        region: int,
        offset: int,
        time_ms: int,
        told: tuple[int, int],
        live: LiveCounts,
        dirty: NDArray[np.intp],
        rows: WindowRows,
        *,
        more: bool,
    ) -> Output:
        slots = self._slots
        newest, watermark = told
        columns = [integers(rows.window_start), *slots.json(rows.slot), *map(integers, rows.counts.T)]
        partial = FleetPartial(
            region=slots.cells.regions[region],
            source=self._partition,
            sources=self._sources,
            generation=self._generation,
            offset=offset,
            newest_ts=newest,
            watermark=watermark,
            window_ms=self._window_ms,
            now=_in_json(SlotCounts, [*slots.json(dirty), *map(integers, live.told(dirty))]),
            windows=_in_json(WindowCounts, columns),
            provisional=rows.provisional,
            more=more,
        )
        value = codec.encode(partial)
        return Output(
            topic=topics.PARTIALS,
            key=partial.region,
            value=value,
            type_=envelope.FLEET_PARTIAL,
            # One offset may be spoken of several times: live at once, windows at the checkpoint, either in pieces.
            id_=f"fleet/{self._partition}@{self._generation}:{offset}/{partial.region}/{crc32(value):08x}",
            time_ms=time_ms,
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

    def trips_since(
        self, since: Mapping[str, int], regions: Sequence[int], ground: str, time_ms: int
    ) -> list[Output]:
        """Return the records that tell these regions from when on all trips are told, by area."""
        sender = Sender(self._partition, self._generation, ground)
        names = [self._slots.cells.regions[number] for number in regions]
        return [self._news(message, time_ms) for message in all_trips_since(since, names, sender)]

    def edges(self, told: Iterable[EdgesTold], ground: str, at: Moment, time_ms: int) -> list[Output]:
        """Return the records of counts by position; `ground`: version of the areas that are looked for."""
        sender = Sender(self._partition, self._generation, ground)
        return [
            self._edges(message, time_ms) for message in edges_of(told, self._slots.cells.regions, sender, at)
        ]

    def _edges(self, message: CellsEdges, time_ms: int) -> Output:
        value = codec.encode(message)
        source = f"{self._partition}@{self._generation}:{message.offset}"
        return Output(
            topic=topics.CELLS,
            key=message.region,
            value=value,
            type_=envelope.CELLS_EDGES,
            id_=f"fleet/{source}/{message.region}/edges/{crc32(value):08x}",
            time_ms=time_ms,
        )

    def _news(self, message: CellsVehicles, time_ms: int) -> Output:
        value = codec.encode(message)
        fast, begun = ([] if rows is None else rows.ts for rows in (message.speeds, message.trips))
        return Output(
            topic=topics.CELLS,
            key=message.region,
            value=value,
            type_=envelope.CELLS_VEHICLES,
            id_=f"fleet/{self._partition}@{self._generation}:{message.region}/{crc32(value):08x}",
            time_ms=max([*message.news.ts, *message.moves.ts, *fast, *begun], default=time_ms),
        )


def _pieces(
    dirty: NDArray[np.intp], rows: WindowRows | None
) -> Iterator[tuple[NDArray[np.intp], WindowRows]]:
    """Yield live slots and rows of windows, at most _MOST_ROWS of each at a time; once, where there are none."""
    rows = NO_ROWS if rows is None else rows
    for first in range(0, max(1, len(dirty), len(rows.slot)), _MOST_ROWS):
        some = slice(first, first + _MOST_ROWS)
        yield dirty[some], rows.of(some)


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
