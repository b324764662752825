"""Times as feeds write them."""

from datetime import UTC, datetime

import pytest

from sensors_sim.sources.instants import instant


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
        ("2017-01-01T05:29:60.25+05:30", "2017-01-01T00:00:00.250"),
        ("2016-12-31T23:59:59Z", "2016-12-31T23:59:59"),
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00"),
        ("2024-02-29t12:00:00z", "2024-02-29T12:00:00"),
    ],
)
def test_times_of_rfc_3339_are_read_and_a_leap_second_is_the_second_after_it(text: str, shown: str) -> None:
    """RFC 3339 writes it as :60, which clocks that count none do not show; T and Z may be small letters."""
    assert instant(text) == round(1000 * datetime.fromisoformat(shown).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text",
    [
        *("2023-02-29T12:00:00Z", "2016-12-31T23:59:61Z", "2016-12-31T23:59:600Z", "2016-12-31T23:60:00Z"),
        *("23:59:60", "9999-12-31T23:59:60Z"),
    ],
)
def test_what_no_clock_shows_is_no_time(text: str) -> None:
    assert instant(text) is None
