"""Rows of news of single vehicles, as they are kept until they are told."""

from dataclasses import dataclass, field

from streams.fleet.speeds import Fast
from streams.fleet.trips import Begun


@dataclass(frozen=True, slots=True)
class Move:
    """An impossible move: a row of schemas.cells.VehicleMoves, told in `region` (a number)."""

    region: int
    offset: int
    vehicle_id: str
    operator: str
    vehicle_type: str
    cell: str
    from_ts: int
    from_lat: float
    from_lon: float
    ts: int
    lat: float
    lon: float
    metres: float
    limit_kmh: float


@dataclass(frozen=True, slots=True)
class Passed:
    """A vehicle that passed a line: a row of schemas.cells.VehicleNews, told in `region` (a number)."""

    region: int
    offset: int | None
    vehicle_id: str
    operator: str
    vehicle_type: str
    ts: int
    cell: str
    vehicle_state: str
    battery_percent: int | None
    areas: list[str]


@dataclass(slots=True)
class Told:
    """Rows to tell, each kind in the order of the log.

    Before the others, and of no record: `anew`, all vehicles that stand in areas; `charged`, those whose battery is
    fine by other lines than those by which it was looked at before.
    """

    moves: list[Move] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    fast: list[Fast] = field(default_factory=list)
    begun: list[Begun] = field(default_factory=list)
    anew: list[Passed] | None = None
    charged: list[Passed] = field(default_factory=list)
