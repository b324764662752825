"""What is told of single vehicles, and the alerts that come of it, fit their schemas."""

import json

from schemas import codec
from streams.fleet.news import NewsConfig
from streams.incidents.vehicles.config import VehiclesConfig
from tests.unit.fleet.road import HERE, at, cell
from tests.unit.fleet.test_edges import BESIDE, IN, Edge
from tests.unit.incidents.speeds.rides import on, ride, speed_rule, tell
from tests.unit.incidents.stays.zones import mds
from tests.unit.incidents.trips.riding import Riding, policy_of, trip_rule
from tests.unit.schemas.test_generated import validator
from tests.watched_vehicles import Watched, region


def test_moves_that_are_too_fast_and_trips_fit_their_schema() -> None:
    trips = NewsConfig(trips={"a": frozenset([cell(HERE)])})
    fold = Watched(trips, VehiclesConfig(jumps=False), policy=mds(speed_rule(7, 2, maximum=20)))
    tell(fold, *ride(25), on(60, 0, "available", bike="bike-2"), on(75, 0, bike="bike-2"))
    messages = [json.loads(value) for value in fold.cells]
    for message in messages:
        validator("CellsVehicles").validate(message)
    since, message = messages
    assert since["trips_since"] == {"area": ["a"], "since": [0]}
    assert len(message["speeds"]["ts"]) == len(message["trips"]["ts"]) == 1
    [alert] = fold.alerts
    validator("Alert").validate(json.loads(codec.encode(alert)))


def test_counts_on_the_edge_of_an_area_fit_their_schema() -> None:
    fleet = Edge()
    fleet.feed(at(0, IN), at(0, BESIDE, bike="b"))
    fleet.publish()
    [said] = fleet.said
    message = json.loads(codec.encode(said))
    validator("CellsEdges").validate(message)
    assert message["counts"]["available"] == [1, 1]


def test_an_alert_on_trips_fits_its_schema() -> None:
    fold = Riding(policy_of(trip_rule(7, 1, minimum=1.5)))
    fold.at(0, {"hello": 10})
    [alert] = fold.through(0.5, 24)
    real = {"cell": cell(HERE), "region": region(HERE)}  # those of the example are no H3 cells
    validator("Alert").validate(json.loads(codec.encode(alert)) | real)
