"""How often something is usually heard of."""

import numpy as np
import pytest

from streams.fold import intervals

MINUTE = 60_000
DAY = 1_440


def learned(gaps: list[int], batch: int = 10_000) -> tuple[intervals.Counts, int]:
    """Return the histogram of gaps (milliseconds) of one subject, and how many it has heard."""
    counts, heard = np.zeros((1, intervals.BINS), np.uint16), np.zeros(1, np.uint32)
    for first in range(0, len(gaps), batch):
        some = np.array(gaps[first : first + batch], np.int64)
        intervals.learn(counts, heard, np.zeros(len(some), np.int32), some)
    return counts, int(heard[0])


def patience(gaps: list[int], times: float = 5, least: int = 1) -> int:
    _, median, longest = intervals.usual(learned(gaps)[0])
    return int(intervals.patience_ms(median, longest, times, least)[0])


@pytest.mark.parametrize("gap", [1_000, 59_999, MINUTE, 5 * MINUTE, 3_600_000, 86_400_000])
def test_the_usual_gap_is_found_to_within_half_an_octave(gap: int) -> None:
    expected, median, longest = (int(values[0]) for values in intervals.usual(learned([gap] * 20)[0]))
    assert gap / 2**0.25 <= expected <= gap * 2**0.25
    assert gap < median <= gap * 2**0.5 + 1
    assert longest == median


def test_gaps_beyond_all_bins_count_as_twelve_days() -> None:
    day = DAY * MINUTE
    _, median, longest = (int(values[0]) for values in intervals.usual(learned([30 * day] * 20)[0]))
    assert 12 * day < median == longest < 13 * day


def test_nothing_heard_is_nothing_known() -> None:
    assert [int(values[0]) for values in intervals.usual(learned([])[0])] == [0, 0, 0]


def test_a_single_outage_teaches_nothing_and_a_habit_does() -> None:
    by_minute = [MINUTE] * 200
    usual = patience(by_minute)
    assert patience([*by_minute, 180 * MINUTE, *by_minute]) == usual
    assert patience([*by_minute, 180 * MINUTE, *by_minute, 180 * MINUTE]) > 2 * 180 * MINUTE


def test_a_gap_of_every_night_is_a_habit_for_a_sensor_that_reports_by_the_minute() -> None:
    nights = ([MINUTE] * (16 * 60) + [480 * MINUTE]) * 12
    assert patience(nights) >= 2 * 480 * MINUTE


@pytest.mark.parametrize("begins", range(0, DAY, 211))
@pytest.mark.parametrize("pause", [20, 60, 120])
def test_a_short_pause_every_night_is_a_habit_after_two_nights_and_stays_one(pause: int, begins: int) -> None:
    """Of a sensor that reports by the minute, and begins at some minute of its first day."""
    gaps = [MINUTE] * (DAY - pause - begins)
    for night in range(40):
        assert night < 2 or patience(gaps, least=10 * MINUTE) >= 2 * pause * MINUTE
        gaps += [pause * MINUTE] + [MINUTE] * (DAY - pause)


def test_a_sensor_that_takes_another_interval_is_soon_known_by_it() -> None:
    assert patience([MINUTE] * 3_000 + [15 * MINUTE] * 4) >= 2 * 15 * MINUTE


def test_an_outage_of_long_ago_fades() -> None:
    rare = [MINUTE] * 100 + [600 * MINUTE] * 3 + [MINUTE] * (6 * intervals.HALVED_EVERY)
    assert patience(rare) < 10 * MINUTE


@pytest.mark.parametrize("batch", [1, 7, 4_095, 4_096, 4_097, 20_000])
def test_batches_do_not_matter(batch: int) -> None:
    rng = np.random.default_rng(1)
    gaps = rng.integers(1_000, 10_000_000, 13_000).tolist()
    wanted, heard = learned(gaps, 20_000)
    found, of_found = learned(gaps, batch)
    assert (found == wanted).all()
    assert heard == of_found == 13_000


def test_subjects_do_not_mix() -> None:
    counts, heard = np.zeros((3, intervals.BINS), np.uint16), np.zeros(3, np.uint32)
    rows = np.array([0] * 3 + [2] * 2, np.int32)
    intervals.learn(counts, heard, rows, np.array([MINUTE] * 3 + [9 * MINUTE] * 2))
    assert heard.tolist() == [3, 0, 2]
    assert counts.sum(axis=1).tolist() == [3, 0, 2]
    assert counts[1].sum() == 0


def test_the_counts_do_not_overflow() -> None:
    counts, _ = learned([MINUTE] * 200_000)
    assert counts.max() <= 2 * intervals.HALVED_EVERY


def test_the_longest_gap_ever_counts_though_it_came_once() -> None:
    counts, _ = learned([MINUTE] * 100 + [DAY * MINUTE] + [MINUTE] * 100)
    (longest,) = intervals.longest_ms(counts).tolist()
    assert DAY * MINUTE <= longest < 1.5 * DAY * MINUTE
    assert intervals.longest_ms(learned([])[0]).tolist() == [0]
