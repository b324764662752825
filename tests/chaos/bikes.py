"""Seeded bikes that stand and ride, some with an id that rotates. Pure.

A bike reports at most once a tick, at a time within it, so that no two readings of one bike share a time: which of
them counts would depend on the order of the log.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from schemas.vehicles import VehiclePosition, VehicleState
from tests.chaos.plan import CITIES, OPERATORS, PLACES, TICK_MS, Message, Plan

_STATES: tuple[VehicleState, ...] = ("available", "on_trip", "reserved", "non_operational", "removed")
_STATE_SHARES = (0.55, 0.3, 0.08, 0.05, 0.02)


class Bikes:
    """The fleets of all operators."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = np.random.default_rng(plan.seed)
        centre = np.array(CITIES)[np.arange(PLACES) % len(CITIES)]
        self._places = np.round(centre + self._rng.uniform(-0.05, 0.05, (PLACES, 2)), 6)
        self._place = self._rng.integers(PLACES, size=plan.bikes)
        self._state = self._rng.choice(len(_STATES), size=plan.bikes, p=_STATE_SHARES)

    def tick(self, number: int) -> Iterator[Message[VehiclePosition]]:
        """Yield what the bikes report within a tick; call for 0, 1, 2, … in turn."""
        plan, rng = self._plan, self._rng
        count = plan.rate * TICK_MS // 1000
        bikes = rng.choice(plan.bikes, size=count, replace=False)
        moved = bikes[rng.random(count) < 0.2]
        self._place[moved] = rng.integers(PLACES, size=len(moved))
        self._state[moved] = rng.choice(len(_STATES), size=len(moved), p=_STATE_SHARES)
        ts = plan.begin_ms + number * plan.tick_ms + rng.integers(plan.tick_ms, size=count)
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
