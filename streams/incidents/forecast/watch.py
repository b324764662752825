r"""One cell under watch for what is to come: raised when it will surely be full soon, cleared when it will not, or is.

expected in
horizon  - - - -\- - - - - - - /- - - - -
\    alert   /|-> recede
latest <= horizon     expected later than the horizon, or not at all, for so long
"""

from dataclasses import dataclass, replace

from streams.incidents.forecast.inflow import Expectation


@dataclass(frozen=True, slots=True)
class ForecastRule:
    """When to raise and to clear.

    horizon_ms  how far ahead is looked: raised when the cell is full by then, nine times in ten if the inflow goes on
    sure        standard deviations that the net inflow must exceed
    recede_ms   event time for which it must not be expected within the horizon any more before the alert is cleared
    """

    horizon_ms: int = 1_800_000
    sure: float = 2.5
    recede_ms: int = 300_000


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is remembered of a cell.

    full        it reached its threshold and is not clear of it yet: nothing is to be expected
    expecting   an alert is open
    doubted_at  since when, with an open alert, the cell is not expected to be full within the horizon
    """

    full: bool = False
    expecting: bool = False
    doubted_at: int | None = None


def step(
    outlook: Outlook, expectation: Expectation | None, at_ms: int, window_ms: int, rule: ForecastRule
) -> Outlook:
    """Return the outlook of a cell that is not full, after a look at event time `at_ms`.

    `expectation` is None where it is not expected to be full within the horizon.
    """
    if not outlook.expecting:
        soon = expectation is not None and expectation.latest * window_ms <= rule.horizon_ms
        return Outlook(expecting=soon)
    if expectation is not None:
        return Outlook(expecting=True)
    since = at_ms if outlook.doubted_at is None else outlook.doubted_at
    if at_ms - since >= rule.recede_ms:
        return Outlook()
    return replace(outlook, doubted_at=since)


def filled(outlook: Outlook, occupancy: int, raise_at: int, clear_below: int) -> Outlook | None:
    """Return the outlook of a cell that is full, or was and is not clear of it yet; None: it is neither."""
    if occupancy >= raise_at or (outlook.full and occupancy >= clear_below):
        return Outlook(full=True)
    return None
