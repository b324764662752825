"""Many silences asked about many alerts: the same answers as one by one, and little work."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.alerts.labels import labels_of
from streams.alerts.matchers import Labels, Matcher, _compiled, parse
from streams.alerts.silences import Heeded, Silence, Silences
from streams.store.alert_desk import SilenceRow
from tests.unit.alerts.events import alert
from tests.work import lines_run

START = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = labels_of(alert(), lambda _lat, _lon: None)


def silence(name: str, *matchers: Matcher, hours: int = 1) -> Silence:
    return Silence(name, matchers, START, START + timedelta(hours=hours), "fair")


def test_a_silence_holds_from_its_start_until_just_before_its_end() -> None:
    one, moment = silence("a", parse("severity=major")), timedelta(microseconds=1)
    times = [START - moment, START, one.ends_at - moment, one.ends_at]
    assert [one.holds({"severity": ("major",)}, now) for now in times] == [False, True, True, False]
    assert not one.holds({"severity": ("minor",)}, START)


VALUES = st.sampled_from(["", "a", "b"])
NAMES = st.sampled_from(["zone", "operator", "of another version"])
MATCHED = st.sampled_from(["", "a", "b", "[ab]"])
MATCHERS = st.builds(Matcher, NAMES, MATCHED, is_regex=st.booleans(), is_equal=st.booleans())
SILENCES = st.lists(st.tuples(st.lists(MATCHERS, min_size=1, max_size=3), st.integers(0, 2)), max_size=8)


@given(
    SILENCES, st.dictionaries(NAMES, st.lists(VALUES, max_size=2, unique=True).map(tuple)), st.integers(0, 2)
)
def test_the_longest_of_many_is_the_longest_of_those_that_hold(
    many: list[tuple[list[Matcher], int]], labels: Labels, hour: int
) -> None:
    silences = [silence(str(n), *matchers, hours=hours) for n, (matchers, hours) in enumerate(many)]
    now = START + timedelta(hours=hour)
    holding = [one for one in silences if one.holds(labels, now)]
    expected = max(holding, key=lambda one: (one.ends_at, one.silence_id), default=None)
    assert Silences(silences).longest(labels, now) is expected


@pytest.mark.parametrize("matcher", ["zone=harbour", "zone!=shore", "zone=~har.*", "zone!~sh.*", "operator="])
def test_a_silence_is_found_whatever_it_asks_for(matcher: str) -> None:
    one = silence("a", parse(matcher))
    silences = Silences([one])
    assert silences
    assert silences.longest({"zone": ("harbour",)}, START) is one
    assert not Silences()


def test_a_thousand_silences_of_other_places_are_as_little_work_as_ten() -> None:
    def work(many: int) -> int:
        known = Silences(
            silence(str(n), parse("severity=major"), parse(f"zone=zone{n}")) for n in range(many)
        )
        return lines_run(lambda: known.longest(LABELS, START))

    assert work(1000) <= work(10) + 5


def test_the_regular_expressions_of_thousands_of_silences_are_compiled_once() -> None:
    known = Silences(silence(str(n), parse(f"cell=~8930994a{n:x}.*")) for n in range(2_000))
    known.longest(LABELS, START)
    before = _compiled.cache_info().misses
    known.longest(LABELS, START)
    assert _compiled.cache_info().misses == before


def test_who_knows_no_districts_leaves_out_silences_that_ask_for_them_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def row(name: str, *matchers: str) -> SilenceRow:
        as_json = [parse(text).as_json() for text in matchers]
        return SilenceRow(name, as_json, START, START + timedelta(hours=1), "anna", "fair", "active")

    rows = [row("a", "zone=harbour"), row("b", "severity=minor", "district!=Pudong")]
    assert [one.silence_id for one in Heeded(districts=True)(rows)] == ["a", "b"]
    heeded = Heeded(districts=False)
    for _ in range(2):
        assert [one.silence_id for one in heeded(rows)] == ["a"]
    [said] = caplog.messages
    assert "(1, such as severity=minor district!=Pudong)" in said
    assert [one.silence_id for one in heeded([*rows, row("c", "district=Pudong")])] == ["a"]
    assert len(caplog.messages) == 2


def test_a_silence_of_somebody_else_moves_no_terminal_that_shows_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    as_json = [Matcher("district", "a\x1b[2J").as_json()]
    row = SilenceRow("a", as_json, START, START + timedelta(hours=1), "anna", "fair", "active")
    assert Heeded(districts=False)([row]) == []
    assert r"district=a\x1b[2J" in caplog.text
