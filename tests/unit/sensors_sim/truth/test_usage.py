"""Rides a bike and day, seen in a fleet of two operators with two bikes each, that ride when the test says so."""

from typing import Any, cast

import numpy as np
import pytest

from sensors_sim.batch import AVAILABLE, ON_TRIP, REMOVED
from sensors_sim.bikes import Fleet
from sensors_sim.truth.entry import Entry
from sensors_sim.truth.usage import HOUR_MS, Usage

START = 480_000 * HOUR_MS
BIKES = 4


class Ridden:
    """What Usage reads of a fleet."""

    operators = ("hello", "didi")
    operator = np.array([0, 0, 1, 1], np.uint8)

    def __init__(self, usage: Usage) -> None:
        self.now, self._usage = START, usage
        self.state = np.full(BIKES, AVAILABLE, np.uint8)
        self.left = np.full(BIKES, START - HOUR_MS)
        self._look()

    def _look(self) -> None:
        self._usage.look(cast(Fleet, self))

    def hour(self, *bikes: int, state: int = ON_TRIP) -> None:
        """Let an hour pass, in whose middle these bikes set out."""
        self.now += HOUR_MS // 2
        self._look()
        self.left[list(bikes)] = self.now
        self.state[list(bikes)] = state
        self.now += HOUR_MS // 2
        self._look()
        self.state[self.state == ON_TRIP] = AVAILABLE


def run(hours: dict[int, tuple[int, ...]], last: int, **fields: Any) -> tuple[Usage, Ridden]:
    usage = Usage("r1", fields.pop("kind", "too_few_trips"), fields.pop("bound", 2.0))
    ridden = Ridden(usage)
    for hour in range(last):
        ridden.hour(*hours.get(hour, ()), **fields)
    return usage, ridden


def said(usage: Usage, until: int = 100) -> list[tuple[str, str | None, float, float]]:
    def of(entry: Entry) -> tuple[str, str | None, float, float]:
        begin, end = ((at - START) / HOUR_MS for at in (entry.from_ms, entry.to_ms))
        return entry.verdict, entry.subject, begin, end

    return [of(entry) for entry in usage.entries(START + until * HOUR_MS)]


USED = dict.fromkeys((1, 2, 3, 25, 26), (0, 1, 2, 3))
"""Three rides a bike on the first day; the second begins as the first did, an hour and a day later."""


def test_nothing_is_known_before_a_whole_day_is() -> None:
    usage, _ = run({}, 23)
    assert list(usage.rates()) == []
    assert said(usage) == []


def test_the_rate_is_that_of_the_last_day_for_each_operator() -> None:
    usage, _ = run({**USED, 5: (0,)}, 26)
    assert [(end, rate.tolist()) for end, rate in usage.rates()] == [
        (START + 24 * HOUR_MS, [3.5, 3.0]),
        (START + 25 * HOUR_MS, [3.5, 3.0]),
        (START + 26 * HOUR_MS, [3.5, 3.0]),  # those of hour 1 are gone, those of hour 25 are there
    ]


def test_who_rides_less_is_due_from_the_hour_on_in_which_the_day_has_too_few_and_until_it_has_enough() -> (
    None
):
    only_hello = dict.fromkeys((25, 26, 27), (0, 1))
    usage, _ = run({**USED, **only_hello, 28: (2, 3), 29: (2, 3), 30: (2, 3)}, 32, bound=2.5)
    assert said(usage) == [("due", "r1/didi", 26.0, 31.0), ("may", "r1/didi", 25.5, 31.0)]


def test_what_goes_on_at_the_end_of_a_run_is_due_until_then_if_it_has_gone_on_for_an_hour() -> None:
    usage, _ = run({**USED, **dict.fromkeys((25, 26, 27), (0, 1))}, 28, bound=2.5)
    assert said(usage, until=27) == [("due", "r1/didi", 26.0, 27.0), ("may", "r1/didi", 25.5, 29.0)]
    assert said(usage, until=26) == [("may", "r1/didi", 25.5, 29.0)]


def test_who_rides_more_is_due_from_the_hour_on_in_which_the_day_has_too_many_and_until_it_has_few_enough() -> (
    None
):
    """Hour 24 brings a fourth ride of each of didi's bikes; 25 makes up for 1, 26 by half for 2, and nothing for 3."""
    usage, _ = run({**USED, 24: (2, 3), 25: (2, 3), 26: (2,)}, 29, bound=3.3, kind="too_many_trips")
    assert said(usage) == [("due", "r1/didi", 25.0, 28.0), ("may", "r1/didi", 24.5, 28.0)]
    [due] = [entry for entry in usage.entries(START + 29 * HOUR_MS) if entry.verdict == "due"]
    assert due.kind == "too_many_trips"
    assert due.why == "up to 4.00 rides a bike and day of didi; 3.3 are allowed"


@pytest.mark.parametrize(
    ("kind", "bound"),
    [(kind, bound) for kind in ("too_few_trips", "too_many_trips") for bound in (2.95, 3.05)],
)
def test_a_rate_near_the_bound_is_tolerated_and_not_asked_for(kind: str, bound: float) -> None:
    usage, _ = run(USED, 25, kind=kind, bound=bound)
    assert said(usage) == [("may", f"r1/{name}", 23.5, 26.0) for name in ("hello", "didi")]


def test_a_bike_on_a_lorry_rides_not_and_is_not_there() -> None:
    usage, _ = run({1: (0, 2)}, 24, state=REMOVED)
    (_, rate) = next(usage.rates())
    assert rate.tolist() == [0.0, 0.0]
    assert said(usage)[0][0] == "due"
    usage, ridden = run({0: (0,)}, 1, state=REMOVED)
    for hour in range(23):
        ridden.hour(*((1,) if hour < 3 else ()))
    (_, rate) = next(usage.rates())
    assert rate.tolist() == [3 * 24 / (24 + 0.5), 0.0]
