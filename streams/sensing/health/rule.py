"""When a sensor counts as ill."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HealthRule:
    """Milliseconds, and numbers of readings.

    warm_gaps     gaps between readings that must be known before silence means anything
    silent_times  so many usual gaps without a word are silence
    silent_ms     and this much event time at the least: readings that come sooner are not too late to be counted
    warm_changes  changes of the value that must be known before repetition means anything
    stuck_times   so many times the longest run of one value ever is stuck
    stuck_least   and so many readings at the least
    stuck_ms      and this much event time
    refused_up    by how much a reading out of range raises the level of refusals; a good one lowers it by 1
    refused_at    level at which the sensor is broken: three in a row, or more than one in three for a while
    refused_most  level beyond which it does not rise: so many good readings end it
    """

    warm_gaps: int = 10
    silent_times: float = 5.0
    silent_ms: int = 600_000
    warm_changes: int = 20
    stuck_times: int = 4
    stuck_least: int = 12
    stuck_ms: int = 1_800_000
    refused_up: int = 2
    refused_at: int = 6
    refused_most: int = 10
