"""How still a metric can be."""

from schemas.metrics import METRICS

FINEST = 1 / 5_000
"""Share of a metric's whole range; a series that moves within less counts as still."""


def least_width(metric: str) -> float:
    """Return, in the metric's unit, what counts as still; 0 where its range is not known."""
    known = METRICS.get(metric)
    return 0.0 if known is None else (known.highest - known.lowest) * FINEST
