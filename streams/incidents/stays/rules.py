"""Rules on single vehicles that stand in an area: for how long they may.

MDS 2.0, rules of type `time`: https://github.com/openmobilityfoundation/mobility-data-specification/tree/2.0.0/policy
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import shapely

from streams.incidents.mds.hours import Hours
from streams.incidents.mds.policy import ALWAYS, MdsPolicy, Span

StayKind = Literal["overstay", "no_parking", "outside_service_area"]


@dataclass(frozen=True, slots=True)
class Area:
    """Ground that rules speak of: a prepared polygon, or all that is outside of it.

    `area_id` is a hash of what it covers: the same ground has the same id, whichever file draws it.
    """

    area_id: str
    shape: Any = field(compare=False, repr=False)
    outside: bool = False

    @classmethod
    def of(cls, shape: Any, *, outside: bool = False) -> "Area":
        """Return the area of a valid polygon or several."""
        shapely.prepare(shape)
        digest = hashlib.sha256(shapely.to_wkb(shape) + (b"outside" if outside else b"")).hexdigest()
        return cls(digest[:16], shape, outside)


@dataclass(frozen=True, slots=True)
class StayRule:
    """How long a vehicle may stand in an area, in these states, while the rule is in effect.

    zone           names of the areas, for people
    vehicle_types  those that it is about; none: all
    limit_ms       None: for good (the rule keeps its vehicles from those after it)
    dates          when its zone is there at all (GBFS)
    """

    rule_id: str
    name: str
    kind: StayKind
    zone: str
    areas: frozenset[str]
    states: tuple[str, ...]
    vehicle_types: frozenset[str]
    limit_ms: int | None
    hours: Hours
    dates: Span = ALWAYS


StayPolicy = MdsPolicy[StayRule]


@dataclass(frozen=True, slots=True)
class When:
    """When some rules of a policy are in effect."""

    policy: StayPolicy
    hours: Hours
    dates: Span


class StayRules:
    """The rules of some policies, in their order. There may be thousands: those of a vehicle are found by its areas."""

    def __init__(self, policies: Iterable[StayPolicy]) -> None:
        self._rules = [(policy, rule) for policy in policies for rule in policy.rules]
        self._numbers: dict[str, int] = {}
        self._about: defaultdict[str, list[int]] = defaultdict(list)
        times: dict[tuple[str, Hours, Span], int] = {}
        self.times: list[When] = []
        """Most rules are in effect as others are: each such time once."""
        self._time_of: list[int] = []
        for number, (policy, rule) in enumerate(self._rules):
            self._numbers.setdefault(rule.rule_id, number)
            for area in rule.areas:
                self._about[area].append(number)
            time = times.setdefault((policy.policy_id, rule.hours, rule.dates), len(times))
            if time == len(self.times):
                self.times.append(When(policy, rule.hours, rule.dates))
            self._time_of.append(time)

    def about(self, areas: Iterable[str]) -> list[tuple[StayPolicy, StayRule]]:
        """Return the rules that are about one of these areas."""
        found = {number for area in areas for number in self._about.get(area, ())}
        return [self._rules[number] for number in sorted(found)]

    def named(self, rule_ids: Iterable[str]) -> list[tuple[StayPolicy, StayRule]]:
        """Return those of these rules that there are."""
        found = {number for one in rule_ids if (number := self._numbers.get(one)) is not None}
        return [self._rules[number] for number in sorted(found)]

    def find(self, rule_id: str) -> tuple[StayPolicy, StayRule] | None:
        """Return a rule, None where there is none of this id."""
        number = self._numbers.get(rule_id)
        return None if number is None else self._rules[number]

    def time_of(self, rule_id: str) -> int | None:
        """Return the place in `times` of when a rule is in effect, None where there is none of this id."""
        number = self._numbers.get(rule_id)
        return None if number is None else self._time_of[number]
