"""What whoever watches single vehicles is shown: each applied reading, and the one of its vehicle before it."""

from typing import Any

import numpy as np
import pytest

from streams.fleet.steps import Steps
from streams.fleet.vehicles import NOWHERE
from tests.pipeline import T0
from tests.unit.fleet.road import HERE, NEXT, Fleet, at

NAMES = ("ts", "lat", "lon", "state")


class Watcher:
    """Keeps (now, before) of every step, by name of the vehicle."""

    def __init__(self, fleet: Fleet) -> None:
        self.seen: list[tuple[str, tuple[Any, ...], tuple[Any, ...]]] = []
        self.slots: list[tuple[int, int]] = []
        self._vehicles = fleet.fold._vehicles
        fleet.fold._folding.look = self.look

    def look(self, steps: Steps) -> None:
        """Keep steps."""
        ids = self._vehicles.ids.texts(steps.rows)
        columns = [
            *(steps.now(name).tolist() for name in NAMES),
            *(steps.before(name).tolist() for name in NAMES),
        ]
        for name, *values in zip(ids, *columns, strict=True):
            self.seen.append((name, tuple(values[:4]), tuple(values[4:])))
        self.slots += zip(steps.slots_before().tolist(), steps.slots.tolist(), strict=True)


def test_a_step_is_an_applied_reading_beside_the_one_before_it() -> None:
    fleet = Fleet()
    watcher = Watcher(fleet)
    fleet.feed(at(0), at(5, NEXT), at(3), at(0, bike="b"))  # the third is overtaken
    fleet.feed(at(9, NEXT, state="on_trip"))
    fleet.tell()
    assert [(name, now[0] - T0) for name, now, _ in watcher.seen] == [
        ("bike-1", 0),
        ("bike-1", 5_000),
        ("b", 0),
        ("bike-1", 9_000),
    ]
    assert [before[0] for _, _, before in watcher.seen] == [0, T0, 0, T0 + 5_000]
    assert watcher.seen[1][1:] == ((T0 + 5_000, *NEXT, 0), (T0, *HERE, 0))
    assert watcher.seen[3][1][3] != watcher.seen[3][2][3] == 0
    here, there = watcher.slots[0][1], watcher.slots[1][1]
    assert watcher.slots == [(NOWHERE, here), (here, there), (NOWHERE, here), (there, there)]


@pytest.mark.parametrize("seed", range(5))
def test_steps_do_not_depend_on_how_records_are_folded_together(seed: int) -> None:
    chance = np.random.default_rng(seed)
    readings = [
        at(
            second + int(chance.integers(0, 5)),
            (HERE, NEXT)[int(chance.integers(2))],
            bike=f"b{chance.integers(4)}",
        )
        for second in range(0, 3_000, 40)
    ]
    together, singly = Fleet(), Fleet()
    watchers = Watcher(together), Watcher(singly)
    together.feed(*readings)
    for reading in readings:
        singly.feed(reading)
        singly.tell()
    together.tell()
    assert watchers[0].seen == watchers[1].seen
    assert len(watchers[0].seen) > 20
