"""What events make of a request and of the windows that they lie in."""

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from streams.fold.sketch import bins_of, quantiles
from tests.unit.requests.desk import CONFIG, DAY, MINUTE, T0, Desk, cell, event, frame, opened


def desk(*events: dict[str, object]) -> Desk:
    made = Desk()
    made.feed(*events)
    made.checkpoint()
    return made


def test_an_opening_and_a_closing_count_in_their_own_windows() -> None:
    told = desk(opened(1), event("closed", 4))
    assert told.count(1) == {"opened": 1, "open_change": 1}
    assert told.count(4) == {"closed": 1, "open_change": -1, "bins": told.count(4)["bins"], "bin_counts": [1]}


def test_the_time_to_close_is_in_the_sketch_in_seconds() -> None:
    told = desk(opened(1), opened(1, "r-2"), event("closed", 4), event("closed", 4, "r-2"))
    row = told.counts[T0 + 4 * MINUTE, cell(0), "light"]
    assert row["bin_counts"] == [2]
    assert quantiles(row["bins"], row["bin_counts"], [0.5]) == pytest.approx([180], rel=0.01)


def test_a_closed_request_that_is_opened_again_counts_as_reopened_and_not_as_opened() -> None:
    told = desk(opened(1), event("closed", 2), opened(3), event("closed", 5))
    assert told.count(3) == {"reopened": 1, "open_change": 1}
    assert told.rows["r-1"]["reopened"] == 1
    assert told.counts[T0 + 5 * MINUTE, cell(0), "light"]["bins"] == bins_of(_seconds(120)).tolist()


def test_opening_what_is_open_only_updates_it() -> None:
    told = desk(opened(1), opened(2, description="brighter"))
    assert told.count(2) == {}
    assert told.rows["r-1"]["description"] == "brighter"
    assert told.rows["r-1"]["opened_at"] == T0 + MINUTE


def test_closing_what_is_closed_counts_once_by_its_first_closing() -> None:
    told = desk(opened(1), event("closed", 2), event("closed", 3))
    assert told.count(3) == {}
    assert told.rows["r-1"]["closed_at"] == T0 + 2 * MINUTE


def test_an_update_moves_an_open_request_to_another_cell_and_category() -> None:
    told = desk(opened(1), event("updated", 2, at=1), event("updated", 3, code="waste"), event("closed", 4))
    assert told.count(2) == {"open_change": -1}
    assert told.count(2, square=1) == {"open_change": 1}
    assert told.count(3, square=1) == {"open_change": -1}
    assert told.count(3, square=1, code="waste") == {"open_change": 1}
    assert told.count(4, square=1, code="waste")["closed"] == 1


def test_an_update_of_a_closed_request_moves_nothing() -> None:
    told = desk(opened(1), event("closed", 2), event("updated", 3, at=1))
    assert told.count(3) == told.count(3, square=1) == {}
    assert told.rows["r-1"]["cell"] == cell(1)


def test_what_an_event_leaves_out_stays_as_it_was() -> None:
    told = desk(
        opened(1, agency_responsible="PWD", address="1 High St"),
        event("updated", 2, address="2 High St"),
        event("updated", 3),
    )
    row = told.rows["r-1"]
    assert (row["agency_responsible"], row["address"], row["service_code"]) == ("PWD", "2 High St", "light")


def test_a_rating_counts_what_was_asked_and_what_was_answered() -> None:
    told = desk(
        opened(1),
        event("rated", 2, resolved=True, satisfaction=4),
        event("rated", 2.1, resolved=False),
        event("rated", 2.2, satisfaction=1),
    )
    assert told.count(2) == {
        "rated": 3,
        "asked_resolved": 2,
        "resolved": 1,
        "asked_satisfied": 2,
        "satisfied_sum": 5,
    }
    row = told.rows["r-1"]
    assert (row["satisfaction"], row["resolved"], row["rated_at"]) == (1, None, T0 + round(2.2 * MINUTE))


def test_a_closing_whose_opening_is_not_known_counts_as_closed_and_opens_nothing() -> None:
    told = desk(event("closed", 2, at=0, code="light"))
    assert told.count(2) == {"closed": 1}
    assert (told.rows["r-1"]["status"], told.rows["r-1"]["opened_at"]) == ("closed", None)


def test_a_request_of_which_only_an_update_is_known_is_neither_open_nor_closed() -> None:
    told = desk(event("updated", 2, at=0, code="light"))
    assert told.count(2) == {}
    assert told.rows["r-1"]["status"] == "unknown"


def test_the_row_says_who_owns_the_request_and_where_it_is() -> None:
    row = desk(opened(1, due=60)).rows["r-1"]
    assert row["owner"] == "city"
    assert row["partition"] == 0
    assert (row["lat"], row["lon"], row["cell"]) == (31.2, 121.4, cell(0))
    assert row["updated_at"] == row["opened_at"] == T0 + MINUTE
    assert row["expected_datetime"] == T0 + 60 * MINUTE
    assert isinstance(row["events"], str)


# ---------------------------------------------------------------------- overdue


def test_a_request_is_told_as_overdue_only_once_the_watermark_has_passed_its_date() -> None:
    told = desk(opened(1, due=3), event("updated", 1.5, "r-2", at=0, code="x"))
    assert told.count(3) == {}
    told.feed(
        event("updated", 3 + 10 / 60, "r-2", at=0, code="x")
    )  # the watermark is 10 s behind: has reached it
    told.checkpoint()
    assert told.count(3) == {}
    told.feed(event("updated", 3 + 11 / 60, "r-2", at=0, code="x"))
    told.checkpoint()
    assert told.count(3) == {"overdue_change": 1}


def test_closing_before_it_is_due_is_never_overdue() -> None:
    told = desk(opened(1, due=3), event("closed", 3), event("updated", 9, "r-2", at=1, code="x"))
    assert "overdue_change" not in told.count(3)


def test_closing_after_it_was_due_ends_the_overdue() -> None:
    told = desk(opened(1, due=3), event("closed", 5))
    assert told.count(3) == {"overdue_change": 1}
    assert told.count(5)["overdue_change"] == -1


def test_a_late_closing_before_the_date_takes_the_overdue_back() -> None:
    told = desk(opened(1, due=3), event("updated", 6, "r-2", at=1, code="x"))
    assert told.count(3) == {"overdue_change": 1}
    told.feed(event("closed", 2))
    told.checkpoint()
    assert told.count(3) == {}
    assert told.count(2)["closed"] == 1


def test_a_date_put_off_before_it_came_is_not_overdue_until_the_new_one() -> None:
    told = desk(opened(1, due=3), event("updated", 2, due=5), event("updated", 8, "r-2", at=1, code="x"))
    assert told.count(3) == {}
    assert told.count(5) == {"overdue_change": 1}


def test_a_date_put_off_after_it_had_come_ends_the_overdue_then() -> None:
    told = desk(opened(1, due=3), event("updated", 4, due=20))
    assert told.count(3) == {"overdue_change": 1}
    assert told.count(4) == {"overdue_change": -1}


def test_a_date_set_into_the_past_is_overdue_at_once() -> None:
    told = desk(opened(1), event("updated", 4, due=2))
    assert told.count(2) == {}
    assert told.count(4) == {"overdue_change": 1}


def test_an_overdue_request_that_moves_takes_its_overdue_along() -> None:
    told = desk(opened(1, due=3), event("updated", 4, at=1))
    assert told.count(4) == {"open_change": -1, "overdue_change": -1}
    assert told.count(4, square=1) == {"open_change": 1, "overdue_change": 1}


def test_a_date_that_passed_in_a_quiet_night_counts_in_its_own_window_of_hours_ago() -> None:
    told = desk(opened(1, due=30), event("updated", 600, "r-2", at=1, code="x"))
    assert told.count(30) == {"overdue_change": 1}


# ---------------------------------------------------------------------- order, lateness, forgetting


def test_a_late_opening_within_the_horizon_changes_what_followed_it() -> None:
    told = desk(event("closed", 4, at=0, code="light"))
    assert told.count(4) == {"closed": 1}
    told.feed(opened(2))
    told.checkpoint()
    assert told.count(2) == {"opened": 1, "open_change": 1}
    assert (told.count(4)["closed"], told.count(4)["open_change"]) == (1, -1)


def test_an_old_request_that_is_closed_now_changes_the_window_of_its_closing_only() -> None:
    told = desk(opened(1), event("updated", 21 * 1440, "r-2", at=1, code="x"))
    before = len(told.partials)
    told.feed(event("closed", 21 * 1440))
    told.checkpoint()
    rows = [start for partial in told.partials[before:] for start in partial.windows.window_start]
    assert rows == [T0 + 21 * DAY]
    assert told.count(21 * 1440)["open_change"] == -1


def test_an_event_behind_the_horizon_is_too_late() -> None:
    told = desk(opened(1), event("updated", 20, "r-2", at=1, code="x"))
    told.feed(event("closed", 9.8))
    told.checkpoint()
    assert told.reasons() == ["too_late"]
    assert told.rows["r-1"]["status"] == "open"


def test_exact_duplicates_are_superseded_in_any_frame() -> None:
    told = desk(opened(1), opened(1), event("closed", 2))
    told.feed(event("closed", 2))
    told.checkpoint()
    assert told.count(1) == {"opened": 1, "open_change": 1}
    assert (told.fold.ledger.applied, told.fold.ledger.superseded) == (2, 2)


def test_two_events_of_one_moment_that_differ_both_count() -> None:
    told = desk(opened(1), event("rated", 2, satisfaction=1), event("rated", 2, satisfaction=2))
    assert told.count(2)["rated"] == 2


def test_a_closed_request_that_was_silent_for_long_starts_anew_when_it_is_opened() -> None:
    told = desk(opened(1), event("closed", 2), opened(2 + 91 * 1440))
    assert told.count(2 + 91 * 1440) == {"opened": 1, "open_change": 1}
    assert told.rows["r-1"]["reopened"] == 0


def test_a_closed_request_goes_on_up_to_the_last_moment_that_it_is_known() -> None:
    told = desk(opened(1), event("closed", 2), opened(2 + 90 * 1440))
    assert told.count(2 + 90 * 1440) == {"reopened": 1, "open_change": 1}


def test_a_window_of_which_the_horizon_has_passed_a_part_is_still_amended() -> None:
    told = desk(opened(1), event("updated", 11.5, "r-2", at=1, code="x"))  # the horizon is at 1:20
    told.feed(opened(1.5, "r-3"))
    told.checkpoint()
    assert told.count(1) == {"opened": 2, "open_change": 2}


def test_a_forgotten_request_is_out_of_memory_and_its_row_stays() -> None:
    told = desk(opened(1), event("closed", 2))
    told.feed(event("updated", 92 * 1440, "r-2", at=1, code="x"))
    told.checkpoint()
    told.crash()
    assert told.rows["r-1"]["status"] == "closed"
    told.feed(opened(92 * 1440, owner="another"))  # its number is free again
    told.checkpoint()
    assert told.reasons() == []
    assert told.rows["r-1"]["owner"] == "another"


def test_an_open_request_is_never_forgotten() -> None:
    told = desk(opened(1), event("updated", 400 * 1440, "r-2", at=1, code="x"))
    told.feed(event("closed", 400 * 1440))
    told.checkpoint()
    assert told.count(400 * 1440)["open_change"] == -1


def test_events_older_than_the_horizon_take_no_room_once_the_request_moves_on() -> None:
    told = desk(*(event("updated", minute, at=0, code="light") for minute in range(500)))
    kept = msgspec.json.decode(told.rows["r-1"]["events"])["items"]
    # The last event met the watermark of the one before it: that, the horizon behind it, and the event itself.
    assert len(kept) == 2 + (CONFIG.amend_horizon_ms + CONFIG.allowed_lateness_ms) // MINUTE


# ---------------------------------------------------------------------- what goes out


def test_every_region_hears_that_time_moved_on() -> None:
    told = desk(opened(1), opened(1, "r-2", at=1))
    told.feed(event("updated", 5, address="x"))
    partials = told.tell()
    assert [partial.region for partial in partials] == ["0", "1"]
    assert {partial.watermark for partial in partials} == {T0 + 5 * MINUTE - 10_000}
    assert partials[1].windows.window_start == []
    assert told.tell() == []


def test_many_windows_are_told_in_pieces_and_only_the_last_says_that_time_has_moved_on() -> None:
    told = desk(opened(0))
    before = told.partials[-1].watermark
    for minute in range(3_000):
        told.feed_bytes(frame([opened(minute, f"n-{minute}")]))
    pieces = told.tell()
    assert len(pieces) > 1
    assert [piece.watermark for piece in pieces] == [
        *[before] * (len(pieces) - 1),
        T0 + 2_999 * MINUTE - 10_000,
    ]
    assert sum(len(piece.windows.cell) for piece in pieces) == 3_000
    assert max(len(msgspec.json.encode(piece)) for piece in pieces) < 500_000


def test_between_checkpoints_only_refusals_are_told() -> None:
    told = Desk()
    told.feed_bytes(b"not json")
    told.feed(opened(1))
    assert told.tell(at_checkpoint=False) == []
    assert told.reasons() == ["bad_frame"]


def test_a_count_that_is_taken_back_is_told_as_zero() -> None:
    told = desk(opened(1, due=3), event("updated", 6, "r-2", at=1, code="x"))
    told.feed(event("closed", 2))
    row = dict(told.tell()[0].windows.__rich_repr__())
    assert row["window_start"] == [T0 + 2 * MINUTE, T0 + 3 * MINUTE]
    assert row["overdue_change"] == [0, 0]


def test_a_frame_is_what_its_events_are_one_by_one() -> None:
    events = [opened(1, due=2), event("closed", 5), opened(6), event("rated", 7, satisfaction=5)]
    whole, single = desk(*events), Desk()
    for one in events:
        single.feed_bytes(frame([one]))
    single.checkpoint()
    assert single.counts == whole.counts
    assert single.rows == whole.rows


def _seconds(value: float) -> NDArray[np.float64]:

    return np.array([value], np.float64)
