"""A policy file with any value anywhere is read or refused: a running worker must not end of it."""

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.incidents.policy_findings import Findings
from streams.incidents.policy_reader import read
from tests.pipeline import T0
from tests.unit.fleet.road import HERE, cell
from tests.unit.incidents.counts.mds import document, geography, policy, rule
from tests.unit.incidents.speeds.rides import speed_rule
from tests.unit.incidents.stays.zones import CITY, DEFAULT, PLAZA, TOWN, feature, gbfs, time_rule

Path = tuple[str | int, ...]

IN_TOWN = frozenset([cell(HERE)])
QUICK = replace(CITY, cells=lambda _: IN_TOWN, edge=lambda _: IN_TOWN)
"""A city whose zones all have one cell, wherever their corners are."""

RULES = [
    time_rule(7, 1, maximum=5, days=["mon"], start_time="08:00:00", end_time="17:00:00"),
    rule(8, 1, 2, maximum=3, vehicle_types=["bicycle"]),
    speed_rule(9, 2, maximum=20),
    rule(10, 1, rule_units="trips", minimum=1.5, days=None),
    rule(11, 2, rule_units="percent", minimum=5),
]
MDS = document(
    [policy(1, *RULES, start_date=T0, end_date=T0 + 1, prev_policies=[], provider_ids=["north"])],
    [geography(1, PLAZA, "Plaza"), geography(2, TOWN, "Town")],
)
ZONE = feature(PLAZA, {"ride_end_allowed": False, "maximum_speed_kph": 5, "vehicle_type_ids": ["moped"]})
ZONE["properties"] |= {"start": "2028-02-29T00:00:00+01:00", "end": 1_900_000_000}
GBFS = gbfs(ZONE, feature(TOWN, {"ride_allowed": True}), global_rules=[{"ride_end_allowed": False}])
CAPACITY = {"name": "Town", "capacity": 3, "raise_ratio": 1.2, "clear_ratio": 0.5, "min_duration_s": 3}
ZONES = {
    "type": "FeatureCollection",
    "features": [{"type": "Feature", "properties": CAPACITY, "geometry": TOWN}],
}
FILES = [json.loads(MDS), json.loads(GBFS), ZONES]

huge = st.sampled_from([10**400, -(10**400)])
scalars = st.none() | st.booleans() | st.integers() | huge | st.floats() | st.text(max_size=3)
anything = st.recursive(
    scalars, lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(max_size=3), some, max_size=2)
)


def places(value: Any, at: Path = ()) -> Iterator[Path]:
    """Yield the way to every value in a JSON value."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield from places(one, (*at, key))


def changed(value: Any, at: Path, other: Any) -> Any:
    """Return the JSON value with another one at a place."""
    if not at:
        return other
    value = copy.copy(value)
    value[at[0]] = changed(value[at[0]], at[1:], other)
    return value


@settings(max_examples=300)
@given(st.sampled_from(FILES), st.data())
def test_a_file_with_any_value_anywhere_is_read_or_refused(file: Any, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        file = changed(file, data.draw(st.sampled_from(list(places(file)))), data.draw(anything))
    read(json.dumps(file), None, DEFAULT, QUICK, Findings("any"))


def test_those_files_are_right() -> None:
    for file in FILES:
        findings = Findings("right")
        read(json.dumps(file), None, DEFAULT, QUICK, findings)
        assert findings.errors == []
