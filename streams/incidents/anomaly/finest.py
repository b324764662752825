"""How still a metric can be."""

from schemas.metrics import METRICS

FINEST = 1 / 5_000
"""Of all that a metric can be: what moves within a narrower range is as good as still."""


def least_width(metric: str) -> float:
    """Return, in the metric's unit, what counts as still; 0 where its range is not known."""
    known = METRICS.get(metric)
    return 0.0 if known is None else (known.highest - known.lowest) * FINEST
