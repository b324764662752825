"""When a cell will be full: from how many more vehicles came than left in its last windows.

Arrivals and departures are counts, so the net inflow of n windows with t arrivals and departures in all has a standard
deviation of about sqrt(t), the Skellam law (J. G. Skellam: The frequency distribution of the difference between two
Poisson variates, JRSS 1946). The fleet of a quiet city comes and goes; a cell is held to fill only if its net inflow is
more than `sure` such deviations. Several spans are looked at, from a few windows (a crowd) to many (a rush hour), and
the soonest of those that are sure counts. Of each span the window with the largest inflow is left out: one lorry that
unloads is no inflow that goes on.

Let r be the mean inflow of n windows and v its variance. Then the inflow of the next t windows has the mean r t and the
variance v (t + t^2 / n): the first term is chance, the second the uncertainty of r. `earliest` and `latest` are the
times at which the 90th and the 10th percentile of that inflow fill the cell.

A long span still shows an inflow many windows after it stopped. So spans longer than `FRESH` count only while the
`FRESH` newest windows would fill the cell in time by themselves.

All this holds if the inflow goes on. Whether it will cannot be told from how long, how fast or how steadily bikes came:
none of these separates the inflows that stopped early from the others (docs/benchmarks.md, "Forecast of saturation").

More inflow never makes any of the spans less sure, nor the expected time later.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

SPANS = (3, 5, 8, 12, 20)
"""Windows looked back at, the one with the largest inflow included."""
LONGEST = max(SPANS)
FRESH = 5
"""Newest windows that must fill the cell in time, without a margin for chance, if longer spans are to count."""
TENTH = 1.2816
"""Standard deviations beyond which a tenth of a normal law lies."""

Flow = tuple[int, int]
"""Arrivals and departures of one window."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """Windows until a cell is full: the expected number, and the interval of four in five. `rate`: vehicles a window.

    `latest` is infinite where it may as well never be full.
    """

    rate: float
    earliest: float
    expected: float
    latest: float
    span: int


def expect(flows: Sequence[Flow], missing: int, sure: float, within: float) -> Expectation | None:
    """Return when `missing` (at least 1) more vehicles will stand there.

    None: it does not surely fill (any more), or is not expected to be full `within` so many windows.
    `flows` are those of the newest windows, oldest first, one a window.
    """
    nets = [arrivals - departures for arrivals, departures in flows]
    fresh = nets[-FRESH:]
    stopped = sum(fresh) <= 0 or sum(fresh) * within < missing * len(fresh)
    best = None
    for span in SPANS:
        if span > len(flows) or (stopped and span > FRESH):
            break
        some = nets[-span:]
        rest = sum(some) - max(some)
        if rest <= 0 or rest * within < missing * (span - 1):  # most cells, most of the time
            continue
        found = _over(flows[-span:], some, rest, missing, sure)
        if found is not None and (best is None or found.expected < best.expected):
            best = found
    return best


def _over(
    flows: Sequence[Flow], nets: Sequence[int], net: int, missing: int, sure: float
) -> Expectation | None:
    """Return what a span says; `net` is the sum of its nets but for the largest."""
    n, largest = len(nets) - 1, nets.index(max(nets))
    moved = sum(map(sum, flows)) - sum(flows[largest])
    if net <= sure * math.sqrt(moved):
        return None
    rate = net / n
    scatter = sum((one - rate) ** 2 for at, one in enumerate(nets) if at != largest) / max(1, n - 1)
    earliest, latest = _interval(rate, max(moved / n, scatter), n, missing)
    return Expectation(rate, earliest, missing / rate, latest, len(nets))


def _interval(rate: float, variance: float, n: int, missing: int) -> tuple[float, float]:
    """Return the roots of (rate t - missing)^2 = TENTH^2 variance (t + t^2 / n)."""
    chance = TENTH * TENTH * variance
    a, b, c = rate * rate - chance / n, 2 * rate * missing + chance, float(missing * missing)
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    return 2 * c / (b + root), (b + root) / (2 * a) if a > 0 else math.inf
