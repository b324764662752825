r"""Thresholds: from which value on, for how long, and how bad; with hysteresis, as of capacities.

                          ________
at_least  - - - - - - - -/- - - - \ - - - - - - -
                        /|   |     \
at_least - hysteresis -/ | - | - - -\ - - - - - -
                      /  |   |=alert=\
                    since^   ^raised  ^cleared
                         |-->| min_duration

`at_most` is the same upside down. Each severity has a bound of its own; an alert is as bad as the worst that holds.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from schemas.alerts import Severity

Figure = Literal["mean", "least", "most"]
"""Of the readings in a cell and window."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound for each severity, from the mildest on, in the metric's unit.

    `at_most`: the figure is to be greater, not less. `zones`: of the policy, in which it holds; none named: everywhere.
    """

    name: str
    metric: str
    bounds: tuple[tuple[Severity, float], ...]
    at_most: bool = False
    figure: Figure = "mean"
    hysteresis: float = 0.0
    min_duration_ms: int = 0
    zones: tuple[str, ...] = ()
    version: str = field(init=False, repr=False, compare=False)
    """A hash of all that decides. Every window asks for it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "version", hashlib.sha256(repr(self).encode()).hexdigest()[:12])

    def reaches(self, value: float, bound: float) -> bool:
        """Return whether a value is at or beyond a bound."""
        return value <= bound if self.at_most else value >= bound

    def is_back(self, value: float, bound: float) -> bool:
        """Return whether a value is back on the right side of a bound, by more than the hysteresis."""
        # Rounded, as 0.8 - 0.1 is a little over 0.7.
        far = round(bound + self.hysteresis if self.at_most else bound - self.hysteresis, 9)
        return value > far if self.at_most else value < far


@dataclass(frozen=True, slots=True)
class Level:
    """One bound: since when windows have been at or beyond it, and whether that holds (an alert says so)."""

    since: int | None = None
    holds: bool = False


def step(level: Level, threshold: Threshold, bound: float, value: float, start: int, end: int) -> Level:
    """Return a level after the window from `start` to `end`. A window without a reading leaves it as it is."""
    if level.holds:
        return Level() if threshold.is_back(value, bound) else level
    if not threshold.reaches(value, bound):
        return Level()
    since = start if level.since is None else level.since
    return Level(since, end - since >= threshold.min_duration_ms)
