"""Rules on single vehicles that stand in an area: for how long they may.

MDS 2.0, rules of type `time`: https://github.com/openmobilityfoundation/mobility-data-specification/tree/2.0.0/policy
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

import shapely

from streams.incidents.counts.hours import Hours
from streams.incidents.mds_policy import ALWAYS, MdsPolicy, Span

StayKind = Literal["overstay", "no_parking", "outside_service_area"]
STAY_KINDS: tuple[StayKind, ...] = ("overstay", "no_parking", "outside_service_area")


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
    """So long may a vehicle stand in an area in these states, while the rule is in effect.

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
