"""Whether a rate of trips is within bounds, and how bad it is where not."""

from dataclasses import dataclass
from typing import Literal

from schemas.alerts import Severity
from streams.incidents.counts.watch import severity_of
from streams.incidents.trips.rules import TripRule
from streams.incidents.trips.series import Rate

TripKind = Literal["too_few_trips", "too_many_trips"]
FEW = 1.0
"""Vehicles: the use of less than one, in the mean of a day, says nothing."""


@dataclass(frozen=True, slots=True)
class Found:
    """A bound that is broken, and how badly."""

    kind: TripKind
    severity: Severity


def found_in(rule: TripRule, rate: Rate) -> Found | None:
    """Return which bound a rate is out of, and how badly; None: within."""
    if rate.vehicles < FEW:
        return None
    if rule.minimum is not None and rate.per_vehicle < rule.minimum:
        return Found("too_few_trips", severity_of(rule.minimum, rate.per_vehicle))
    if rule.maximum is not None and rate.per_vehicle > rule.maximum:
        return Found("too_many_trips", severity_of(rate.per_vehicle, rule.maximum))
    return None
