"""A policy at a glance."""

import json
from typing import Any

from streams.incidents.policy_overview import Line, lines
from streams.times import to_second
from tests.unit.incidents.counts.mds import START, city, document, geography, policy, read_all, rule, square


def shown(text: str) -> list[Line]:
    read, findings = read_all(text)
    assert not findings.errors
    return list(lines(read, city()))


def zone(name: str, geometry: Any, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {"name": name, **properties}, "geometry": geometry}


def zones(*features: Any) -> str:
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


def test_a_zone_names_the_zones_before_it_that_have_cells_of_it() -> None:
    found = shown(
        zones(
            zone("first", square(10, 10, 3), capacity=10),
            zone("apart", square(20, 20)),
            zone("second", square(11, 11, 3)),
        )
    )
    assert [(line.name, line.cells, line.shared) for line in found] == [
        ("first", "9", ()),
        ("apart", "4", ()),
        ("second", "9", (("first", 4),)),
    ]
    assert found[0].bounds == "capacity 10 a cell: raised at 10, cleared below 8"


def test_the_cells_of_a_country_are_not_listed() -> None:
    belt = {"type": "Polygon", "coordinates": [[[1, 1], [40, 1], [40, 1.1], [1, 1.1], [1, 1]]]}
    country, long = shown(zones(zone("country", square(10, 10, 3000)), zone("belt", belt)))
    assert (country.cells, long.cells) == ("some 8,689,458, not compared", "some 38,993, not compared")


def test_a_rule_says_what_it_counts_and_when() -> None:
    night = rule(7, 1, maximum=5, days=["sun", "sat"], start_time="22:00:00", end_time="05:59:59")
    text = document(
        [
            policy(1, night, rule(8, 1, minimum=2, states=None)),
            policy(2, rule(9, 1), provider_ids=["b", "a"]),
        ],
        [geography(1, square(10, 10), "Harbour")],
    )
    first, second, third = shown(text)
    began = f" from {to_second(START)}Z"
    assert (first.bounds, first.when) == ("at most 5", f"sat sun 22:00:00 to 05:59:59{began}")
    assert first.what == "available reserved, all operators"
    assert (second.bounds, second.when, second.what) == (
        "at least 2",
        f"every day{began}",
        "all states, all operators",
    )
    assert (second.shared, third.shared) == ((("rule 7", 4),), ()), "policies do not take from each other"
    assert (third.bounds, third.what) == ("no bounds", "available reserved, a b")


def test_a_rule_says_until_when_its_policy_is_in_force() -> None:
    """A year that is mistyped makes a policy that is over, or not yet begun: nothing else says so."""
    dates = {"start_date": 1_709_182_800_000, "end_date": 1_709_269_200_000}
    trips = rule(8, 1, rule_units="trips", minimum=1)
    text = document([policy(1, rule(7, 1, maximum=5), trips, **dates)], [geography(1, square(10, 10))])
    assert {line.when for line in shown(text)} == {
        "every day from 2024-02-29 05:00:00Z until 2024-03-01 05:00:00Z"
    }


def test_a_rule_says_in_how_many_cells_positions_decide() -> None:
    """
    |    10   |    11   |    12   |   columns of cells, a hundredth of a degree wide and high
        [==================]          one cell as a whole, two in part
    """
    west, east, south, north = 0.099, 0.118, 0.095, 0.105
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    area = geography(1, {"type": "Polygon", "coordinates": [ring]}, "Pier")
    (line,) = shown(document([policy(1, rule(7, 1, maximum=3))], [area]))
    assert line.cells == "1, and 2 by position"
