"""MDS policy documents: what is read, and how each mistake is named."""

import json
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas.vehicles import COUNTED_STATES
from streams.errors import PolicyError
from streams.files.policy import city_of
from streams.incidents.mds.hours import Hours
from streams.incidents.policy import read_zones
from streams.incidents.policy_findings import Findings
from streams.incidents.policy_reader import beside, value_of
from streams.settings import Settings
from tests.unit.incidents.counts.mds import (
    DEFAULT,
    START,
    cell_at,
    city,
    document,
    geography,
    identity,
    policy,
    read_all,
    rule,
    square,
)

AREA = geography(1, square(10, 10, 3), "Harbour")


def one(**fields: Any) -> Any:
    """The only rule of a document that must be right."""
    read, findings = read_all(document([policy(1, rule(7, 1, **fields))], [AREA]))
    assert not findings.errors
    return read.counts[0].rules[0]


def errors(*, in_rule: Any = None, in_policy: Any = None, areas: Any = None, **in_city: Any) -> list[str]:
    text = document([policy(1, rule(7, 1, **(in_rule or {})), **(in_policy or {}))], areas or [AREA])
    return read_all(text, city(**in_city))[1].errors


def test_a_rule_has_the_cells_whose_centre_its_geography_holds_and_the_middle_one_is_shown() -> None:
    found = one(maximum=5)
    assert found.cells == {cell_at(column, row) for column in (10, 11, 12) for row in (10, 11, 12)}
    assert (found.cell, found.lat, found.lon) == (cell_at(11, 11), 0.11, 0.11)
    assert (found.zone, found.region, found.geographies) == ("Harbour", "r0.0", (identity(1),))


def test_what_a_rule_leaves_out_has_the_defaults_of_mds() -> None:
    found = one(states=None)
    assert (found.states, found.hours, found.minimum, found.maximum) == (COUNTED_STATES, Hours(), None, None)


def test_bounds_that_are_not_within_bounds_are_moved_by_one() -> None:
    found = one(minimum=3, maximum=9, inclusive_minimum=False, inclusive_maximum=False)
    assert (found.minimum, found.maximum) == (4, 8)
    assert one(minimum=0, maximum=0).maximum == 0
    assert one(minimum=0, maximum=0).minimum is None, "a minimum of 0 is none"


def test_whole_numbers_may_be_written_with_a_point() -> None:
    """Programs that know numbers of one kind only write them so."""
    found = one(minimum=3.0, maximum=100.0)
    assert (found.minimum, found.maximum) == (3, 100)
    assert isinstance(found.maximum, int), "it is shown without a point, too"
    made = policy(1, rule(7, 1), start_date=float(START), end_date=START + 1e3)
    read, findings = read_all(document([made], [AREA]))
    assert not findings.errors
    assert (read.counts[0].begin, read.counts[0].end) == (START, START + 1000)


def test_several_geographies_are_one_area() -> None:
    text = document([policy(1, rule(7, 1, 2, maximum=1))], [AREA, geography(2, square(20, 20), "Market")])
    found = read_all(text)[0].counts[0].rules[0]
    assert (len(found.cells), found.zone) == (9 + 4, "Harbour, Market")


def test_a_policy_ends_when_another_replaces_it_or_at_its_own_end() -> None:
    later = policy(2, rule(8, 1), start_date=START + 100, prev_policies=[identity(1)])
    first = policy(1, rule(7, 1), end_date=START + 500)
    read, findings = read_all(document([first, later], [AREA]))
    assert not findings.errors
    assert [(one.begin, one.end) for one in read.counts] == [(START, START + 100), (START + 100, None)]


def test_geographies_may_stand_in_a_document_of_their_own() -> None:
    text = json.dumps({"version": "2.0.0", "data": {"policies": [policy(1, rule(7, 1))]}})
    others = json.dumps({"version": "2.0.0", "data": {"geographies": [AREA]}})
    read, findings = read_all(text, others=others)
    assert not findings.errors
    assert len(read.counts[0].rules) == 1
    assert (
        read.version != read_all(text, others=others.replace("0.11", "0.12"))[0].version
        or "0.11" not in others
    )
    _, findings = read_all(text)
    assert findings.errors[0].startswith(
        "policy test, geographies.json, data.geographies: is missing; a list"
    )


@pytest.mark.parametrize(
    "published",
    [
        policy(1, rule(7, 1)),
        [policy(1, rule(7, 1))],
        {"version": "1.0.0", "data": policy(1, rule(7, 1))},
        {"version": "1.0.0", "data": [policy(1, rule(7, 1))]},
        {"version": "1.0.0", "data": {"policy": policy(1, rule(7, 1))}},
        {"version": "2.0.0", "policies": [policy(1, rule(7, 1))]},
    ],
)
def test_policies_may_come_without_their_envelope(published: Any) -> None:
    text = json.dumps(published)
    assert beside(value_of(text)) == "geographies.json"
    read, findings = read_all(text, others=json.dumps({"data": {"geographies": [AREA]}}))
    assert not findings.errors
    assert [one.name for one in read.counts[0].rules] == ["rule 7"]


@pytest.mark.parametrize("in_data", [False, True])
def test_what_stands_beside_a_policy_in_its_file_holds_for_it(in_data: bool) -> None:
    held = {"policy": policy(1, rule(7, 1, maximum=5)), "geographies": [AREA]}
    around = {"version": "2.0.0", "end_date": START + 3_600_000}
    read, findings = read_all(json.dumps({**around, "data": held} if in_data else {**around, **held}))
    assert findings.errors == []
    assert [note for note in findings.notes if "version" in note or "no such field" in note] == []
    assert read.counts[0].end == START + 3_600_000


def test_a_feature_of_a_geography_without_an_outline_is_a_mistake() -> None:
    """Else a part of the area would have no rule, and nobody knew."""
    drawn = {"type": "Feature", "properties": {}, "geometry": AREA["geography_json"]}
    for nothing, at in (({**drawn, "geometry": None}, "features[1].geometry"), (None, "features[1]")):
        area = {**AREA, "geography_json": {"type": "FeatureCollection", "features": [drawn, nothing]}}
        assert errors(areas=[area]) == [
            f"policy test, data.geographies[0].geography_json.{at}: is None; a GeoJSON object is expected: "
            "draw what is meant, or leave the feature out"
        ]


def test_a_policy_by_itself_may_have_its_geographies_with_it() -> None:
    text = json.dumps({"version": "1.0.0", "data": {"policy": policy(1, rule(7, 1)), "geographies": [AREA]}})
    assert beside(value_of(text)) is None
    read, findings = read_all(text)
    assert not findings.errors
    assert len(read.counts[0].rules[0].cells) == 9


@pytest.mark.parametrize(
    "published",
    [AREA, [AREA], {"data": AREA}, {"data": [AREA]}, {"data": {"geography": AREA}}, {"geographies": [AREA]}],
)
def test_geographies_may_come_without_their_envelope(published: Any) -> None:
    read, findings = read_all(json.dumps([policy(1, rule(7, 1))]), others=json.dumps(published))
    assert not findings.errors
    assert len(read.counts[0].rules[0].cells) == 9


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("[]", "is a list of 0"),
        ("[3]", "is a list of 1"),
        ("3", "is 3"),
        ('{"type": "Feature"}', "is of type 'Feature'"),
        ('{"type": "Polygon"}', "is of type 'Polygon'"),
        ("{}", "holds []"),
        (json.dumps({"version": "2.0.0", "data": {"geographies": [AREA]}}), "holds ['geographies']"),
        ('{"data": {"type": "FeatureCollection", "features": []}}', "holds ['features', 'type']"),
        ('{"version": "2.3", "geofencing_zones": {}}', "holds ['geofencing_zones', 'version']"),
    ],
)
def test_what_is_no_policy_file_of_any_form_is_refused_by_what_it_holds(text: str, given: str) -> None:
    forms = (
        "a GeoJSON FeatureCollection, MDS policies (data.policies) or geofencing zones of GBFS "
        "(data.geofencing_zones) are expected"
    )
    assert read_all(text)[1].errors == [f"policy test: {given}; {forms}"]


def test_rules_of_other_types_are_named_and_left_out() -> None:
    text = document([policy(1, {"rule_type": "user"}, rule(7, 1, maximum=1))], [AREA])
    read, findings = read_all(text)
    assert not findings.errors
    assert [found.name for found in read.counts[0].rules] == ["rule 7"]
    assert "data.policies[0].rules[0]: a rule of type user is not evaluated" in findings.notes[0]


def test_a_rule_for_vehicles_that_are_not_here_is_not_judged() -> None:
    text = document([policy(1, rule(7, 1, vehicle_types=["scooter"], maximum=1))], [AREA])
    read, findings = read_all(text)
    assert not findings.errors
    assert read.counts[0].rules == ()
    assert "no vehicle here has one of these types" in findings.notes[0]


@pytest.mark.parametrize(
    ("hours", "noted"),
    [
        ({"start_time": "07:00:00", "end_time": "07:00:00"}, "07:00:00"),
        ({"start_time": "00:00:00", "end_time": "00:00:00"}, "00:00:00"),
        ({"end_time": "00:00:00"}, "00:00:00"),
        ({"start_time": "23:59:59"}, "23:59:59"),
        ({"start_time": "07:00:00", "end_time": "06:59:59"}, None),
        ({"start_time": "00:00:00", "end_time": "23:59:59"}, None),
        ({}, None),
    ],
    ids=range(7),
)
def test_a_rule_that_is_in_effect_for_a_second_a_day_is_noted(
    hours: dict[str, str], noted: str | None
) -> None:
    for kind in (
        {},
        {"rule_type": "time", "rule_units": "minutes"},
        {"rule_type": "speed", "rule_units": "kph"},
    ):
        _, findings = read_all(document([policy(1, rule(7, 1, maximum=5, **kind, **hours))], [AREA]))
        assert not findings.errors
        place = "policy test, data.policies[0].rules[0].end_time"
        says = f"{place}: the rule is in effect for one second a day, at {noted}"
        assert [text for text in findings.notes if "one second" in text] == (
            [f"{says}; leave start_time and end_time out for whole days"] if noted else []
        )


@pytest.mark.parametrize(
    ("first", "second", "noted"),
    [
        ({}, {"minimum": 20}, True),
        ({"start_time": "07:00:00", "end_time": "09:59:59"}, {"minimum": 20, "maximum": 90}, True),
        ({"geographies": [identity(2)]}, {"minimum": 20, "rule_units": "percent"}, True),
        ({}, {"maximum": 90}, False),
        ({}, {"minimum": 0, "maximum": 90}, False),
        ({"end_time": "09:59:59"}, {"minimum": 20, "start_time": "10:00:00"}, False),
        ({"days": ["sat"]}, {"minimum": 20, "days": ["mon"]}, False),
        ({"geographies": [identity(3)]}, {"minimum": 20}, False),
        ({"states": {"on_trip": []}}, {"minimum": 20}, False),
        ({"vehicle_types": ["moped"]}, {"minimum": 20, "vehicle_types": ["bicycle"]}, False),
    ],
    ids=range(10),
)
def test_a_minimum_for_which_vehicles_of_an_earlier_rule_do_not_count_is_noted(
    first: dict[str, Any], second: dict[str, Any], noted: bool
) -> None:
    """The third geography only touches the first."""
    areas = [AREA, geography(2, square(12, 12, 3)), geography(3, square(13, 10, 3))]
    rules = [rule(7, 1, maximum=40) | first, rule(8, 1) | second]
    text = document([policy(1, *rules)], areas)
    _, findings = read_all(text, city(types="bicycle moped"))
    assert not findings.errors
    says = "data.policies[0].rules[1].minimum: vehicles that rule 'rule 7' counts do not count here"
    assert any(says in text for text in findings.notes) == noted


def test_a_field_that_mds_does_not_have_is_noted() -> None:
    _, findings = read_all(document([policy(1, rule(7, 1, maximun=1))], [AREA]))
    assert "data.policies[0].rules[0].maximun: MDS 2.0 has no such field" in findings.notes[0]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("rule_id", "7", "is '7'; a UUID is expected"),
        ("name", "", "is ''; a text of printable characters is expected"),
        ("name", "\ud800", "a text of printable characters is expected"),
        ("rule_type", "counts", "is 'counts'; one of count, time, speed, rate, user is expected"),
        ("rule_units", "hours", "is 'hours'; one of devices, percent, utilization and trips is expected"),
        ("geographies", [], "is []; a list of UUIDs of geographies is expected"),
        ("geographies", "a", "is 'a'; a list of UUIDs of geographies is expected"),
        ("geographies", [identity(9)], f"there is no geography {identity(9)}; add it to data.geographies"),
        ("states", ["available"], "is ['available']; an object such as {\"available\": []} is expected"),
        ("states.removed", {"removed": []}, "vehicles are counted in the states available, "),
        ("states.unknown", {"unknown": [], "available": []}, "non_contactable; leave it out"),
        (
            "states.availble",
            {"availble": []},
            "non_contactable; name one of them, or remove the rule: without states it would apply to others",
        ),
        (
            "states.available",
            {"available": ["trip_end"]},
            "is ['trip_end']; vehicles are counted by state, not by event: use [], or name all events that lead to it "
            "(left out: agency_drop_off, battery_charged, maintenance, ",
        ),
        ("states.available", {"available": "trip_end"}, "is 'trip_end'; a list of events is expected"),
        ("states.available", {"available": [["trip_end"]]}, "a list of events is expected, [] for all"),
        ("vehicle_types", ["spaceship"], "a list of vehicle types of MDS (bicycle, bus, "),
        ("propulsion_types", ["human"], "vehicles are not counted by propulsion; leave it out"),
        ("maximum", -1, "is -1; a whole number of 0 or more is expected"),
        ("maximum", 1e300, "a whole number of 0 or more is expected"),
        ("maximum", 1.5, "a whole number of 0 or more is expected"),
        ("maximum", True, "a whole number of 0 or more is expected"),
        ("minimum", "3", "a whole number of 0 or more is expected"),
        ("inclusive_maximum", "no", "true or false is expected"),
        ("days", ["Mon"], "a list of mon, tue, wed, thu, fri, sat, sun is expected"),
        ("days", "mon", "a list of mon, tue, wed, thu, fri, sat, sun is expected"),
        ("start_time", "7:00", "a time of the day as hh:mm:ss, 00:00:00 to 23:59:59, is expected"),
        ("end_time", "24:00:00", "a time of the day as hh:mm:ss"),
        ("end_time", 9, "a time of the day as hh:mm:ss"),
    ],
)
def test_a_mistake_in_a_rule_is_named_by_its_place(field: str, value: Any, says: str) -> None:
    rules: dict[str, Any] = {"maximum": 5} | {field.partition(".")[0]: value}
    found = errors(in_rule=rules)
    assert found[0].startswith(f"policy test, data.policies[0].rules[0].{field}: ")
    assert says in found[0]


@pytest.mark.parametrize("units", ["devices", "percent", "trips", "minutes", "kph"])
def test_a_rule_whose_bound_is_wrong_is_not_said_to_have_none(units: str) -> None:
    kind = {"minutes": "time", "kph": "speed"}.get(units, "count")
    made = rule(7, 1, rule_type=kind, rule_units=units, maximum="5")
    _, findings = read_all(document([policy(1, made)], [AREA]))
    assert [error.rpartition("maximum: ")[2].partition(";")[0] for error in findings.errors] == ["is '5'"]
    assert not any("no bounds" in note for note in findings.notes)


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("policy_id", None, "is None; a UUID is expected"),
        ("name", 3, "is 3; a text of printable characters is expected"),
        ("provider_ids", ["a/b"], "a list of operators, as MQTT topics name them, is expected"),
        ("start_date", None, "is None; milliseconds since the epoch are expected"),
        ("start_date", "2026-01-01", "is '2026-01-01'; milliseconds since the epoch are expected"),
        (
            "start_date",
            START // 1000,
            f"is {START // 1000}; milliseconds since the epoch are expected, and as such it is 1970-01-21; "
            "give seconds times 1,000",
        ),
        ("published_date", START // 1000, "and as such it is 1970-01-21"),
        ("end_date", 978_307_199_999, "and as such it is 2000-12-31"),
        (
            "end_date",
            START * 1000,
            "and as such it lies after the year 9999; divide microseconds by 1,000",
        ),
        ("end_date", START, f"it must lie after start_date {START}"),
        ("prev_policies", [identity(1)], "it would end as it begins; leave its own id out"),
        ("rules", [], "is []; a list of MDS rules is expected"),
        ("rules", {}, "is {}; a list of MDS rules is expected"),
    ],
)
def test_a_mistake_in_a_policy_is_named_by_its_place(field: str, value: Any, says: str) -> None:
    found = errors(in_policy={field: value})
    assert found[0].startswith(f"policy test, data.policies[0].{field}: ")
    assert says in found[0]


def test_spaces_of_any_width_in_names_are_spaces() -> None:
    """Names that were pasted from a document have some that do not break."""
    made = policy(1, rule(7, 1, name="Cap\u00a0of 5"), name="Zone\u202f30")
    read, findings = read_all(document([made], [geography(1, square(10, 10), "Nørre\u2009bro")]))
    assert not findings.errors
    (found,) = read.counts
    assert (found.name, found.rules[0].name, found.rules[0].zone) == ("Zone 30", "Cap of 5", "Nørre bro")
    assert "a text of printable characters is expected" in errors(in_policy={"name": "two\nlines"})[0]


def test_a_minimum_above_the_maximum_is_refused() -> None:
    assert "it must not exceed the maximum of 3" in errors(in_rule={"minimum": 4, "maximum": 3})[0]
    assert "leave inclusive_maximum out" in errors(in_rule={"maximum": 0, "inclusive_maximum": False})[0]


def test_bounds_without_a_whole_number_between_them_are_refused_as_such() -> None:
    bounds = {"minimum": 5, "maximum": 6, "inclusive_minimum": False, "inclusive_maximum": False}
    assert errors(in_rule=bounds)[0].endswith(".minimum: is 5; no whole number is in bounds")


def test_more_than_none_is_a_bound() -> None:
    fields = {"minimum": 0, "inclusive_minimum": False}
    _, findings = read_all(document([policy(1, rule(7, 1, **fields))], [AREA]))
    assert not findings.notes
    assert one(**fields).minimum == 1


def test_a_policy_on_another_mode_is_noted_and_not_judged() -> None:
    made = policy(1, rule(7, 1, maximum=5, vehicle_types=["car"]), mode_id="passenger-services")
    read, findings = read_all(document([made], [AREA]))
    assert not findings.errors
    assert findings.notes[-1].endswith(
        "data.policies[0].mode_id: is 'passenger-services'; only rules on micromobility are evaluated"
    )
    assert [one.rules for one in read.counts] == [()]
    assert (
        one(maximum=5)
        == read_all(document([policy(1, rule(7, 1, maximum=5), mode_id="micromobility")], [AREA]))[0]
        .counts[0]
        .rules[0]
    )


def test_policies_may_have_begun_with_the_epoch_and_end_with_the_calendar() -> None:
    """Both mean for ever, and are times."""
    last = 253_402_300_799_999
    made = policy(1, rule(7, 1), published_date=0, start_date=0, end_date=last)
    read, findings = read_all(document([made], [AREA]))
    assert not findings.errors
    assert (read.counts[0].begin, read.counts[0].end) == (0, last)


def test_all_policies_end_with_their_file_at_the_latest() -> None:
    made = [
        policy(1, rule(7, 1)),
        policy(2, rule(8, 1), end_date=START + 1),
        policy(3, rule(9, 1), end_date=START + 9),
    ]
    read, findings = read_all(document(made, [AREA], end_date=START + 5, valid_for="a year"))
    assert [one.end for one in read.counts] == [START + 5, START + 1, START + 5]
    assert not findings.errors
    assert [text for text in findings.notes if "valid_for" in text] == [
        "policy test, valid_for: MDS 2.0 has no such field; it is ignored"
    ]


def test_ids_may_be_written_without_hyphens() -> None:
    bare = {number: identity(number).replace("-", "").upper() for number in (1, 2)}
    area = {**AREA, "geography_id": bare[1]}
    later = {**policy(2, rule(8, 1), start_date=START + 9, prev_policies=[bare[1]])}
    later["rules"][0]["geographies"] = [bare[1]]
    read, findings = read_all(document([policy(1, rule(7, 1)), later], [area]))
    assert not findings.errors
    assert [one.end for one in read.counts] == [START + 9, None]
    assert len(read.counts[1].rules) == 1
    assert "a list of UUIDs is expected" in errors(in_policy={"prev_policies": ["the old one"]})[0]


def test_a_policy_that_is_never_in_force_is_noted() -> None:
    ring = [
        policy(1, rule(7, 1), prev_policies=[identity(2)]),
        policy(2, rule(8, 1), start_date=START + 9, prev_policies=[identity(1)]),
    ]
    _, findings = read_all(document(ring, [AREA]))
    [note] = [text for text in findings.notes if "never in force" in text]
    assert "another one that names it in prev_policies begins no later" in note


def test_geographies_that_are_no_json_are_named_as_such() -> None:
    text = document([policy(1, rule(7, 1))], None)
    assert (
        read_all(text, others='{"data": ')[1]
        .errors[0]
        .startswith("policy test, geographies.json: not JSON (")
    )


def test_policies_that_are_no_list_are_named_as_such() -> None:
    text = json.dumps({"version": "2.0.0", "data": {"policies": {"1": policy(1, rule(7, 1))}}})
    found = read_all(text)[1].errors
    assert found == ["policy test, data.policies: is an object; a list of MDS policies is expected"]


def test_a_rule_may_name_some_of_the_types_here_or_all_of_them() -> None:
    assert not errors(in_rule={"vehicle_types": ["bicycle"]}, types="bicycle moped")
    assert not errors(in_rule={"vehicle_types": ["bicycle", "moped", "car"]}, types="bicycle moped")


KINDS: list[dict[str, Any]] = [
    {"rule_type": "count"},
    {"rule_type": "time", "rule_units": "minutes"},
    {"rule_type": "speed", "rule_units": "kph"},
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["rule_type"])
def test_fees_and_urls_of_a_rule_that_is_judged_are_noted(kind: dict[str, Any]) -> None:
    fields = {**kind, "maximum": 5, "rate_amount": 150, "value_url": "https://city.example/value"}
    _, findings = read_all(document([policy(1, rule(7, 1, **fields))], [AREA]))
    assert not findings.errors
    [fee, url] = [text for text in findings.notes if "rules[0]" in text]
    assert fee.endswith(
        "rules[0].rate_amount: is 150; fees are not computed, the bounds are evaluated as they are"
    )
    assert "rules[0].value_url: this address is not queried; the bounds in the file are evaluated" in url


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["rule_type"])
@pytest.mark.parametrize("fee", [{"maximum": 5, "rate_applies_when": "in_bounds"}, {"minimum": 0}])
def test_a_rule_that_only_says_what_a_fee_is_due_for_is_not_judged(
    kind: dict[str, Any], fee: dict[str, Any]
) -> None:
    """Who parks for longer than the first hour pays by the next tier: that breaks no rule."""
    price = rule(7, 1, **kind, **fee, rate_amount=200, states={"on_trip": ["trip_start"]})
    limit = rule(8, 1, **kind, maximum=9)
    read, findings = read_all(document([policy(1, price, limit)], [AREA]))
    assert not findings.errors
    [found] = [one for policies in (read.counts, read.stays, read.speeds) for one in policies if one.rules]
    assert [one.rule_id for one in found.rules] == [identity(8)]
    assert any("rules[0].rate_amount: is 200; the rule sets a fee" in text for text in findings.notes)


def test_a_rule_without_a_fee_takes_its_vehicles_from_the_rules_after_it() -> None:
    free, limit = rule(7, 1, rate_amount=0), rule(8, 1, maximum=9)
    read, _ = read_all(document([policy(1, free, limit)], [AREA]))
    assert [one.rule_id for one in read.counts[0].rules] == [identity(7), identity(8)]


def test_a_geography_of_fees_alone_is_not_read() -> None:
    price = rule(7, 2, maximum=5, rate_applies_when="in_bounds", rate_amount=200)
    point = geography(2, {"type": "Point", "coordinates": [0, 0]}, "A stop")
    _, findings = read_all(document([policy(1, price, rule(8, 1, maximum=9))], [AREA, point]))
    assert not findings.errors


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["rule_type"])
def test_states_with_all_the_events_that_lead_to_them_are_those_states(kind: dict[str, Any]) -> None:
    """So do the examples of MDS, whose lists have `elsewhere` too."""
    back = ["comms_restored", "located", "unspecified"]
    states = {
        "available": [
            *("battery_charged", "on_hours", "provider_drop_off", "agency_drop_off", "maintenance"),
            *("trip_end", "reservation_cancel", "trip_cancel", "system_resume", *back),
        ],
        "non_operational": ["battery_low", "maintenance", "off_hours", "system_suspend", *back],
        "on_trip": ["trip_start", "trip_enter_jurisdiction", "changed_geographies", *back],
        "reserved": ["reservation_start", *back],
        "non_contactable": ["comms_lost", "unspecified"],
        "elsewhere": ["trip_leave_jurisdiction", *back],
    }
    read, findings = read_all(document([policy(1, rule(7, 1, maximum=5, states=states, **kind))], [AREA]))
    assert not findings.errors
    [found] = [one for policies in (read.counts, read.stays, read.speeds) for one in policies if one.rules]
    assert found.rules[0].states == COUNTED_STATES
    [note] = [text for text in findings.notes if "states" in text]
    assert note.endswith("states.elsewhere: a vehicle in this state is in no cell, so none is evaluated")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["rule_type"])
def test_scooters_of_mds_before_2_are_those_with_and_without_a_seat(kind: dict[str, Any]) -> None:
    there = city(types="bicycle moped scooter_standing scooter_seated")
    made = policy(1, rule(7, 1, maximum=5, vehicle_types=["bicycle", "scooter"], **kind))
    read, findings = read_all(document([made], [AREA]), there)
    assert not findings.errors
    [found] = [one for policies in (read.counts, read.stays, read.speeds) for one in policies if one.rules]
    assert found.rules[0].vehicle_types == {"bicycle", "scooter_standing", "scooter_seated"}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["rule_type"])
def test_a_type_that_mds_does_not_have_is_refused_beside_one_that_it_has(kind: dict[str, Any]) -> None:
    [found] = errors(in_rule={"maximum": 5, "vehicle_types": ["bicycle", "mopde"], **kind})
    assert "vehicle_types: is ['bicycle', 'mopde']; a list of vehicle types of MDS (bicycle, bus, " in found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind["rule_type"])
def test_statuses_of_mds_before_1_are_refused_where_they_alone_decide(kind: dict[str, Any]) -> None:
    """A rule on statuses would be about vehicles in other states."""
    before = {"maximum": 5, "statuses": {"trip": []}, **kind}
    [found] = errors(in_rule={**before, "states": None})
    assert found.startswith(
        "policy test, data.policies[0].rules[0].statuses: is {'trip': []}; since MDS 1.0 this field is called states"
    )
    assert not errors(in_rule=before), "the rule has states besides"
    assert not errors(in_rule={**before, "states": None, "statuses": {}})


def test_ids_are_used_once() -> None:
    areas = [AREA, AREA]
    text = document([policy(1, rule(7, 1), rule(7, 1)), policy(1, rule(8, 1))], areas)
    found = "\n".join(read_all(text)[1].errors)
    assert "data.geographies[1].geography_id: " in found
    assert "data.policies[0].rules[1].rule_id: " in found
    assert "data.policies[1].policy_id: " in found


def test_a_geography_smaller_than_a_cell_is_shown_in_the_cell_that_holds_its_middle() -> None:
    """
    |  10,10  |  11,10  |
    |       [===]       |   the outline reaches a third of its length into the first
    """
    ring = [[0.104, 0.102], [0.107, 0.102], [0.107, 0.104], [0.104, 0.104], [0.104, 0.102]]
    areas = [geography(1, {"type": "Polygon", "coordinates": [ring]}, "Plaza")]
    read, findings = read_all(document([policy(1, rule(7, 1, maximum=3))], areas))
    assert not findings.errors
    found = read.counts[0].rules[0]
    assert (found.cells, found.edge) == (frozenset(), {cell_at(10, 10), cell_at(11, 10)})
    assert (found.cell, found.region) == (cell_at(11, 10), "r0.0")


def test_an_outline_that_moves_within_its_cells_is_another_policy() -> None:
    versions = set()
    for east in (0.107, 0.108):
        ring = [[0.104, 0.102], [east, 0.102], [east, 0.104], [0.104, 0.104], [0.104, 0.102]]
        areas = [geography(1, {"type": "Polygon", "coordinates": [ring]}, "Plaza")]
        versions.add(read_all(document([policy(1, rule(7, 1, maximum=3))], areas))[0].counts[0].version)
    assert len(versions) == 2


def test_a_rule_whose_edge_lies_in_another_region_is_refused() -> None:
    ring = [[0.99, 0.5], [0.999, 0.5], [0.999, 0.52], [0.99, 0.52], [0.99, 0.5]]
    (found,) = errors(areas=[geography(1, {"type": "Polygon", "coordinates": [ring]})])
    assert "its cells lie in the regions r0.0, r0.1, and a rule is counted in one" in found


MISTYPED = {
    "type": "Polygon",
    "coordinates": [[[121.4, 31.2], [121.5, 31.2], [121.5, 31.3], [12.14, 31.3], [121.4, 31.2]]],
}


def several(*polygons: Any) -> dict[str, Any]:
    return {"type": "MultiPolygon", "coordinates": [one["coordinates"] for one in polygons]}


def nobody_is_asked(geometry: Any) -> frozenset[str]:
    raise AssertionError("cells of a zone that is refused were asked for")


@pytest.mark.parametrize(
    ("geometry", "place", "says"),
    [
        (None, "", "holds no outline"),
        ({"type": "FeatureCollection", "features": []}, "", "holds no outline"),
        ({"type": "Point", "coordinates": [0.1, 0.1]}, "", "Polygon or MultiPolygon is expected: draw the area"),
        ({"type": "Feature", "geometry": {"type": "Polygon"}}, ".geometry", "geometry cannot be read"),
        (square(10, 10, 0), "", "correct"),
        (square(10, 10, 3000), "", "of some 8,689,458 cells, has more than 1,000,000; look for a mistyped corner"),
        (several(square(10, 10, 900), square(2000, 10, 900)), "", "'Square', of some 1,6"),
        (MISTYPED, "", "'Square', of some 46,781 cells, reaches 9,837 km, from 12.14, 31.2 to 121.5, 31.3"),
    ],
    ids=range(8),
)  # fmt: skip
def test_a_geography_that_cannot_be_counted_in_is_refused(geometry: Any, place: str, says: str) -> None:
    where = replace(city(), cells=nobody_is_asked, edge=nobody_is_asked)
    _, findings = read_all(document([policy(1, rule(7, 1))], [geography(1, geometry)]), where)
    assert findings.errors[0].startswith(f"policy test, data.geographies[0].geography_json{place}: ")
    assert says in findings.errors[0]


def test_geographies_that_no_rule_speaks_of_are_not_read() -> None:
    """Cities publish all of theirs in one file, stops (points) and rivers (lines) among them."""
    stop = geography(2, {"type": "Point", "coordinates": [0.1, 0.1]}, "Stop")
    rate = {**rule(8, 2), "rule_type": "rate"}
    buses = policy(2, rule(9, 2), mode_id="passenger-services")
    river = {"geography_id": identity(3).upper(), "geography_json": None}
    _, findings = read_all(document([policy(1, rule(7, 1), rate), buses], [AREA, stop, river]))
    assert not findings.errors
    [note] = [text for text in findings.notes if "data.geographies" in text]
    assert note == (
        "policy test, data.geographies: not read, as no evaluated rule refers to them (2): "
        f"{identity(2)}, {identity(3)}"
    )
    _, findings = read_all(document([policy(1, rule(7, 1, 2))], [AREA, stop]))
    assert len(findings.errors) == 1, "a rule speaks of it"


def test_that_a_geography_is_retired_decides_nothing_and_is_said() -> None:
    retired = {**AREA, "effective_date": 1_600_000_000_000, "retire_date": 1_600_000_001_000}
    read, findings = read_all(document([policy(1, rule(7, 1))], [retired]))
    assert not findings.errors
    assert read.counts[0].rules[0].cells
    assert [text.split(":")[0] for text in findings.notes if "decides nothing" in text] == [
        "policy test, data.geographies[0].effective_date",
        "policy test, data.geographies[0].retire_date",
    ]


def test_a_zone_across_the_antimeridian_is_counted_in() -> None:
    west, east = square(17990, 10, 10), square(-17999, 10, 10)
    where = city_of(Settings(region_resolution=0))
    read, findings = read_all(document([policy(1, rule(7, 1))], [geography(1, several(west, east))]), where)
    assert not findings.errors
    assert read.counts[0].rules[0].cells == where.cells(west) | where.cells(east)


def test_a_rule_over_two_regions_is_refused_with_both() -> None:
    (found,) = errors(areas=[geography(1, square(98, 10, 4))])
    assert "its cells lie in the regions r0.0, r0.1" in found
    assert "UB_REGION_RESOLUTION" in found


def test_all_mistakes_are_listed_and_the_first_is_raised() -> None:
    text = document([policy(1, rule(7, 1, maximum=-1, days=[1]), name=None)], [AREA])
    _, findings = read_all(text)
    assert len(findings.errors) == 3
    with pytest.raises(
        PolicyError, match=r"maximum: is -1.*\(and 2 more: `urbanbrain policy check FILE` lists them\)"
    ):
        findings.raise_errors()


def version(text: str, where: Any = None) -> str:
    return read_all(text, where)[0].counts[0].version


def test_the_version_of_a_policy_names_all_that_it_decides_by() -> None:
    text = document([policy(1, rule(7, 1, maximum=5)), policy(2, rule(8, 1))], [AREA])
    assert version(text) == version(text)
    assert version(text) != version(text.replace('"maximum": 5', '"maximum": 6'))
    assert version(text) != version(text, city(types="bicycle moped"))
    assert version(text) != version(text, city(ZoneInfo("Asia/Shanghai")))
    wider = document([policy(1, rule(7, 1, maximum=5))], [geography(1, square(10, 10, 4), "Harbour")])
    assert version(text) != version(wider)


def test_the_version_stays_when_other_policies_come_and_one_replaces_it() -> None:
    alone = document([policy(1, rule(7, 1, maximum=5))], [AREA])
    later = policy(2, rule(8, 1), start_date=START + 100, prev_policies=[identity(1)])
    assert version(alone) == version(document([policy(1, rule(7, 1, maximum=5)), later], [AREA]))
    assert read_all(alone)[0].version == read_zones(None, DEFAULT, Findings("test")).version, "of the cells"
