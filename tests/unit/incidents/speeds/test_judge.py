"""Which rule a move breaks, by either end of it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from streams.incidents.mds.hours import Hours
from streams.incidents.speeds.judge import End, Move, judge
from streams.incidents.speeds.rules import SpeedPolicy, SpeedRule, least_limits

BERLIN = ZoneInfo("Europe/Berlin")
ALWAYS = Hours()
NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp() * 1000)


def rule(
    name: str, *areas: str, limit: float | None, hours: Hours = ALWAYS, states: tuple[str, ...] = ("on_trip",)
) -> SpeedRule:
    return SpeedRule(name, name, name, frozenset(areas), states, frozenset(), limit, hours)


def policy(*rules: SpeedRule, begin: int = 0, end: int | None = None) -> SpeedPolicy:
    return SpeedPolicy("p", "p", "v", frozenset(), begin, end, rules)


def move(kmh: float, begin: str, end: str, at: int = NOON, ms: int = 15_000) -> Move:
    first, last = (
        End(ts, "on_trip", frozenset(areas.split())) for ts, areas in ((at - ms, begin), (at, end))
    )
    return Move("north", "bicycle", first, last, kmh)


def broken(made: SpeedPolicy, one: Move) -> tuple[str, float] | None:
    found = judge([made], one, BERLIN)
    return None if found is None else (found.rule.name, found.limit_kmh)


FAST, SLOW = rule("fast", "road", limit=25), rule("slow", "plaza", limit=10)


@pytest.mark.parametrize(
    ("kmh", "begin", "end", "expected"),
    [
        (18, "plaza", "plaza", ("slow", 10)),
        (18, "road", "plaza", None),
        (18, "plaza", "road", None),
        (26, "road", "plaza", ("fast", 25)),
        (26, "plaza", "road", ("fast", 25)),
        (26, "road", "", None),
        (26, "", "road", None),
        (25, "road", "road", None),
        (26, "road plaza", "road plaza", ("fast", 25)),
    ],
)
def test_where_two_limits_meet_the_higher_one_counts(
    kmh: float, begin: str, end: str, expected: tuple[str, float] | None
) -> None:
    assert broken(policy(FAST, SLOW), move(kmh, begin, end)) == expected


def test_a_rule_over_two_areas_holds_from_one_to_the_other() -> None:
    assert broken(policy(rule("both", "a", "b", limit=10)), move(11, "a", "b")) == ("both", 10)


def test_a_rule_without_a_limit_keeps_its_vehicles_from_those_after_it() -> None:
    made = policy(rule("free", "plaza", limit=None), rule("town", "plaza", "road", limit=10))
    assert broken(made, move(30, "plaza", "plaza")) is None
    assert broken(made, move(30, "road", "plaza road")) is None
    assert broken(made, move(30, "road", "road")) == ("town", 10)


def test_a_rule_must_be_about_the_state_at_both_ends() -> None:
    made = policy(rule("carried", "road", limit=10, states=("available",)))
    assert broken(made, move(30, "road", "road")) is None


def test_a_rule_that_ends_at_midnight_and_one_that_goes_past_it() -> None:
    """22:00 to 05:59:59 of Mondays, by the clocks of Berlin: UTC + 1."""
    made = policy(rule("night", "road", limit=10, hours=Hours(frozenset([0]), 22 * 3_600, 6 * 3_600 - 1)))
    late = int(datetime(2026, 3, 2, 23, 0, 5, tzinfo=UTC).timestamp() * 1000)
    assert broken(made, move(11, "road", "road", late)) == ("night", 10), "five seconds after midnight"
    begin = int(datetime(2026, 3, 2, 21, 0, 5, tzinfo=UTC).timestamp() * 1000)
    assert broken(made, move(11, "road", "road", begin)) is None, "the move began before it"
    assert broken(made, move(11, "road", "road", begin + 10_000)) == ("night", 10)
    day_before = begin - 86_400_000 + 10_000
    assert broken(made, move(11, "road", "road", day_before)) is None


def test_an_hour_that_the_clocks_show_twice_is_in_effect_twice() -> None:
    """On 2026-10-25 at 01:00 UTC the clocks of Berlin go from 03:00 back to 02:00."""
    made = policy(rule("night", "road", limit=10, hours=Hours(start=2 * 3_600, end=3 * 3_600 - 1)))
    for hour, expected in ((0, ("night", 10)), (1, ("night", 10)), (2, None)):
        at = int(datetime(2026, 10, 25, hour, 30, tzinfo=UTC).timestamp() * 1000)
        assert broken(made, move(11, "road", "road", at)) == expected


def test_a_policy_is_in_force_at_both_ends() -> None:
    made = policy(FAST, begin=NOON - 15_000, end=NOON + 1)
    assert broken(made, move(26, "road", "road")) == ("fast", 25)
    assert broken(made, move(26, "road", "road", NOON - 1)) is None
    assert broken(made, move(26, "road", "road", NOON + 1)) is None


def test_the_least_limits_of_areas_are_those_of_all_rules() -> None:
    second = policy(rule("slower", "road", "park", limit=15), rule("free", "garden", limit=None))
    assert least_limits([policy(FAST, SLOW), second]) == {"road": 15, "plaza": 10, "park": 15}
