"""`python -m tests.bench.forecast.steady`: how often a cell fills within the stated interval, if the inflow does go on.

Arrivals and departures are Poisson counts that never change: what chance does is all that there is.
"""

import math

import numpy as np

from streams.incidents.forecast.inflow import LONGEST, Expectation, expect
from streams.incidents.forecast.watch import ForecastRule, Outlook, step
from tests.bench.forecast.windows import MINUTE

RATES = ((1, 0, 20), (2, 0, 10), (4, 0, 20), (8, 0, 10), (2, 1, 30), (3, 2, 30), (6, 4, 30), (10, 7, 30))
"""Arrivals and departures a minute, and vehicles at the beginning."""
ROOM, CELLS = 60, 2_500
QUIET, LAST = 30, 1_500
"""Windows in which as many leave as come, before the inflow begins; and after which nobody waits any more."""


def main() -> None:
    """Print a line for each pair of rates."""
    print("arrivals departures  announced  before earliest_at  after latest_at")
    for arrivals, departures, standing in RATES:
        rng = np.random.default_rng([arrivals, departures])
        runs = [_run(rng, arrivals, departures, standing) for _ in range(CELLS)]
        told = [run for run in runs if run is not None]
        early = sum(took < found.earliest for found, took in told) / len(told)
        late = sum(took - 1 > found.latest for found, took in told) / len(told)
        print(f"{arrivals:8} {departures:10} {len(told):10} {early:19.1%} {late:16.1%}")


def _run(
    rng: np.random.Generator, arrivals: float, departures: float, standing: int
) -> tuple[Expectation, float] | None:
    """Return what was announced first, and after how many windows the cell was full; None: nothing was."""
    rule, flows = ForecastRule(), list[tuple[int, int]]()
    told: tuple[Expectation, int] | None = None
    for window in range(LAST):
        came = int(rng.poisson(departures if window < QUIET else arrivals))
        left = min(int(rng.poisson(departures)), standing + came)
        standing += came - left
        flows = [*flows, (came, left)][-LONGEST:]
        if standing >= ROOM:
            return None if told is None else (told[0], window - told[1])
        found = expect(flows, ROOM - standing, rule.sure, rule.horizon_ms / MINUTE)
        if told is None and found is not None and step(Outlook(), found, 0, MINUTE, rule).expecting:
            told = found, window
    return None if told is None else (told[0], math.inf)


if __name__ == "__main__":
    main()
