"""Matchers and silences, against what Alertmanager's documentation says of them."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.labels import labels_of
from streams.alerts.matchers import NAMES, Matcher, from_json, match_all, of_no_district, parse
from streams.alerts.silences import Silence, Silences
from streams.errors import MatcherError
from tests.unit.alerts.events import alert

LABELS = labels_of(alert(), lambda _lat, _lon: None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("severity=major", True),
        ('severity="major"', True),
        (" severity = major ", True),
        ("severity=minor", False),
        ("severity!=minor", True),
        ("severity!=", True),  # it has one
        ("zone=~metr", False),  # anchored at both ends
        ("severity=~maj.*|critical", True),
        ("severity=~(maj|min)or|critical", True),
        ("severity=~(major|critical)", True),
        ("severity=~[a-z|]+", True),
        ("severity!~maj.*", False),
        ("operator=north", True),
        ("operator!=south", True),
        ("operator!=north", False),
        ("district=", True),  # a label that an alert lacks is the empty text
        ("district!=", False),
        ("district!=Pudong", True),
        ("cell=89309959d07ffff", True),
        ("cell!=", True),
        ("zone=~me(tro|ter)", True),
        ("zone=m.tro", False),  # no expression
        ("cell=~8930.*", True),
    ],
)
def test_a_matcher_matches_as_in_alertmanager(text: str, expected: bool) -> None:
    assert parse(text).matches(LABELS) is expected


@pytest.mark.parametrize("text", ["zone=~s.*", "zone=south", "zone=~north|south"])
def test_of_several_values_one_is_enough_and_to_leave_out_one_is_to_leave_out_all(text: str) -> None:
    labels = {"zone": ("north", "south")}
    assert parse(text).matches(labels)
    assert not parse(text.replace("=", "!", 1) if "~" in text else text.replace("=", "!=")).matches(labels)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'zone="Gate \"A\""', 'Gate "A"'),
        (r"zone=Gate \"A\"", 'Gate "A"'),
        (r'zone=~"bike-\\d+"', r"bike-\d+"),
        (r'zone=~"bike-\d+"', r"bike-\d+"),  # what is no escape is a backslash
        (r"zone=~bike-\d+", r"bike-\d+"),
        (r'zone="a\nb"', "a\nb"),
        (r'zone="a\\nb"', r"a\nb"),
        (r'zone="a\\"', "a\\"),
        ("zone=a\\", "a\\"),
        ('zone="a=b"', "a=b"),
        ('zone=" a "', " a "),
        ('zone=""', ""),
        ("zone=a\nb", "a\nb"),
    ],
)
def test_a_value_is_quoted_and_escaped_as_in_alertmanager(text: str, value: str) -> None:
    matcher = parse(text)
    assert matcher.value == value
    assert parse(str(matcher)) == matcher


@given(st.text(alphabet='ab"\\n \n.~='))
def test_any_value_is_read_as_it_was_written(value: str) -> None:
    matcher = Matcher("zone", value)
    assert parse(str(matcher)) == matcher


@pytest.mark.parametrize("text", ["zone=a", "zone!=a", "zone=~a", "zone!~a", r"zone=~\d+"])
def test_a_matcher_is_shown_as_it_is_written(text: str) -> None:
    assert str(parse(text)) == text


def test_a_district_is_that_of_the_place() -> None:
    asked: list[tuple[float, float]] = []

    def district(lat: float, lon: float) -> str:
        asked.append((lat, lon))
        return "Pudong"

    assert parse("district=Pudong").matches(labels_of(alert(), district))
    assert asked == [(alert().lat, alert().lon)]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("district=~Pudong|Puxi", ["district=~Puxi"]),
        ("district=~Pu.*|Harbour", ["district=~Harbour"]),
        ("district=~(Port|Harbour)", ["district=~(Port|Harbour)"]),
        ("district=~P.*", []),
        ("district=~|Pudong", []),  # or none
        ("district=~[Pp]udong|Puxi", []),  # not that simple
        ("district!~Pudong|Puxi", ["district!~Puxi"]),
        ("district!~|Pudong", ["district!~|Pudong"]),  # a place in none is left out, too
        ("district!=Pudong", []),
        ("district!=", []),
        ("district=Puxi", ["district=Puxi"]),
        ("district!=Puxi", ["district!=Puxi"]),
        ("zone=~Pudong|Puxi", []),
    ],
)
def test_a_district_that_there_is_not_is_named_among_others_too(text: str, wrong: list[str]) -> None:
    assert list(map(str, of_no_district([parse(text)], ["Pudong"]))) == wrong


def test_without_districts_an_alternative_that_is_none_is_enough() -> None:
    assert of_no_district([parse("district=~|Pudong")]) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("severity", "not a matcher; give one such as"),
        ("severity<major", "not a matcher"),
        ('zone="', r"within a value a quote is \""),
        ('zone="a', "not a matcher"),
        ('zone=a"', "not a matcher"),
        ('zone="a"b"', "not a matcher"),
        (r'zone="a\"', "not a matcher"),
        ("color=red", "not a label of alerts; they have severity, kind"),
        ("cell=~(", "not a regular expression"),
        (r"zone=~(a)\1", "not a regular expression of RE2"),
        ("zone=~(?=a)", "not a regular expression of RE2"),
        ("zone=~" + 3_000 * "(", f"'{60 * '('}…' is not a regular expression"),
        ("zone=\udcff", "is not all text in UTF-8"),
        ("zone=a\0b", "is not all text in UTF-8"),
        ("severity=mayor", "severity is never that; it is one of warning, minor, major, critical"),
        ("severity=~maj", "severity is never that"),
        ("severity!=mayor", "severity is never that"),
        ("severity=~may.*", "severity is never that"),
        ("kind=oversaturated", "kind is never that; it is one of oversaturation, "),
        ("kind!~sensor_silnt|feed", "kind is never that"),
        (
            "severity=~majr|critical",
            "severity=~majr|critical: severity is never 'majr'; it is one of warning",
        ),
        ("severity!~major|crit", "severity is never 'crit'"),
        ("severity=~(?:minor|maj)", "severity is never 'maj'"),
        ("kind=~(feed_silnt|sensor_.*)", "kind is never 'feed_silnt'"),
        ("cell=8930994A553FFFF", "15 hexadecimal digits, a to f in small letters"),
        ("cell=shore", "is not an H3 cell"),
    ],
)
def test_a_matcher_that_cannot_be_meant_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(MatcherError, match=re.escape(reason)):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["severity=~(?i:Major|critical)", "severity=~(?P<one>major|critical)", "severity=~maj{1}or|critica{1}l"],
)
def test_an_expression_that_is_not_that_simple_is_not_taken_apart(text: str) -> None:
    assert parse(text).matches({"severity": ["major"]})


def test_what_alertmanagers_api_leaves_out_of_a_matcher_is_plain_and_equal() -> None:
    assert from_json([{"name": "zone", "value": "a"}]) == (parse("zone=a"),)


def test_an_expression_takes_time_in_proportion_to_the_text() -> None:
    """Python's own would take until the end of days for this."""
    assert not parse("subject=~(a+)+b").matches({"subject": ["a" * 5_000]})


@pytest.mark.parametrize("is_equal", [False, True])
def test_a_stored_expression_that_is_none_any_more_keeps_nothing_back(is_equal: bool) -> None:
    [matcher] = from_json([{"name": "zone", "value": "(?=a)", "isRegex": True, "isEqual": is_equal}])
    assert not matcher.matches({"zone": ["a"]})


@given(st.sampled_from(NAMES), st.text(), st.booleans(), st.booleans())
def test_what_is_stored_of_a_matcher_is_read_back(
    name: str, value: str, is_regex: bool, is_equal: bool
) -> None:
    matcher = Matcher(name, re.escape(value) if is_regex else value, is_regex, is_equal)
    assert from_json([matcher.as_json()]) == (matcher,)


@given(st.sets(st.sampled_from(["north", "south", "west"])), st.sampled_from(["north", "south", ""]))
def test_a_matcher_and_its_negation_never_agree(operators: set[str], value: str) -> None:
    labels = {"operator": tuple(operators)}
    assert Matcher("operator", value).matches(labels) != Matcher("operator", value, is_equal=False).matches(
        labels
    )


def test_all_matchers_must_match_and_none_match_everything() -> None:
    assert match_all([], LABELS)
    assert match_all([parse("severity=major"), parse("zone=metro")], LABELS)
    assert not match_all([parse("severity=major"), parse("zone=default")], LABELS)


START = datetime(2026, 1, 1, tzinfo=UTC)


def silence(name: str, hours: int, *matchers: str) -> Silence:
    return Silence(name, tuple(map(parse, matchers)), START, START + timedelta(hours=hours), "fair")


@pytest.mark.parametrize(
    ("minutes", "expected"), [(-1, None), (0, "long"), (59, "long"), (60, "long"), (119, "long"), (120, None)]
)
def test_a_silence_holds_from_its_start_to_before_its_end_and_the_longest_is_named(
    minutes: int, expected: str | None
) -> None:
    silences = [
        silence("short", 1, "severity=major"),
        silence("long", 2, "zone=metro"),
        silence("other", 9, "zone=x"),
    ]
    found = Silences(silences).longest(LABELS, START + timedelta(minutes=minutes))
    assert (found and found.silence_id) == expected
