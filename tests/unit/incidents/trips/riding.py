"""An incidents fold with rules on trips, over hours of event time."""

from collections.abc import Mapping

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsVehicles, TripsSince, VehicleMoves, VehicleNews, VehicleTrips
from streams.configs import trip_areas
from streams.incidents.policy import Policy
from tests.unit.incidents.counts.folding import REGION, Counted
from tests.unit.incidents.counts.mds import (
    START,
    cell_at,
    city,
    document,
    geography,
    policy,
    read_all,
    rule,
    square,
)  # fmt: skip

HOUR = 3_600_000
T0 = -(-START // HOUR) * HOUR
"""The first whole hour in which the policies of these tests are in force."""
NOTHING = VehicleNews(*([] for _ in range(9))), VehicleMoves(*([] for _ in range(13)))
HERE, OUTSIDE = cell_at(10, 10), cell_at(20, 20)
AREAS = [geography(1, square(10, 10), "Harbour"), geography(2, square(20, 20), "Hills")]


def trip_rule(number: int, *areas: int, **fields: object) -> dict[str, object]:
    """Return a rule on trips about all vehicles."""
    return rule(number, *areas, **{"rule_units": "trips", "states": None, **fields})


def policy_of(*rules: object, **fields: object) -> Policy:
    """Return a policy of these rules: area 1 is the harbour, 2 the hills."""
    read, findings = read_all(document([policy(1, *rules, **fields)], AREAS), city())
    assert not findings.errors, findings.errors
    return read


class Riding(Counted):
    """Looks and trips by hours after T0."""

    offset = -1

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.asked(policy)

    def asked(self, policy: Policy, hours: float | None = None, source: int = 0) -> None:
        """Let a fleet say that it tells all trips that its policy asks about, from then on; without `hours` always."""
        since = 0 if hours is None else T0 + round(hours * HOUR)
        self.fold_bytes(codec.encode(asked(policy, since, source)))

    def at(self, hours: float, vehicles: Mapping[str, int] | None = None, cell: str = HERE) -> list[Alert]:
        """Look at an event time, with so many vehicles available by operator; returns the alerts told."""
        rows = [(cell, name, (n, 0, 0, 0, 0)) for name, n in (vehicles or {}).items()]
        return self.look(T0 + round(hours * HOUR), *rows)

    def trips(self, hours: float, count: int, operator: str = "hello", cell: str = HERE) -> None:
        """Tell of so many trips that began then."""
        self.offset += 1
        self.fold_bytes(message(self.offset, round(T0 + hours * HOUR), count, operator, cell))

    def through(self, begin: float, end: float, step: float = 0.5) -> list[Alert]:
        """Look from one hour to another, the end included; returns the alerts told."""
        told = []
        for number in range(round((end - begin) / step) + 1):
            told += self.at(begin + number * step)
        return told


def message(offset: int, ts: int, count: int, operator: str = "hello", cell: str = HERE) -> bytes:
    """Return what the fleet tells of trips that began."""
    trips = VehicleTrips([offset] * count, [operator] * count, [cell] * count, [ts] * count)
    return codec.encode(CellsVehicles(REGION, 0, 0, "", False, *NOTHING, trips=trips))


def asked(policy: Policy, since: int = 0, source: int = 0) -> CellsVehicles:
    """Return what a fleet tells of the trips that a policy asks about: all that began after an event time."""
    areas = list(trip_areas(policy) or ())
    told = TripsSince(areas, [since] * len(areas))
    return CellsVehicles(REGION, source, 0, "", False, *NOTHING, trips_since=told)
