"""Rules on single vehicles that ride in an area: how fast they may.

MDS 2.0, rules of type `speed`: https://github.com/openmobilityfoundation/mobility-data-specification/tree/2.0.0/policy
"""

from collections.abc import Sequence
from dataclasses import dataclass

from streams.incidents.mds.hours import Hours
from streams.incidents.mds.policy import ALWAYS, MdsPolicy, Span


@dataclass(frozen=True, slots=True)
class SpeedRule:
    """How fast a vehicle may go in an area, in these states, while the rule is in effect.

    zone           names of the areas, for people
    areas          ids of areas (streams.incidents.stays.rules.Area)
    vehicle_types  those that it is about; none: all
    limit_kmh      None: as fast as it can (the rule keeps its vehicles from those after it)
    dates          when its zone is there at all (GBFS)
    """

    rule_id: str
    name: str
    zone: str
    areas: frozenset[str]
    states: tuple[str, ...]
    vehicle_types: frozenset[str]
    limit_kmh: float | None
    hours: Hours
    dates: Span = ALWAYS


SpeedPolicy = MdsPolicy[SpeedRule]


def least_limits(policies: Sequence[SpeedPolicy]) -> dict[str, float]:
    """Return the least limit of any rule in each area, km/h: what is slower is too fast for nobody."""
    found: dict[str, float] = {}
    for policy in policies:
        for rule in policy.rules:
            if rule.limit_kmh is not None:
                for area in rule.areas:
                    found[area] = min(rule.limit_kmh, found.get(area, rule.limit_kmh))
    return found


def states_of(policies: Sequence[SpeedPolicy]) -> frozenset[str]:
    """Return the states in which any rule is about a vehicle."""
    return frozenset(state for policy in policies for rule in policy.rules for state in rule.states)
