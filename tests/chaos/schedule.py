"""Which fault comes when: seeded, pure, and the same for the same seed."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Holds = Mapping[str, tuple[float, float]]
"""For each fault how long it lasts: shortest and longest, seconds; (0, 0) for one that is over at once."""


@dataclass(frozen=True, slots=True, order=True)
class Planned:
    """One fault: seconds after the beginning of the load, how long it lasts, and its name."""

    at: float
    hold: float
    fault: str

    @property
    def ends(self) -> float:
        """When it is healed."""
        return self.at + self.hold


Schedule = tuple[Planned, ...]


def one_by_one(seed: int, holds: Holds, rounds: int, pause: tuple[float, float]) -> Schedule:
    """Return every fault `rounds` times, in a random order within each round, `pause` seconds between two."""
    rng = random.Random(seed)
    at = 0.0
    planned = []
    for _ in range(rounds):
        for fault in rng.sample(sorted(holds), len(holds)):
            at += rng.uniform(*pause)
            planned.append(Planned(round(at, 2), _hold(rng, holds, fault), fault))
            at = planned[-1].ends
    return tuple(planned)


def storms(
    seed: int, holds: Holds, rounds: int, pause: tuple[float, float], *, within: float = 2.0
) -> Schedule:
    """Return `rounds` storms: in each every fault begins within `within` seconds of the others."""
    rng = random.Random(seed)
    begin = 0.0
    planned: list[Planned] = []
    for _ in range(rounds):
        begin += rng.uniform(*pause)
        storm = [
            Planned(round(begin + rng.uniform(0, within), 2), _hold(rng, holds, fault), fault)
            for fault in sorted(holds)
        ]
        planned += sorted(storm)
        begin = max(each.ends for each in storm)
    return tuple(planned)


def length(schedule: Sequence[Planned], afterwards: float) -> float:
    """Return for how many seconds the load must run: to the last healing and `afterwards` seconds on."""
    return max((planned.ends for planned in schedule), default=0.0) + afterwards


def _hold(rng: random.Random, holds: Holds, fault: str) -> float:
    return round(rng.uniform(*holds[fault]), 2)
