"""A publisher whose readings are all refused has some told one by one; the others are counted."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from schemas.rejected import Reason
from streams.gateway.decode import Refusal
from streams.gateway.rations import Rations

T0 = 1_772_406_000_000
MOST, A_SECOND = 1_000, 10
REASONS: list[Reason] = ["wrong_type", "not_json", "bad_id"]


def some(number: int, reason: Reason = "wrong_type") -> list[Refusal]:
    return [Refusal(reason, "detail", str(index)) for index in range(number)]


def counts(refusals: Sequence[Refusal]) -> dict[Reason, int]:
    found: Counter[Reason] = Counter()
    for refusal in refusals:
        found[refusal.reason] += refusal.count
    return dict(found)


def test_a_publisher_with_few_has_each_told() -> None:
    assert Rations(MOST, A_SECOND).told("hello", some(3), T0) == some(3)


def test_beyond_its_ration_a_message_tells_the_first_of_each_reason_and_counts_the_others() -> None:
    rations = Rations(MOST, A_SECOND)
    rations.told("hello", some(MOST), T0)
    told = rations.told("hello", [*some(500), *some(2, "not_json")], T0)
    assert told == [Refusal("wrong_type", "detail", "0", 500), Refusal("not_json", "detail", "0", 2)]


def test_what_one_publisher_has_used_up_is_left_to_the_others() -> None:
    rations = Rations(MOST, A_SECOND)
    for _ in range(10):
        rations.told("mallory", some(MOST), T0)
    assert rations.told("hello", some(MOST), T0) == some(MOST)


def test_with_time_more_are_told_but_never_more_than_at_first() -> None:
    rations = Rations(MOST, A_SECOND)
    rations.told("hello", some(MOST), T0)
    assert len(rations.told("hello", some(500), T0 + 2_000)) == 2 * A_SECOND + 1
    assert len(rations.told("hello", some(2 * MOST), T0 + 86_400_000)) == MOST + 1


def test_a_clock_that_goes_back_gives_nothing_and_takes_nothing() -> None:
    rations = Rations(MOST, A_SECOND)
    rations.told("hello", some(MOST - 1), T0)
    assert rations.told("hello", some(1), T0 - 60_000) == some(1)
    assert len(rations.told("hello", some(5), T0 - 60_000)) == 1


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["hello", "mobike"]),
            st.lists(st.tuples(st.sampled_from(REASONS), st.integers(1, 1_500)), max_size=3),
            st.integers(-5_000, 5_000),
        ),
        max_size=8,
    )
)
def test_no_refusal_is_lost_whoever_sends_what_and_when(
    messages: list[tuple[str, list[tuple[Reason, int]], int]],
) -> None:
    rations, now = Rations(MOST, A_SECOND), T0
    for publisher, parts, passed in messages:
        now += passed
        refusals = [refusal for reason, number in parts for refusal in some(number, reason)]
        assert counts(rations.told(publisher, refusals, now)) == counts(refusals)
