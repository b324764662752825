"""By which clock people's durations count."""

from datetime import UTC, datetime, timedelta

import pytest

from streams.commands.clock import at, difference

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)


def test_a_duration_counts_from_the_given_now_and_a_time_is_itself() -> None:
    assert at(timedelta(hours=2), NOW) == NOW + timedelta(hours=2)
    assert at(NOW, NOW + timedelta(hours=5)) == NOW


@pytest.mark.parametrize(
    ("ahead_s", "said"),
    [
        (0, None),
        (30, None),
        (-30, None),
        (
            3600,
            "this machine's clock is 3600 s behind the database's, which counts: there it is 2026-03-01 04:00:00",
        ),
        (
            -31,
            "this machine's clock is 31 s ahead of the database's, which counts: there it is 2026-03-01 02:59:29",
        ),
    ],
)
def test_a_clock_that_is_off_is_said_with_the_way_out(ahead_s: int, said: str | None) -> None:
    found = difference(NOW, NOW + timedelta(seconds=ahead_s))
    assert found == (None if said is None else f"{said} UTC; synchronize them by NTP (chrony, timesyncd)")
