"""Seeded requests of citizens: opened, moved, closed, reopened and rated, some events repeated. Pure.

A request has at most one event a tick, so no two of its events share a time. One in a hundred is a day old: the stage
must refuse it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.requests import CitizenRequest, RequestEventType
from tests.chaos.plan import CITIES, LONG_AGO_MS, OPERATORS, PLACES, TICK_MS, Message, Plan
from tests.chaos.sensors import OLD_FROM_TICK

_CODES = ("heating", "noise", "street_light", "waste")
_ODD = 0.01
_MOST_CASES = 600


@dataclass(slots=True)
class _Case:
    name: str
    operator: str
    lat: float
    lon: float
    code: str
    is_open: bool = True

    @property
    def place(self) -> dict[str, Any]:
        return {"lat": self.lat, "lon": self.lon, "service_code": self.code}


class Hotline:
    """The hotlines of all operators."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rng = rng = random.Random(f"requests {plan.seed}")
        self._places = [
            (round(lat + rng.uniform(-0.05, 0.05), 6), round(lon + rng.uniform(-0.05, 0.05), 6))
            for n in range(PLACES // 10)
            for lat, lon in [CITIES[n % len(CITIES)]]
        ]
        self._cases: list[_Case] = []
        self._opened = 0

    def tick(self, number: int) -> Iterator[Message[CitizenRequest]]:
        """Yield what happens within a tick; call for 0, 1, 2, … in turn."""
        events: dict[str, list[CitizenRequest]] = {operator: [] for operator in OPERATORS}
        count = self._plan.events * TICK_MS // 1000
        news = sum(len(self._cases) < 50 or self._rng.random() < 0.3 for _ in range(count))
        going_on = self._rng.sample(self._cases, min(count - news, len(self._cases)))
        for case in going_on:
            events[case.operator] += self._and_odd_ones(self._go_on(case, number), number)
        for _ in range(news):
            case, event = self._open(number)
            events[case.operator] += self._and_odd_ones(event, number)
        for operator, mine in events.items():
            if mine:
                yield Message(operator, tuple(mine), kind="requests")

    def _open(self, number: int) -> tuple[_Case, CitizenRequest]:
        self._opened += 1
        lat, lon = self._rng.choice(self._places)
        code, operator = self._rng.choice(_CODES), OPERATORS[self._opened % len(OPERATORS)]
        case = _Case(f"r-{self._plan.seed}-{self._opened}", operator, lat, lon, code)
        self._cases.append(case)
        if len(self._cases) > _MOST_CASES:
            self._cases.pop(0)
        event = self._event(case, "opened", number, **case.place, description="漏水")
        if self._rng.random() < 0.5:
            due = event.ts + self._rng.randrange(1_000, 30_000)
            event = msgspec.structs.replace(event, expected_datetime=due)
        return case, event

    def _go_on(self, case: _Case, number: int) -> CitizenRequest:
        chance = self._rng.random()
        if chance < 0.4:
            return self._update(case, number)
        # What overtakes its opening counts at once if it says place and category; otherwise it waits for the opening.
        said = case.place if self._rng.random() < 0.5 else {}
        if case.is_open:
            case.is_open = False
            return self._event(case, "closed", number, **said)
        if chance < 0.7:
            case.is_open = True
            return self._event(case, "opened", number, **case.place)
        if self._rng.random() < 0.6:
            self._cases.remove(case)
        return self._event(case, "rated", number, satisfaction=self._rng.randint(1, 5))

    def _update(self, case: _Case, number: int) -> CitizenRequest:
        match self._rng.randrange(3):
            case 0:
                case.lat, case.lon = self._rng.choice(self._places)
                return self._event(case, "updated", number, lat=case.lat, lon=case.lon)
            case 1:
                case.code = self._rng.choice(_CODES)
                return self._event(case, "updated", number, service_code=case.code)
            case _:
                return self._event(case, "updated", number, agency_responsible="roads", status_notes="seen")

    def _event(self, case: _Case, event: RequestEventType, number: int, **said: Any) -> CitizenRequest:
        plan = self._plan
        ts = plan.begin_ms + number * plan.tick_ms + self._rng.randrange(plan.tick_ms)
        return CitizenRequest(service_request_id=case.name, event=event, ts=ts, owner=case.operator, **said)

    def _and_odd_ones(self, event: CitizenRequest, number: int) -> Iterator[CitizenRequest]:
        yield event
        if self._rng.random() < _ODD:
            yield event
        if self._rng.random() < _ODD and number >= OLD_FROM_TICK:
            yield msgspec.structs.replace(event, ts=event.ts - LONG_AGO_MS)
