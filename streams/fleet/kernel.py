"""What is done with each reading, in the order of the log, in compiled code. Its meaning: docs/semantics.md.

Three passes over a batch. `look_up` finds each vehicle's row and judges what needs no state; `locate` finds each
position's cell; `fold` does what depends on the readings before. The first two are loops of few instructions, so that
the processor waits for many places of memory at once; the third finds them in its cache.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.limits import EARLIEST_MS, END_MS
from streams.columnar.arrays import Records
from streams.columnar.compiled import compiled, fetch, int64
from streams.columnar.ids import Table, find_number, find_one, insert_number, insert_one
from streams.columnar.json_text import Words, is_id
from streams.fleet.columns import STATE_CODE
from streams.fleet.lattice import Lattice, hexagon
from streams.fleet.slots import OPERATOR_BITS
from streams.fleet.vehicles import AHEAD, CHANGED, HEARD, MORE, NOWHERE, STANDING

FINE, BAD_OPERATOR, UNUSABLE, BAD_ID, TOO_LATE, FOREIGN = range(6)
"""Verdicts on a reading."""
DONE, SILENT, CROWDED = range(3)
"""Why `fold` came back."""

_MISSING = STATE_CODE["missing"]

ENTRY = np.dtype(
    [("ts", np.int64), ("row", np.int32), ("slot", np.int32), ("stands", np.bool_), ("heard", np.bool_)],
    align=True,
)
"""A reading as the windows see it. `slot` is where the vehicle was; `stands` whether it stood there.

`heard` is false for what no one reported: that a silent vehicle is counted as missing from now on.
"""
ENTRIES = 2
"""So many entries a reading makes at most."""

RUN = np.dtype(
    [
        ("at", np.int64),  # the reading that is next
        ("newest_ts", np.int64),
        ("newest_basis", np.int64),
        ("watermark", np.int64),  # that the next reading meets
        ("top", np.int64),  # of the vehicles' rows
        ("spares", np.int64),
        ("missing", np.int64),
        ("slots", np.int64),
        ("put", np.int64),  # vehicles that were given a row
        ("applied", np.int64),
        ("entries", np.int64),
        ("due", np.int64),  # no vehicle that was reported missing is due before
        ("oldest", np.int64),  # no vehicle that is present has an older reading
        ("settled", np.int64),  # all that is older was counted
    ]
)
"""What `fold` counts, and takes up again where it came back."""

LIMITS = np.dtype(
    [
        ("lateness_ms", np.int64),
        ("horizon_ms", np.int64),
        ("stale_after_ms", np.int64),
        ("most", np.int64),
    ]
)


@compiled
def look_up(readings: Records, rows: NDArray[np.int32]) -> int:
    """Set `verdict` and `row` (-1: not known); returns how many rows are not known."""
    unknown = 0
    for at in range(len(readings)):
        reading = readings[at]
        if reading.operator < 0:
            reading.verdict = BAD_OPERATOR
        elif not (
            abs(reading.lat) <= 90.0
            and abs(reading.lon) <= 180.0
            and EARLIEST_MS <= reading.ts < END_MS
            and reading.state >= 0
            and reading.type_ >= 0
        ):
            reading.verdict = UNUSABLE
        else:
            reading.verdict = FINE
        reading.row = rows[at]
        unknown += rows[at] < 0
    return unknown


@compiled
def locate(
    readings: Records,
    vehicles: Records,
    lattice: Lattice,
    hexagons: Words,
    table: Table,
    factors: Words,
    cell_of: NDArray[np.int32],
    cell_of_slot: NDArray[np.int32],
    ask: NDArray[np.int32],
) -> int:
    """Set `cell` and `free`; returns how many positions H3 must be asked for: their indices are in `ask`.

    Of those `detail` is the number of the hexagon. `cell_of` is by hexagon.
    """
    asked = 0
    for at in range(len(readings)):
        reading = readings[at]
        if at + AHEAD < len(readings):
            fetch(vehicles, max(0, int64(readings[at + AHEAD].row)))
        if reading.verdict != FINE:
            continue
        if reading.row >= 0:
            vehicle = vehicles[reading.row]
            north, east = reading.lat - vehicle.lat, reading.lon - vehicle.lon
            way = np.sqrt(north * north + east * east)
            if way < vehicle.free:
                reading.cell = cell_of_slot[vehicle.slot]
                reading.free = (vehicle.free - way) * np.float64(0.999999)  # whatever is rounded
                continue
        number, free = hexagon(lattice, reading.lat, reading.lon)
        reading.free = free * np.float64(0.999999)
        found = -1
        if number >= 0:
            found = find_number(number, hexagons, table, factors)
        if found >= 0:
            reading.cell = cell_of[found]
        else:
            reading.detail = number
            ask[asked] = at
            asked += 1
    return asked


@compiled
def fold(
    run: Records,
    limits: Records,
    readings: Records,
    words: Words,
    vehicles: Records,
    changed: NDArray[np.int8],
    ids: Words,
    ids_table: Table,
    factors: Words,
    spare: NDArray[np.int32],
    slots: Words,
    slots_table: Table,
    cell_of: NDArray[np.int32],
    operator_of: NDArray[np.int32],
    counts: NDArray[np.int32],
    dirty: NDArray[np.bool_],
    entries: Records,
    before: Records,
    steps: NDArray[np.int32],
) -> int:
    """Fold readings from `run.at` on; returns DONE, or why the vehicles must be swept before the next one.

    SILENT: its vehicle has fallen silent by then. CROWDED: there are too many. There must be room for as many
    vehicles and slots as there are readings, and for ENTRIES times as many entries. Where `before` has room too, it
    gets what was on file before each applied reading, and `steps` (3, n) the reading's index, row and slot.
    """
    now, limit = run[0], limits[0]
    now.entries = 0
    while now.at < len(readings):
        at = now.at
        reading = readings[at]
        if at + AHEAD < len(readings):
            ahead = max(0, int64(readings[at + AHEAD].row))
            fetch(vehicles, ahead)
            fetch(changed, ahead)
        if reading.verdict != FINE:
            now.at += 1
            continue
        ts = reading.ts
        basis = max(now.newest_basis, min(ts, reading.received_at))
        watermark = max(now.settled, now.newest_basis - limit.lateness_ms)
        if watermark == 0:
            watermark = max(0, basis - limit.lateness_ms)
        row = int64(reading.row)
        if row < 0:
            row = find_one(words, at, ids, ids_table, factors)
        # 1. who has fallen silent by now goes before
        if row >= 0:
            vehicle = vehicles[row]
            patience = limit.horizon_ms if vehicle.state == _MISSING else limit.stale_after_ms
            if vehicle.ts + patience <= watermark:
                now.watermark = watermark
                return SILENT
        if now.top - now.spares - now.missing > limit.most and now.oldest < watermark:
            now.watermark = watermark
            return CROWDED
        # 2. from here on it counts for the clock
        now.at += 1
        now.newest_ts = max(now.newest_ts, ts)
        now.newest_basis = basis
        if ts < watermark - limit.horizon_ms:
            reading.verdict = TOO_LATE
            reading.detail = watermark - ts
            continue
        # 3. whose it is
        if row < 0:
            if not is_id(words, at):
                reading.verdict = BAD_ID
                continue
            if now.spares > 0:
                now.spares -= 1
                row = int64(spare[now.spares])
            else:
                row = now.top
                now.top += 1
            for place in range(words.shape[1]):
                ids[row, place] = words[at, place]
            insert_one(ids, ids_table, factors, row)
            now.put += 1
        vehicle = vehicles[row]
        slot = slot_before = int64(vehicle.slot)
        if slot != NOWHERE and operator_of[slot] != reading.operator:
            reading.verdict = FOREIGN
            reading.detail = operator_of[slot]
            continue
        # 4. superseded, and not for the windows either
        newer = ts > vehicle.ts
        if not newer and (ts < watermark or ts == vehicle.ts):
            continue  # of several with one ts the first counts, which came in before
        # 5. where it is
        if slot == NOWHERE or cell_of[slot] != reading.cell:
            number = int64(reading.cell) << OPERATOR_BITS | int64(reading.operator)
            slot = find_number(number, slots, slots_table, factors)
            if slot < 0:
                slot = now.slots
                now.slots += 1
                insert_number(number, slots, slots_table, factors, slot)
                cell_of[slot] = reading.cell
                operator_of[slot] = reading.operator
        waits = slot_before != NOWHERE and vehicle.ts >= watermark
        heard = changed[row] & HEARD != 0
        if heard or not newer or reading.state == _MISSING:
            changed[row] |= MORE
        if newer and waits and vehicle.state != _MISSING and not heard:
            # The vehicle's row held a reading that still waits and is saved there alone: see flows.py.
            _enter(entries[now.entries], vehicle.ts, row, slot_before, vehicle.state)
            now.entries += 1
            changed[row] |= MORE
        _enter(entries[now.entries], ts, row, slot, reading.state)
        now.entries += 1
        if not newer:
            continue
        changed[row] |= CHANGED | HEARD
        # 6. the newest: live counts, then the file
        if len(before):
            before[now.applied] = vehicle
            steps[0, now.applied] = at
            steps[1, now.applied] = row
            steps[2, now.applied] = slot
        now.applied += 1
        was_known = vehicle.slot != NOWHERE
        if slot != vehicle.slot or reading.state != vehicle.state:
            if was_known:
                if vehicle.state < counts.shape[1]:
                    counts[vehicle.slot, vehicle.state] -= 1
                dirty[vehicle.slot] = True
                now.missing -= vehicle.state == _MISSING
            if reading.state < counts.shape[1]:
                counts[slot, reading.state] += 1
            dirty[slot] = True
            now.missing += reading.state == _MISSING
        if reading.state == _MISSING:
            now.due = min(now.due, ts + limit.horizon_ms)
        else:
            now.oldest = min(now.oldest, ts)
        vehicle.ts = ts
        vehicle.received_at = reading.received_at
        vehicle.lat = reading.lat
        vehicle.lon = reading.lon
        vehicle.slot = slot
        vehicle.free = reading.free
        vehicle.state = reading.state
        vehicle.type_ = reading.type_
        vehicle.battery = reading.battery
    return DONE


@compiled
def _enter(entry: Any, ts: int, row: int, slot: int, state: int) -> None:
    entry.ts = ts
    entry.row = row
    entry.slot = slot
    entry.stands = STANDING[state]
    entry.heard = True
