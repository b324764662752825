"""Cell aggregates of the grid stage on Kafka `ub.cells`, for the incidents stage and other services."""

import msgspec

from schemas.partials import SlotCounts


class CellsNow(msgspec.Struct, frozen=True, tag="now"):
    """Live occupancy of the (cell, operator) pairs that changed, summed over all sources.

    `as_of` is the event time to which all active sources have reported (their least newest_ts).
    """

    region: str
    as_of: int
    watermark: int
    counts: SlotCounts


class ClosedWindows(msgspec.Struct, frozen=True):
    """Closed windows, columns of equal length: one row per (window_start, cell, operator).

    `occupancy` is the number of vehicles standing in the cell at the window's end;
    `revision` is 0 when the window closed and grows by one each time late data amended the row.
    """

    window_start: list[int]
    cell: list[str]
    operator: list[str]
    readings: list[int]
    arrivals: list[int]
    departures: list[int]
    occupancy: list[int]
    revision: list[int]


class CellsWindow(msgspec.Struct, frozen=True, tag="window"):
    """Windows that closed or were amended."""

    region: str
    watermark: int
    window_ms: int
    rows: ClosedWindows
