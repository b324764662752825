"""What the grid tells of its tallies: messages for ub.cells, and rows of the tables."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from schemas.vehicles import COUNTED_STATES
from streams.fold.contract import Rows
from streams.grid.kind import Kind, Row
from streams.grid.merge import STANDING
from streams.grid.tally import FleetTally, Tally

_MOST_LIVE = 5_000
"""Live counts of one message, which must fit into a Kafka record (1 MB)."""

ClosedRow = tuple[Any, ...]
"""Values of the columns of a closed row: window_start, cell, name, the figures of its kind, revision."""


def live_messages(
    tally: FleetTally, slots: NDArray[np.int64], as_of: int, ahead: int, owner: int
) -> Iterator[CellsNow]:
    """Yield the messages on live counts of slots; without slots one empty message, which says that time went on.

    All but the last are marked `more`: until then, a vehicle that changed cells may be counted in neither, or in both.
    """
    for first in range(0, max(1, len(slots)), _MOST_LIVE):
        some = slots[first : first + _MOST_LIVE]
        cells, operators = _keys(tally, some.tolist())
        counts = SlotCounts(cells, operators, *tally.live.total[some].T.tolist())
        more = first + _MOST_LIVE < len(slots)
        yield CellsNow(tally.region, as_of, tally.watermark(), counts, owner, more, ahead)


def closed_rows(tally: Tally[Any], due: Iterable[tuple[int, int, Row[Any]]]) -> list[ClosedRow]:
    """Return the rows of (window start, slot) that closed or were amended."""
    keys, figures = tally.slots.keys, tally.kind.figures
    rows = []
    for start, slot, row in due:
        cell, name = keys[slot]
        rows.append((start, cell, name, *figures(name, row.words.values(), row.stocks), row.revision))
    return rows


def window_messages(tally: Tally[Any], rows: Sequence[ClosedRow], owner: int) -> Iterator[msgspec.Struct]:
    """Yield the messages on closed rows, at least one; all but the last leave the time as it was told before."""
    kind, windows = tally.kind, tally.windows
    before = rows[0][0] if tally.told_before is None else tally.told_before
    tally.told_before = windows.told_before
    for first in range(0, len(rows), kind.rows_a_record):
        end = first + kind.rows_a_record
        watermark = before if end < len(rows) else tally.told_before
        columns = kind.columns(*map(list, zip(*rows[first:end], strict=True)))
        yield kind.message(tally.region, watermark, windows.window_ms, columns, owner)


def window_table(
    kind: Kind[Any, Any], window_ms: int, regions: Sequence[str], rows: Iterable[ClosedRow]
) -> Rows:
    """Return the table rows of closed rows, each with its region."""
    values = map(list, zip(*rows, strict=True))
    columns: dict[str, Sequence[Any]] = dict(zip(kind.columns.__struct_fields__, values, strict=True))
    columns["cell"] = [int(cell, 16) for cell in columns["cell"]]
    return Rows(kind.table, columns | {"region": regions, "window_s": [window_ms // 1000] * len(regions)})


def live_table(tallies: Iterable[FleetTally]) -> Rows | None:
    """Return the rows of ub.cell_now that changed since the last call, or None."""
    rows = [row for tally in tallies for row in _live_rows(tally)]
    if not rows:
        return None
    names = ("cell", "operator", *COUNTED_STATES, "occupancy", "region", "as_of")
    return Rows("cell_now", dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _live_rows(tally: FleetTally) -> Iterator[tuple[Any, ...]]:
    slots = tally.live.take_unsaved_rows()
    totals = tally.live.total[slots]
    occupancy = totals[:, STANDING].sum(axis=1).tolist()
    as_of = tally.sources.as_of()
    for (cell, operator), counts, standing in zip(
        (tally.slots.keys[slot] for slot in slots.tolist()), totals.tolist(), occupancy, strict=True
    ):
        yield int(cell, 16), operator, *counts, standing, tally.region, as_of


def _keys(tally: Tally[Any], slots: Sequence[int]) -> tuple[list[str], list[str]]:
    keys = [tally.slots.keys[slot] for slot in slots]
    return [cell for cell, _ in keys], [name for _, name in keys]
