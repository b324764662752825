"""One run: load on, faults by schedule, everything healed, and the verdict."""

import os
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from deploy.native.process import ServiceFailed
from tests.chaos.city import City
from tests.chaos.faults import Fault, Heal
from tests.chaos.freshness import EventTime, Freshness, all_fresh, first_fresh, shown_fresh
from tests.chaos.schedule import Planned, Schedule, length
from tests.chaos.verdict import Verdict, judge
from tests.waiting import eventually

RATE = int(os.environ.get("CHAOS_RATE", "10000"))
"""Readings per second. Less is for finding one's way on a small machine; the promise is checked with this."""
SEED = int(os.environ.get("CHAOS_SEED", "1"))
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "3"))
_TICK_S = 0.1
_AFTERWARDS_S = 14.0
_LOAD_END_S = 150.0


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long the tables stood still after one fault: seconds from its beginning, `hold` included.

    `first`: until any partition, `complete`: until all partitions and the summed cells held a reading that was
    published after the fault began; `shown`: until somebody who follows the console was told of one. None where the
    run ended before.
    """

    fault: str
    at: float
    hold: float
    first: float | None
    complete: float | None
    shown: float | None


@dataclass(frozen=True, slots=True)
class _Begun:
    """A fault that was carried out, and the moments (`time.time()`) before and after."""

    planned: Planned
    at: float
    hurt_at: float


@dataclass(slots=True)
class Outcome:
    """All there is to say about a run."""

    seed: int
    seconds: float
    load: dict[str, Any]
    recoveries: list[Recovery]
    verdict: Verdict
    revived: list[str]


def run(
    city: City,
    schedule: Schedule,
    faults: Mapping[str, Fault],
    *,
    seed: int = SEED,
    rate: int = RATE,
    speed: float = 1.0,
    rotating: float = 0.0,
    started: bool = False,
    seconds: float | None = None,
) -> Outcome:
    """Run the schedule under load; the city is started first, unless it was. Without `seconds` the load
    goes on until the last fault is healed and its effects may be seen. A share `rotating` of the bikes has
    a new id at every poll.
    """
    seconds = seconds or length(schedule, _AFTERWARDS_S)
    if not started:
        city.start()
    load = city.start_load(seconds, seed=seed, rate=rate, speed=speed, rotating=rotating)
    with Freshness(city.postgres.url) as freshness:
        event_time = EventTime(**load.began())
        eventually(lambda: freshness.samples and freshness.samples[-1].newest, 60.0)
        await_autosave(city)
        begun = _carry_out(city, schedule, faults, random.Random(seed))
        summary = load.finish(seconds + _LOAD_END_S, city.tend)
        verdict = judge(city, [load.published], vehicles_fall_silent=rotating > 0)
        samples = freshness.samples
    partitions = city.settings().source_partitions
    recoveries = [
        Recovery(
            item.planned.fault,
            item.planned.at,
            item.planned.hold,
            _since(item.at, first_fresh(samples, item.hurt_at, event_time)),
            _since(item.at, all_fresh(samples, item.hurt_at, event_time, partitions)),
            _since(item.at, shown_fresh(city.onlooker.moments, item.hurt_at, event_time)),
        )
        for item in begun
    ]
    return Outcome(seed, seconds, summary, recoveries, verdict, city.revived)


def _since(begin: float, end: float | None) -> float | None:
    return None if end is None else round(end - begin, 2)


def await_autosave(city: City) -> None:
    """Wait until Mosquitto has the gateway's session on disk: a crash before that would lose the subscription."""
    saved = city.directory / "mosquitto" / "mosquitto.db"
    eventually(saved.exists, 30.0)


def _carry_out(
    city: City, schedule: Schedule, faults: Mapping[str, Fault], rng: random.Random
) -> list[_Begun]:
    """Hurt and heal in time; return what was done."""
    waiting = list(schedule)
    healing: list[tuple[float, Heal]] = []
    begun = []
    start = time.monotonic()
    try:
        while waiting or healing:
            now = time.monotonic() - start
            due = [item for item in healing if item[0] <= now]
            healing = [item for item in healing if item[0] > now]
            for _, heal in due:
                heal()
            if waiting and waiting[0].at <= now:
                planned = waiting.pop(0)
                at = time.time()
                heal = faults[planned.fault].hurt(city, rng)
                begun.append(_Begun(planned, at, time.time()))
                healing.append((now + planned.hold, heal))
            city.tend()
            time.sleep(_TICK_S)  # paces the schedule; nothing is waited for
    finally:
        for _, heal in healing:
            with suppress(OSError, ServiceFailed):
                heal()
    return begun
