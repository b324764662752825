"""Whether workers look after the two stages that every deployment needs, grid and incidents. Time is passed in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from streams.times import to_second

QUIET_S = 60.0
"""Longer than a worker that lives writes nothing: one that has nothing to store says so every ten seconds."""

ALONE_S = 180.0
"""Longer than a partition can be without a sign of life while workers come and go.

Signs come every 20 s at least. Kafka notices after 60 s that a worker was killed, and waits for up to 60 s more until
the others have joined anew. The new owner gives its first sign up to 20 s later.
"""

STANDS_STILL = {"grid": "cells and alerts", "incidents": "alerts"}
"""What stands still when no worker looks after a stage. Other stages are not here, as a city may have no sensors, no
requests or no vehicles."""


@dataclass(frozen=True, slots=True)
class Seen:
    """api.stage: when a stage was last looked after, by the database's clock, and seconds ago."""

    stage: str
    at: datetime
    ago_s: float


def alone(stages: Iterable[Seen], later_s: float = 0.0) -> list[Seen]:
    """Return those of these stages that nobody has looked after for too long, `later_s` after they were asked for."""
    return [one for one in stages if one.stage in STANDS_STILL and one.ago_s + later_s > ALONE_S]


def sentence(found: Sequence[Seen]) -> str:
    """Say that nobody looks after these stages, one or more, since when, and what comes of it."""
    names = [one.stage for one in found]
    since = min(one.at for one in found)
    still = next(what for stage, what in STANDS_STILL.items() if stage in names)  # it holds the others
    return f"no worker looks after {' and '.join(names)} since {to_second(since)} UTC; {still} stand still"
