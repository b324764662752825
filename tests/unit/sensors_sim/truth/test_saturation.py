"""Episodes of occupancy, looked at every 5 seconds. The drawings show one cell; a letter is 30 s."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensors_sim.truth.saturation import Episode, Saturation

STEP_MS, LETTER_MS = 5_000, 30_000
LEVELS = {".": 20, "c": 47, "h": 50, "n": 55, "r": 62, "X": 80}


def episodes(drawing: str) -> list[Episode]:
    saturation = Saturation()
    for at in range(0, len(drawing) * LETTER_MS, STEP_MS):
        saturation.look(at, np.array([0, LEVELS[drawing[at // LETTER_MS]]]))
    return list(saturation.episodes(len(drawing) * LETTER_MS))


def test_more_than_three_minutes_well_over_the_capacity_is_due() -> None:
    assert episodes("..nXXXXXXXhh..") == [Episode(1, 60_000, 360_000, 80, due=True)]


def test_three_minutes_or_less_is_near_the_threshold() -> None:
    assert [(e.due, e.most) for e in episodes("..XXXXXX....")] == [(False, 80)]


def test_a_peak_between_90_and_110_per_cent_is_near_the_threshold() -> None:
    assert [(e.due, e.most) for e in episodes(".nrrrrrrrrrrrrrn.")] == [(False, 62)]


def test_a_dip_below_certainty_begins_the_three_minutes_anew() -> None:
    assert [e.due for e in episodes(".XXXXrXXXX.")] == [False]


def test_an_episode_lasts_until_the_cell_is_clear_even_if_it_rises_again() -> None:
    assert [e.due for e in episodes("XXXXXXXhXXXXXXX")] == [True]
    assert [e.due for e in episodes("XXXXXXXcXXXXXXX")] == [True, True]


def test_below_90_per_cent_nothing_is_said() -> None:
    assert episodes("...hhhhhhhhhh...") == []


def test_what_is_not_over_lasts_until_the_end() -> None:
    assert episodes("..XXXXXXXX") == [Episode(1, 60_000, 300_000, 80, due=True)]


@given(st.text(alphabet="".join(LEVELS), max_size=40))
def test_episodes_of_a_cell_do_not_overlap_and_are_in_the_time_that_was_seen(drawing: str) -> None:
    found = episodes(drawing)
    for one, following in pairwise(found):
        assert one.to_ms <= following.from_ms
    for one in found:
        assert 0 <= one.from_ms < one.to_ms <= len(drawing) * LETTER_MS
        assert one.most >= 54
        assert not one.due or one.most >= 66


def test_cells_may_come_up_later() -> None:
    saturation = Saturation()
    saturation.look(0, np.array([10]))
    saturation.look(5_000, np.array([10, 60]))
    assert [(e.cell, e.from_ms) for e in saturation.episodes(9_000)] == [(1, 5_000)]
