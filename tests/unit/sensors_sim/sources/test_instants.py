"""Times as feeds write them."""

from datetime import UTC, datetime

import pytest

from sensors_sim.sources.instants import by_format, instant


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00"),
        ("2017-01-01T05:29:60.25+05:30", "2017-01-01T00:00:00.250"),
        ("2016-12-31T23:59:59Z", "2016-12-31T23:59:59"),
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00"),
        ("2024-02-29t12:00:00z", "2024-02-29T12:00:00"),
        ("2024-02-29T24:00:00Z", "2024-03-01T00:00:00"),
        ("2023-12-31 24:00:00.000+02:00", "2023-12-31T22:00:00"),
        ("2023-12-31 24:00", "2024-01-01T00:00:00"),
    ],
)
def test_times_of_rfc_3339_are_read_and_a_leap_second_is_the_second_after_it(text: str, shown: str) -> None:
    """RFC 3339 writes it as :60, which clocks that count none do not show; T and Z may be small letters.

    ISO 8601 has 24:00 for the end of a day.
    """
    assert instant(text) == round(1000 * datetime.fromisoformat(shown).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text",
    [
        *("2023-02-29T12:00:00Z", "2016-12-31T23:59:61Z", "2016-12-31T23:59:600Z", "2016-12-31T23:60:00Z"),
        *("2016-12-31T24:00:01Z", "2016-12-31T24:01Z", "2016-12-31T25:00Z"),
        *("2016-12-31T10:00:00+24:00", "2016-12-31T10:00-24:00"),
        *("23:59:60", "9999-12-31T23:59:60Z"),
    ],
)
def test_what_no_clock_shows_is_no_time(text: str) -> None:
    assert instant(text) is None


@pytest.mark.parametrize(
    ("text", "format_", "shown"),
    [
        ("2016-12-31 23:59:60", "%Y-%m-%d %H:%M:%S", "2017-01-01T00:00:00"),
        ("12/31/2016 11:59:60 PM", "%m/%d/%Y %I:%M:%S %p", "2017-01-01T00:00:00"),
        ("2017-01-01 05:29:60.25 +0530", "%Y-%m-%d %H:%M:%S.%f %z", "2017-01-01T00:00:00.250"),
        ("31/Dec/2016:23:59:60 +0000", "%d/%b/%Y:%H:%M:%S %z", "2017-01-01T00:00:00"),
        ("23:59:60 2016-12-31", "%H:%M:%S %Y-%m-%d", "2017-01-01T00:00:00"),
        ("31.12.2016 23:59", "%d.%m.%Y %H:%M", "2016-12-31T23:59:00"),
        ("31.12.2016 24:00", "%d.%m.%Y %H:%M", "2017-01-01T00:00:00"),
        ("24:00:00 2016-12-31", "%H:%M:%S %Y-%m-%d", "2017-01-01T00:00:00"),
        ("24:00 2016-12-31 07", "%M:%S %Y-%m-%d %H", "2016-12-31T07:24:00"),
    ],
)
def test_a_format_of_ones_own_has_leap_seconds_too(text: str, format_: str, shown: str) -> None:
    expected = round(1000 * datetime.fromisoformat(shown).replace(tzinfo=UTC).timestamp())
    assert by_format(text, format_, UTC) == expected


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ("2016-12-31 23:59:61", "%Y-%m-%d %H:%M:%S"),
        ("2016-12-31 23:60:00", "%Y-%m-%d %H:%M:%S"),
        ("2016-12 31:23:60", "%Y-%m %d:%H:%M"),  # minutes, not seconds
        ("9999-12-31 23:59:60", "%Y-%m-%d %H:%M:%S"),
        ("31.12.2016 24:01", "%d.%m.%Y %H:%M"),
        ("31.12.2016 10:00 +24:00", "%d.%m.%Y %H:%M %z"),
        ("noon", "%Y-%m-%d %H:%M:%S"),
    ],
)
def test_what_is_not_of_its_format_is_no_time(text: str, format_: str) -> None:
    assert by_format(text, format_, UTC) is None
