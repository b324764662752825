"""Noise with a memory: the random walk that is drawn back to its mean (Ornstein-Uhlenbeck), minute by minute."""

from math import exp, sqrt

import numpy as np

from sensors_sim.batch import Floats


class Drift:
    """n values of mean 0 and standard deviation `sd`, correlated over `minutes` minutes.

    value  float64[n]
    """

    def __init__(self, n: int, sd: float, minutes: float, rng: np.random.Generator) -> None:
        self._rng = rng
        self._keeps = exp(-1 / minutes)
        self._shock = sd * sqrt(1 - self._keeps**2)
        self.value: Floats = rng.normal(0.0, sd, n)

    def step(self) -> Floats:
        """Live through a minute; return the new values."""
        self.value = self._keeps * self.value + self._rng.normal(0.0, self._shock, len(self.value))
        return self.value
