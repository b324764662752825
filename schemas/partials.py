"""What the fleet stage tells the grid stage: absolute values per source partition, never deltas.

"In my partition, cell c now holds n, as of my offset o": a repeated, reordered or lost partial
can do no harm (design D3). `generation` grows when the source topic was rebuilt and its
offsets began again at 0; partials of one source are ordered by (generation, offset).
"""

import msgspec


class SlotCounts(msgspec.Struct, frozen=True):
    """Live counts, columns of equal length: one row per (cell, operator) that changed.

    The state columns count the vehicles whose newest position lies in the cell.
    """

    cell: list[str]
    operator: list[str]
    available: list[int]
    non_operational: list[int]
    reserved: list[int]
    on_trip: list[int]
    non_contactable: list[int]


class WindowCounts(msgspec.Struct, frozen=True):
    """Counts of tumbling event-time windows, one row per (window_start, cell, operator) that changed.

    readings    positions with ts in the window, each (vehicle, ts) once
    arrivals    vehicles that came to stand in the cell (from another cell, from a trip, or first seen)
    departures  vehicles that stopped standing there
    """

    window_start: list[int]
    cell: list[str]
    operator: list[str]
    readings: list[int]
    arrivals: list[int]
    departures: list[int]


class FleetPartial(msgspec.Struct, frozen=True):
    """One record of ub.partials: a source partition's changes within one region."""

    region: str
    source: int
    sources: int
    generation: int
    offset: int
    newest_ts: int
    watermark: int
    window_ms: int
    now: SlotCounts
    windows: WindowCounts
