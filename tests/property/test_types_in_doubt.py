"""Rules on types, where some sources have not told types: what is decided is what the types would decide."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vehicles import COUNTED_STATES
from streams.incidents.counts.crowd import Crowd, added
from streams.incidents.counts.doubt import ends, in_doubt
from streams.incidents.counts.rules import NONE, CountPolicy, CountRule, Counts, Place
from streams.incidents.counts.shares import Fleets, Share, shares
from streams.incidents.counts.tally import Tally
from streams.incidents.counts.watch import bounds, excess
from tests.unit.incidents.counts.folding import REGION
from tests.unit.incidents.counts.mds import cell_at, city, document, geography, policy, read_all, rule, square

TYPES = ["bicycle", "moped", "other"]
OPERATORS = ["hello", "mobike"]
CELLS = [cell_at(column, 10) for column in (10, 11, 12)]
AREAS = [geography(1, square(10, 10, 1)), geography(2, square(10, 10, 2)), geography(3, square(11, 10, 1))]
STATES = ["available", "on_trip"]

Group = tuple[str, str, str, str, int, bool]
"""Cell, operator, type, state, how many, and whether their type was told."""

groups = st.lists(
    st.tuples(*map(st.sampled_from, (CELLS, OPERATORS, TYPES, STATES)), st.integers(1, 6), st.booleans()),
    max_size=14,
)


@st.composite
def policies(draw: st.DrawFn) -> CountPolicy:
    rules = []
    for number in range(draw(st.integers(1, 3))):
        units = draw(st.sampled_from(["devices", "percent", "utilization"]))
        most = 12 if units == "devices" else 100
        low, high = sorted(draw(st.tuples(st.integers(0, most), st.integers(0, most))))
        fields: dict[str, Any] = {
            "states": {state: [] for state in STATES},
            "vehicle_types": draw(st.sampled_from([[], ["moped"], ["bicycle", "moped"]])),
            "rule_units": units,
            **draw(st.sampled_from([{"minimum": low}, {"maximum": high}, {"minimum": low, "maximum": high}])),
        }
        if units != "devices" and not fields.get("minimum") and "maximum" not in fields:
            fields["minimum"] = 1
        rules.append(rule(7 + number, draw(st.integers(1, 3)), **fields))
    read, findings = read_all(document([policy(1, *rules)], AREAS), city(types=" ".join(TYPES)))
    assert not findings.errors, findings.errors
    return read.counts[0]


def counts_of(state: str, count: int) -> Counts:
    a, b, c, d, e = (count if one == state else 0 for one in COUNTED_STATES)
    return a, b, c, d, e


def region_of(some: list[Group], *, told: bool) -> Crowd:
    """Return who stands where; `told`: the types of all are known."""
    crowd = Crowd()
    cells: dict[str, dict[str, Counts]] = defaultdict(lambda: defaultdict(lambda: NONE))
    parts: dict[tuple[Place, str], Counts] = defaultdict(lambda: NONE)
    for cell, operator, type_, state, count, known in some:
        cells[cell][operator] = added(cells[cell][operator], counts_of(state, count))
        if known or told:
            key = Place(cell, vehicle_type=type_), operator
            parts[key] = added(parts[key], counts_of(state, count))
    crowd.cells = {cell: dict(by_operator) for cell, by_operator in cells.items()}
    for (place, operator), counts in parts.items():
        list(crowd.part_moved(place, operator, NONE, counts))
    return crowd


Verdict = tuple[int, str, str]
"""Number of a rule, its bound, and the operator of a share."""


def verdicts(made: CountPolicy, crowd: Crowd) -> tuple[dict[Verdict, bool], set[Verdict]]:
    """Return whether each bound is broken, and which of these are in doubt."""
    tally, fleets = Tally(made, REGION), Fleets(crowd)
    tally.set_active((True,) * len(tally.rules), crowd)
    broken: dict[Verdict, bool] = {}
    doubtful: set[Verdict] = set()
    for number in range(len(tally.rules)):
        for limits, count, share in looks(tally, number, fleets):
            for bound in bounds(limits):
                key = number, bound, "" if share is None else share.operator
                broken[key] = excess(bound, count, limits) > 0
                if in_doubt(bound, ends(tally, number, limits, count, share)):
                    doubtful.add(key)
    return broken, doubtful


def looks(tally: Tally, number: int, fleets: Fleets) -> Iterator[tuple[CountRule, int, Share | None]]:
    if tally.rules[number].units == "devices":
        yield tally.rules[number], sum(tally.counts[number].values()), None
    else:
        for share in shares(tally, number, fleets):
            yield share.bounds, share.count, share


@settings(max_examples=400)
@given(policies(), groups)
def test_what_is_not_in_doubt_is_what_the_types_decide(made: CountPolicy, some: list[Group]) -> None:
    truth, nothing = verdicts(made, region_of(some, told=True))
    assert not nothing
    found, doubtful = verdicts(made, region_of(some, told=False))
    assert found.keys() == truth.keys()
    assert {key: found[key] for key in found if key not in doubtful} == {
        key: truth[key] for key in truth if key not in doubtful
    }
