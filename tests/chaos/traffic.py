"""Seeded traffic of a city: bikes, sensors and citizens' requests, messages held back and messages sent twice. Pure.

Time goes in ticks.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from tests.chaos.bikes import Bikes
from tests.chaos.hotline import Hotline
from tests.chaos.plan import TICK_MS, Message, Plan
from tests.chaos.sensors import Sensors


class Traffic:
    """The messages of each tick. The same plan gives the same traffic."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = np.random.default_rng((plan.seed, 1))
        self._sources = (Bikes(plan), Sensors(plan), Hotline(plan))
        self._later: dict[int, list[Message[Any]]] = defaultdict(list)

    def tick(self, number: int) -> list[Message[Any]]:
        """Return what is to be published at a tick; call for 0, 1, 2, … in turn."""
        due = self._later.pop(number, [])
        most_ticks = max(1, int(self._plan.most_held_back_s * 1000 / TICK_MS))
        for message in self._new(number):
            held_back, repeated = (self._rng.random(2) < (self._plan.held_back, self._plan.repeated)).tolist()
            wait, again = self._rng.integers(1, most_ticks + 1, 2).tolist()
            at = number + (wait if held_back else 0)
            (due if at == number else self._later[at]).append(message)
            if repeated:
                self._later[at + again].append(replace(message, first=False))
        return due

    def rest(self) -> list[Message[Any]]:
        """Return what was still held back, in the order of its ticks."""
        return [message for number in sorted(self._later) for message in self._later.pop(number)]

    def _new(self, number: int) -> Iterator[Message[Any]]:
        for source in self._sources:
            yield from source.tick(number)
