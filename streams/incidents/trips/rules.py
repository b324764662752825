"""Rules on trips per vehicle and day, an extension of MDS that cities ask for: `rule_units` is `trips`."""

import hashlib
from dataclasses import dataclass, field

from schemas.outline import Outline
from streams.incidents.mds.policy import MdsPolicy


@dataclass(frozen=True, slots=True)
class TripRule:
    """How many trips a day may begin in a geography (its cells) for each vehicle of an operator that is there.

    states              those in which vehicles are counted
    minimum, maximum    the least and the most that are within bounds; None: no bound
    cell                the cell of the geography nearest to its middle, at (lat, lon): where its alerts are shown
    outline             of the geography, as it is told
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
    minimum: float | None
    maximum: float | None
    outline: Outline | None = field(compare=False, repr=False)

    @property
    def area(self) -> str:
        """Id of its cells, by which the fleet says from when on it tells all trips there."""
        return hashlib.sha256(f"{sorted(self.cells)}".encode()).hexdigest()[:12]


TripPolicy = MdsPolicy[TripRule]
"""The first rule in the list takes a cell."""
