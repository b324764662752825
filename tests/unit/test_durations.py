"""Durations and moments as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.durations import duration, moment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(st.integers(0, 9), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int) -> None:
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    assert duration(f"{days}d{hours}h{minutes}m{seconds}s") == expected


@pytest.mark.parametrize("text", ["1000000s", "0000001m", "5270400m"])
def test_a_duration_has_as_many_digits_as_it_takes(text: str) -> None:
    assert duration(text) == timedelta(**{{"s": "seconds", "m": "minutes"}[text[-1]]: int(text[:-1])})


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "-5m", "5 m", "1.5h", "5min", "9999999999d", "999999999w", "9999d", "9" * 5_000 + "s"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration; give one such as|more than ten years"):
        duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", datetime(2026, 3, 1, 14, tzinfo=UTC)),
        ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-03-02T08:00:00+08:00", datetime(2026, 3, 2, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_duration_from_now_or_a_time(text: str, expected: datetime) -> None:
    assert moment(text, NOW) == expected


def test_what_is_neither_is_refused() -> None:
    with pytest.raises(ValueError, match="neither a duration"):
        moment("tomorrow", NOW)


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2037-03-02", "1969-12-31T23:59:59"]
)
def test_a_time_that_no_table_need_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="more than ten years ahead, or before 1970; give a time in between"):
        moment(text, NOW)
