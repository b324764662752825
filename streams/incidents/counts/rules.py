"""What MDS policies say about the number of vehicles, ready to be counted.

https://github.com/openmobilityfoundation/mobility-data-specification/tree/2.0.0/policy, rules of type `count`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from schemas.outline import Outline
from streams.incidents.mds.hours import Hours
from streams.incidents.mds.policy import MdsPolicy
from streams.incidents.stays.rules import Area


class Place(NamedTuple):
    """Part of a cell: within these areas, of those whose outline may cross it, and not within those.

    Of an area that is not named it is unknown; there the centre of the cell decides. `vehicle_type` is that of all
    vehicles counted there; empty: of which type each is, nobody has told.
    """

    cell: str
    inside: tuple[str, ...] = ()
    outside: tuple[str, ...] = ()
    vehicle_type: str = ""


Counts = tuple[int, int, int, int, int]
"""Vehicles by state, in the order of COUNTED_STATES."""
NONE: Counts = (0, 0, 0, 0, 0)
ByOperator = Mapping[str, Counts]

Units = Literal["devices", "percent", "utilization"]
"""What bounds are in: vehicles of all operators together, or per cent of each operator (shares.py)."""


@dataclass(frozen=True, slots=True)
class CountRule:
    """How many vehicles in these states may be in a geography (its cells), while the rule is in effect.

    minimum, maximum    the least and the most that are within bounds, in `units`; None: no bound
    cells               those whose centre lies in the geography; where its outline crosses one, positions decide
    edge                the cells that its outline crosses
    area                the geography itself
    outline             of the geography, as it is told
    cell                the cell of the geography nearest to its middle, at (lat, lon): where its alerts are shown
    vehicle_types       those that it is about; none: all
    """

    rule_id: str
    name: str
    geographies: tuple[str, ...]
    zone: str
    cells: frozenset[str]
    region: str
    cell: str
    lat: float
    lon: float
    states: tuple[str, ...]
    minimum: int | None
    maximum: int | None
    hours: Hours
    area: Area
    edge: frozenset[str]
    outline: Outline | None = field(compare=False, repr=False)
    units: Units = "devices"
    vehicle_types: frozenset[str] = frozenset()

    def meets(self, other: "CountRule") -> bool:
        """Return whether there are vehicles that both rules might count, wherever and whenever."""
        types = not self.vehicle_types or not other.vehicle_types or self.vehicle_types & other.vehicle_types
        return bool(types and set(self.states) & set(other.states))

    def takes_from(self, later: "CountRule") -> bool:
        """Return whether vehicles that this rule counts do not count for one after it in the policy."""
        here, there = self.area.shape, later.area.shape
        return (
            self.meets(later)
            and self.hours.meet(later.hours)
            and here.intersects(there)
            and not here.touches(there)
        )


CountPolicy = MdsPolicy[CountRule]
"""A vehicle that a rule counts while in effect is not counted by those after it; all operators count together."""
