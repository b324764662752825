"""Rides through the plaza and the town of the other policies on single vehicles."""

from typing import Any

from streams.fleet.news import NewsConfig
from streams.incidents.policy import Policy
from streams.incidents.vehicles.config import VehiclesConfig
from tests.unit.fleet.road import HERE, at
from tests.unit.incidents.counts.mds import rule
from tests.watched_vehicles import Watched

METRE = 1 / 111_195
"""Of latitude, in degrees."""


def speed_rule(number: int, *areas: int, **fields: Any) -> dict[str, Any]:
    """Return an MDS rule of type speed, about vehicles on a trip."""
    base = {"rule_type": "speed", "rule_units": "kph", "states": None}
    return rule(number, *areas, **{**base, **fields})


def on(seconds: float, metres: float, state: str = "on_trip", **more: Any) -> dict[str, Any]:
    """Return a reading so many metres north of HERE."""
    kind = more.pop("vehicle_type", "bicycle")
    return {**at(seconds, (HERE[0] + metres * METRE, HERE[1]), state, **more), "vehicle_type": kind}


def ride(
    kmh: float, *, begin: float = 0, readings: int = 2, step: float = 15, **more: Any
) -> list[dict[str, Any]]:
    """Return the readings of a ride whose moves show just this speed, 30 m of noise added."""
    metres = kmh / 3.6 * step + 30
    return [on(begin + i * step, i * metres, **more) for i in range(readings)]


def watched(policy: Policy) -> Watched:
    """Return folds that look for nothing but what the policy says."""
    return Watched(NewsConfig(), VehiclesConfig(jumps=False), policy=policy)


def tell(fold: Watched, *readings: dict[str, Any]) -> None:
    """Feed readings as one record, and let them be told."""
    fold.feed(*readings)
    fold.publish()
