"""One open alert keeps others back: which, by what rules, and that no two keep each other back."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.inhibition import Inhibition, Source, Sources, inhibited_by, read
from streams.alerts.matchers import Labels, match_all
from streams.errors import SettingsError
from tests.work import lines_run

RULES = read(
    [{"source_match": ["kind=feed_silent"], "target_match": ["kind=~sensor_.*"], "equal": ["region"]}], "file"
)
OUTAGE = Source("s-1", {"kind": ("feed_silent",), "region": ("r1",)}, "nothing of north")


def sensor(**labels: str) -> Labels:
    return {"kind": ("sensor_silent",), "region": ("r1",), **{name: (v,) for name, v in labels.items()}}


def test_an_outage_keeps_its_sensors_back() -> None:
    assert inhibited_by("a", sensor(), RULES, [OUTAGE]) == OUTAGE


@pytest.mark.parametrize("labels", [sensor(region="r2"), sensor(kind="oversaturation")])
def test_others_are_told(labels: Labels) -> None:
    assert inhibited_by("a", labels, RULES, [OUTAGE]) is None


def test_a_label_that_neither_has_is_the_same() -> None:
    """As in Alertmanager."""
    rules = read([{"source_match": ["zone=a"], "target_match": ["zone=b"], "equal": ["district"]}], "file")
    source = Source("s", {"zone": ("a",), "district": ()}, "")
    assert inhibited_by("x", {"zone": ("b",)}, rules, [source]) == source
    assert inhibited_by("x", {"zone": ("b",), "district": ("Pudong",)}, rules, [source]) is None


def test_an_alert_keeps_neither_itself_nor_its_like_back() -> None:
    rules = read([{"source_match": ["zone=a"], "target_match": ["zone=a"]}], "file")
    one, other = Source("1", {"zone": ("a",)}, ""), Source("2", {"zone": ("a",)}, "")
    assert inhibited_by("1", one.labels, rules, [one, other]) is None


def test_an_alert_is_not_kept_back_by_what_it_was_itself_a_moment_ago() -> None:
    """What is open is read now and then; an alert may have become less severe since."""
    rules = read([{"source_match": ["severity=critical"], "target_match": ["severity=minor"]}], "file")
    before = Source("1", {"severity": ("critical",)}, "")
    assert inhibited_by("1", {"severity": ("minor",)}, rules, [before]) is None


def test_of_several_sources_the_first_by_id_is_named() -> None:
    other = Source("s-0", OUTAGE.labels, "")
    assert inhibited_by("a", sensor(), RULES, [OUTAGE, other]) == other


def keeps_back(rule: Inhibition, source: Labels, target: Labels) -> bool:
    """The law, asked of one pair."""
    if not (match_all(rule.source, source) and match_all(rule.target, target)):
        return False
    if match_all(rule.source, target) and match_all(rule.target, source):
        return False
    return all((source.get(name) or ("",)) == (target.get(name) or ("",)) for name in rule.equal)


names = st.sampled_from(["a", "b", "c"])


@given(st.lists(st.tuples(names, names), max_size=3), names, names)
def test_no_two_alerts_keep_each_other_back_by_one_rule(
    sides: list[tuple[str, str]], one: str, other: str
) -> None:
    for source, target in sides:
        rules = read([{"source_match": [f"zone=~{source}|b"], "target_match": [f"zone=~{target}|b"]}], "f")
        first, second = Source("1", {"zone": (one,)}, ""), Source("2", {"zone": (other,)}, "")
        kept = [
            inhibited_by(alert.alert_id, alert.labels, rules, [first, second]) for alert in (first, second)
        ]
        assert None in kept


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("x", "inhibit 0: 'x'; a table of source_match, target_match, equal is expected"),
        ({"source_match": ["zone=a"]}, "inhibit 0: target_match is None; a list of matchers is expected"),
        (5, "inhibit 0: 5; a table of source_match"),
        (
            {"source_match": "zone=a", "target_match": ["zone=a"]},
            "inhibit 0: source_match is 'zone=a'; a list",
        ),
        ({"source_match": [5], "target_match": ["zone=a"]}, "inhibit 0: source_match is [5]; a list"),
        ({"source_match": [], "target_match": ["zone=a"]}, "inhibit 0: source_match is []; a list"),
        (
            {"source_match": ["king=a"], "target_match": ["zone=a"]},
            "inhibit 0: 'king' is not a label of alerts",
        ),
        ({"source_match": ["zone=a"], "target_match": ["zone=a"], "equal": ["place"]}, "equal is ['place']"),
        ({"source_match": ["zone=a"], "target_match": ["zone=a"], "equals": []}, "a table of source_match"),
    ],
)
def test_a_fault_is_named_with_its_place(item: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        read([item], "file")


def test_no_list_at_all_is_a_fault() -> None:
    with pytest.raises(SettingsError, match="tables"):
        read({"source_match": []}, "file")
    assert read([], "file") == ()
    assert Inhibition((), ()).equal == ()


@given(
    st.lists(st.tuples(names, names), max_size=6),
    st.lists(st.tuples(names, names), max_size=3),
    st.booleans(),
)
def test_what_is_found_is_the_first_that_some_rule_names(
    alerts: list[tuple[str, str]], sides: list[tuple[str, str]], same: bool
) -> None:
    rules = read(
        [
            {
                "source_match": [f"zone=~{source}|b"],
                "target_match": [f"zone=~{target}|b"],
                "equal": ["district"] if same else [],
            }
            for source, target in sides
        ],
        "file",
    )
    sources = [
        Source(f"{i}", {"zone": (zone,), "district": () if place == "c" else (place,)}, "")
        for i, (zone, place) in enumerate(alerts)
    ]
    found = Sources(rules, reversed(sources))
    for one in sources:
        wanted = (
            other
            for other in sources
            if other is not one and any(keeps_back(rule, other.labels, one.labels) for rule in rules)
        )
        assert found.first_against(one.alert_id, one.labels) == next(wanted, None)


def test_however_many_are_open_few_are_looked_at() -> None:
    def work(n: int) -> int:
        found = Sources(RULES, [Source(f"s-{i}", OUTAGE.labels, "") for i in range(n)])
        return lines_run(lambda: found.first_against("a", sensor()))

    assert work(1000) == work(10)
