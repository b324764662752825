"""Seeded traffic of a fleet: bikes that stand and ride, messages held back and messages sent twice, ids that rotate.
Pure.

Time goes in ticks. A bike reports at most once a tick, at a time within it, so that no two readings of one
bike share a time: which of them counts would depend on the order of the log.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VehiclePosition, VehicleState

OPERATORS = ("alpha", "beta", "gamma")
TICK_MS = 100

_CITIES = ((31.23, 121.47), (39.90, 116.40))  # Shanghai and Beijing: regions of their own
_PLACES = 300
_STATES: tuple[VehicleState, ...] = ("available", "on_trip", "reserved", "non_operational", "removed")
_STATE_SHARES = (0.55, 0.3, 0.08, 0.05, 0.02)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make. `rate`: readings per second of wall time; `speed`: event time per wall time.

    Of the messages a share `held_back` is published up to `most_held_back_s` (wall time) late, and a share
    `repeated` a second time, as late again. A share `rotating` of the bikes has a new id after each `poll_s`
    (wall time), as GBFS feeds do; the old one is never heard of again.
    """

    seed: int
    rate: int
    begin_ms: int
    bikes: int = 20_000
    speed: float = 1.0
    message_size: int = 120
    held_back: float = 0.15
    repeated: float = 0.05
    most_held_back_s: float = 4.0
    rotating: float = 0.0
    poll_s: float = 10.0

    def __post_init__(self) -> None:
        if self.rate * TICK_MS / 1000 * len(OPERATORS) > self.bikes:
            raise ValueError(
                f"{self.bikes} bikes cannot give {self.rate} readings/s with one each {TICK_MS} ms "
                f"at most: use {self.rate * TICK_MS // 1000 * len(OPERATORS)} bikes or more"
            )


@dataclass(frozen=True, slots=True)
class Message:
    """Readings of one operator; `first` is false when it was published before."""

    operator: str
    readings: tuple[VehiclePosition, ...]
    first: bool = True


class Traffic:
    """The messages of each tick. The same plan gives the same traffic."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = np.random.default_rng(plan.seed)
        centre = np.array(_CITIES)[np.arange(_PLACES) % len(_CITIES)]
        self._places = np.round(centre + self._rng.uniform(-0.05, 0.05, (_PLACES, 2)), 6)
        self._place = self._rng.integers(_PLACES, size=plan.bikes)
        self._state = self._rng.choice(len(_STATES), size=plan.bikes, p=_STATE_SHARES)
        self._later: dict[int, list[Message]] = defaultdict(list)

    def tick(self, number: int) -> list[Message]:
        """Return what is to be published at a tick; call for 0, 1, 2, … in turn."""
        due = self._later.pop(number, [])
        most_ticks = max(1, int(self._plan.most_held_back_s * 1000 / TICK_MS))
        for message in self._new(number):
            held_back, repeated = (self._rng.random(2) < (self._plan.held_back, self._plan.repeated)).tolist()
            wait, again = self._rng.integers(1, most_ticks + 1, 2).tolist()
            at = number + (wait if held_back else 0)
            (due if at == number else self._later[at]).append(message)
            if repeated:
                self._later[at + again].append(Message(message.operator, message.readings, first=False))
        return due

    def rest(self) -> list[Message]:
        """Return what was still held back, in the order of its ticks."""
        return [message for number in sorted(self._later) for message in self._later.pop(number)]

    def _new(self, number: int) -> Iterator[Message]:
        plan, rng = self._plan, self._rng
        count = plan.rate * TICK_MS // 1000
        bikes = rng.choice(plan.bikes, size=count, replace=False)
        moved = bikes[rng.random(count) < 0.2]
        self._place[moved] = rng.integers(_PLACES, size=len(moved))
        self._state[moved] = rng.choice(len(_STATES), size=len(moved), p=_STATE_SHARES)
        length_ms = max(1, int(TICK_MS * plan.speed))
        ts = plan.begin_ms + number * length_ms + rng.integers(length_ms, size=count)
        poll = int(number * TICK_MS / (plan.poll_s * 1000))
        for index, operator in enumerate(OPERATORS):
            mine = np.flatnonzero(bikes % len(OPERATORS) == index)
            for start in range(0, len(mine), plan.message_size):
                part = mine[start : start + plan.message_size]
                yield Message(operator, tuple(self._readings(operator, bikes[part], ts[part], poll)))

    def _readings(
        self, operator: str, bikes: NDArray[np.int64], ts: NDArray[np.int64], poll: int
    ) -> Iterator[VehiclePosition]:
        rotate = int(self._plan.rotating * self._plan.bikes)
        places = self._places[self._place[bikes]].tolist()
        states = self._state[bikes].tolist()
        for bike, at, (lat, lon), state in zip(bikes.tolist(), ts.tolist(), places, states, strict=True):
            yield VehiclePosition(
                vehicle_id=f"bike-{bike}-{poll}" if bike < rotate else f"bike-{bike}",
                ts=at,
                lat=lat,
                lon=lon,
                operator=operator,
                vehicle_state=_STATES[state],
            )
