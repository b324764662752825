"""The incidents fold alone: live cells in, alerts out. One cell in twenty is around its threshold at any time."""

import numpy as np

from schemas import codec
from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from streams import topics
from streams.grid import locate
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.bench import marks
from tests.bench.cells import beginning, city, pairs, record
from tests.bench.workload import OPERATORS, T0_MS

CAPACITY = 60
CHECKPOINT = 50
_CROWDED = 0.05
_RULE = Rule(zone="default", capacity=CAPACITY, raise_ratio=1.0, clear_ratio=0.8, min_duration_ms=120_000)


def updates(messages: int, size: int, cells: int, resolution: int) -> list[bytes]:
    """Return messages of `size` (cell, operator) pairs each, a second of event time apart."""
    rng = np.random.default_rng(1)
    names = pairs(city(cells, resolution))
    each = len(OPERATORS)
    extra = np.repeat(np.where(rng.random(len(names) // each) < _CROWDED, CAPACITY // each - 6, 0), each)
    made = []
    for number in range(messages):
        take = rng.choice(len(names), size, replace=False)
        standing = (rng.integers(0, 14, size) + extra[take]).tolist()
        zeros = [0] * size
        counts = SlotCounts(
            [names[at][0] for at in take.tolist()],
            [names[at][1] for at in take.tolist()],
            *(standing, zeros, zeros, zeros, zeros),
        )
        as_of = T0_MS + number * 1000
        made.append(codec.encode(CellsNow("822f", as_of, as_of - 10_000, counts)))
    return made


def main() -> None:
    """Measure."""
    asked = marks.spec()
    values = updates(asked["messages"], asked["size"], asked["cells"], asked["resolution"])
    fold = IncidentsState(parse(None, _RULE, "default"), locate.centre, beginning())
    alerts = 0
    marks.settled()
    begin = marks.now()
    for number, value in enumerate(values):
        fold.apply(record(topics.CELLS, number, value, T0_MS))
        alerts += len(fold.take_outputs(at_checkpoint=False))
        if number % CHECKPOINT == CHECKPOINT - 1:
            fold.take_changes()
    marks.report(begin=begin, end=marks.now(asked["messages"] * asked["size"]), alerts=alerts)


if __name__ == "__main__":
    main()
