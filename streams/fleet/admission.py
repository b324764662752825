"""Telling of readings that were refused."""

import numpy as np

from schemas.rejected import Reason
from streams.fleet.batch import Batch
from streams.fleet.columns import why_unusable
from streams.fleet.kernel import BAD_ID, BAD_OPERATOR, FINE, FOREIGN, TOO_LATE
from streams.fleet.slots import Slots
from streams.fold.books import Books

_ID_RULE = "1 to 64 letters, digits or _ . : - expected"


def refuse(batch: Batch, books: Books, slots: Slots, horizon_ms: int) -> int:
    """Refuse the readings of a folded batch whose verdict says so; returns how many."""
    refused = np.flatnonzero(batch.readings["verdict"][: len(batch)] != FINE)
    for index in refused.tolist():
        record, place = batch.at(index)
        reason, detail = _why(batch, index, slots, horizon_ms)
        books.refuse(record, reason, detail, place, text=batch.text(index), order=index)
    return len(refused)


def _why(batch: Batch, index: int, slots: Slots, horizon_ms: int) -> tuple[Reason, str]:
    reading = batch.readings[index]
    verdict, detail = int(reading["verdict"]), int(reading["detail"])
    if verdict == BAD_OPERATOR:
        return "bad_id", f"operator: {_ID_RULE}"
    if verdict == BAD_ID:
        return "bad_id", f"vehicle_id: {_ID_RULE}"
    if verdict == TOO_LATE:
        return (
            "too_late",
            f"{detail / 1000:.0f} s behind the watermark; {horizon_ms / 1000:.0f} s at most",
        )
    if verdict == FOREIGN:
        return "operator_conflict", f"vehicle belongs to operator {slots.operators[detail]}"
    return why_unusable(reading)
