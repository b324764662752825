"""What the fleet tells of very many cells at once, as after a backlog: in pieces that Kafka takes."""

from typing import Any

import msgspec
import numpy as np

from tests.pipeline import T0
from tests.unit.fleet.road import CONFIG, Fleet, at

CELLS = 10_000
KAFKA_TAKES = 1_000_000


def scattered(seconds: float) -> list[dict[str, Any]]:
    """Return readings of bikes with the longest operator's name, each in a cell of its own within one region."""
    side = int(np.sqrt(CELLS))
    return [
        at(
            seconds,
            (31.0 + 0.005 * (n // side), 121.0 + 0.005 * (n % side)),
            bike=f"b-{n}",
            operator="o" * 64,
        )
        for n in range(CELLS)
    ]


def test_what_is_told_of_many_cells_comes_in_pieces_that_kafka_takes() -> None:
    fleet = Fleet()
    fleet.feed(at(0, (31.0, 121.0), operator="o" * 64))
    [before] = fleet.checkpoint()
    fleet.feed(*scattered(300))
    fleet.feed(at(400, (31.0, 121.0), operator="o" * 64))
    pieces = fleet.checkpoint()
    assert len(pieces) > 1
    assert max(len(msgspec.json.encode(piece)) for piece in pieces) < KAFKA_TAKES
    cells = {cell for piece in pieces for cell in piece.now.cell}
    assert sum(len(piece.now.cell) for piece in pieces) == len(cells) > 9_000
    assert sum(sum(piece.windows.readings) for piece in pieces) == CELLS + 1
    times = [(piece.newest_ts, piece.watermark) for piece in pieces]
    now = T0 + 400_000
    assert times == [(before.newest_ts, before.watermark)] * (len(pieces) - 1) + [
        (now, now - CONFIG.allowed_lateness_ms)
    ], "nobody may go by counts, or close windows, that were told by half"
    assert [piece.more for piece in pieces] == [True] * (len(pieces) - 1) + [False]
