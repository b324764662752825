"""What the compiled passes make of a batch, against loops over Python's own values."""

import json
import math
import re

import numpy as np
import pytest

from schemas.vehicles import ID_PATTERN
from streams.fleet.columns import why_unusable
from tests.pipeline import T0
from tests.unit.fleet.road import FAR, HERE, NEAR, NEXT, Fleet, at

PLACES = (HERE, NEAR, NEXT, FAR)


@pytest.mark.parametrize("vehicles", [1, 3, 50])
@pytest.mark.parametrize("seed", range(10))
def test_the_newest_reading_of_a_vehicle_wins_as_in_a_loop(vehicles: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    fleet, known, applied = Fleet(), {}, 0
    for _ in range(4):
        frame = []
        for number in chance.integers(0, vehicles, int(chance.integers(1, 40))).tolist():
            reading = at(int(chance.integers(0, 12)), PLACES[int(chance.integers(4))], bike=f"bike-{number}")
            frame.append(reading)
            if reading["ts"] > known.get(reading["vehicle_id"], {"ts": 0})["ts"]:
                known[reading["vehicle_id"]] = reading
                applied += 1
        fleet.feed(*frame)
    fleet.checkpoint()
    assert fleet.fold.ledger.applied == applied
    for bike, newest in known.items():
        row = fleet.vehicle(bike)
        assert row is not None
        assert [row[name] for name in ("ts", "lat", "lon")] == [newest[name] for name in ("ts", "lat", "lon")]


@pytest.mark.parametrize("edge", [{"lat": 90}, {"lat": -90}, {"lon": 180}, {"lon": -180}, {"ts": 10**12}])
def test_values_at_the_edge_of_their_range_are_usable(edge: dict[str, float]) -> None:
    fleet = Fleet()
    fleet.feed({**at(0), **edge})
    assert fleet.fold.ledger.applied == 1


@pytest.mark.parametrize(
    ("changed", "reason", "named"),
    [
        ({"lat": 90.001}, "coordinate_out_of_range", "90.001"),
        ({"lon": -180.001}, "coordinate_out_of_range", "-180.001"),
        ({"ts": 999_999_999_999}, "time_out_of_range", "999999999999"),
        ({"ts": 4_133_980_800_000}, "time_out_of_range", "4133980800000"),
        ({"vehicle_state": "flying"}, "wrong_type", "vehicle_state"),
        ({"vehicle_type": "boat"}, "wrong_type", "vehicle_type"),
    ],
)
def test_a_value_out_of_range_is_refused_and_named(
    changed: dict[str, object], reason: str, named: str
) -> None:
    fleet = Fleet()
    frame = [{**at(0, bike=bike), "vehicle_type": "moped"} for bike in ("a", "b")]
    fleet.feed(frame[0], {**frame[1], **changed})
    fleet.tell()
    [refused] = fleet.refused
    assert refused.reason == reason
    assert named in refused.detail
    assert json.loads(refused.payload)["vehicle_id"] == "b"
    assert (fleet.fold.ledger.applied, fleet.fold.ledger.rejected) == (1, 1)


def test_a_refused_reading_of_an_array_that_spaces_precede_is_shown_as_it_came() -> None:
    """The quick reader takes such an array; the other one reads the record again to show what is refused."""
    fleet = Fleet()
    fleet.feed_bytes(b" \n" + json.dumps([at(0), {**at(0, bike="b"), "lat": 91}]).encode())
    fleet.feed_bytes(b"  " + json.dumps([at(1), {**at(1, bike="b"), "lat": 91}]).encode())
    fleet.tell()
    assert [json.loads(refused.payload)["lat"] for refused in fleet.refused] == [91, 91]
    assert (fleet.fold.ledger.applied, fleet.fold.ledger.rejected) == (2, 2)


def test_a_position_that_is_not_finite_is_named_as_such() -> None:
    reading = {"lat": math.nan, "lon": 1.0, "ts": T0}
    assert why_unusable(reading)[0] == "number_out_of_range"


@pytest.mark.parametrize("number", range(128))
def test_an_id_has_the_letters_that_the_contract_names(number: int) -> None:
    fleet = Fleet()
    names = [chr(number), f"a{chr(number)}b", "x" * 7 + chr(number), "y" * 63 + chr(number)]
    fleet.feed(*(at(0, bike=name) for name in names))
    good = sum(re.fullmatch(ID_PATTERN, name) is not None for name in names)
    assert (fleet.fold.ledger.applied, fleet.fold.ledger.rejected) == (good, len(names) - good)
