"""The contract of the detectors: `score` a value of a series, then `learn` it.

A detector is frozen configuration; what it knows of one series is a state of a few hundred numbers at most, whose size
does not grow, and which msgpack can carry. `score` changes nothing. `learn` is told the score, so that what is
anomalous does not teach the baseline as if it were normal. Neither asks a clock or a random number: a log folded again
gives the same scores. What a value is, V, is a number for most members, and the metrics of a cell by name for one.

The suite in tests/unit/incidents/test_detectors.py holds for every member of the family.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import msgspec


@dataclass(frozen=True, slots=True)
class Score:
    """What a detector says of one value.

    score          0 (as ever) to 1 (as unusual as the detector can say); from 0.5 on people should know
    aspect         what of the series is unusual: its value, or a figure that is made of it
    observed       that figure
    low, high      what was expected of it
    warm           False while the detector knows too little; the score is 0 then, and the range means nothing
    """

    score: float
    aspect: str
    observed: float
    low: float
    high: float
    warm: bool = True


class Detector[S: msgspec.Struct, V](Protocol):
    """One member of the family. `version` grows when the same values would give other scores."""

    @property
    def name(self) -> str:
        """What it is called in settings and in evidence."""
        ...

    @property
    def version(self) -> int:
        """Version of its arithmetic and its defaults."""
        ...

    @property
    def state(self) -> type[S]:
        """Type of the state, for decoding."""
        ...

    def fresh(self) -> S:
        """Return the state of a series of which nothing is known."""
        ...

    def score(self, state: S, at_ms: int, value: V) -> Score:
        """Judge a finite value at an event time later than all that were learnt; the state stays as it is."""
        ...

    def learn(self, state: S, at_ms: int, value: V, score: Score) -> None:
        """Take the value in; `score` is what `score` said of it."""
        ...


HALF_NATS = 9 * math.log(10)
"""A tail probability of 10^-9 scores 0.5: a series of one-minute windows meets one by chance in two thousand years."""


def surprise(nats: float) -> float:
    """Return the score of a tail probability exp(-nats); its logarithm decides, as in S. Ahmad et al., 2017."""
    return 1.0 if math.isinf(nats) else max(0.0, nats / (nats + HALF_NATS))


def gaussian_nats(z: float) -> float:
    """Return -ln of the two-sided tail probability of a normal deviate; for large z its Chernoff bound."""
    tail = math.erfc(abs(z) / math.sqrt(2))
    return -math.log(tail) if tail > 1e-300 else z * z / 2
