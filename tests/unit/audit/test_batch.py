"""The batch on logs small enough to be worked out by hand."""

from dataclasses import replace

import h3.api.basic_int as h3
import polars as pl
import pytest

from streams.audit import books
from streams.audit.fleet import batch
from streams.errors import CannotAudit
from tests.unit.audit.audit_logs import (
    HERE,
    MINUTE,
    RULES,
    T0,
    THERE,
    computed,
    frame,
    one,
    reading,
    records,
    windows,
)

A, B = (h3.latlng_to_cell(*place, 9) for place in (HERE, THERE))


def reasons(partition: batch.FleetPartition) -> list[tuple[int, str]]:
    return partition.refused.select("offset", "reason").rows()


# ------------------------------------------------------------------ vehicles and ledger


def test_the_newest_by_event_time_is_the_vehicles_state_whatever_came_last() -> None:
    found = one(
        reading("a", 5, battery_percent=80),
        reading("a", 9, THERE, "reserved", battery_percent=101),
        reading("a", 7, battery_percent=70),
    )
    assert found.ledger == {"received": 3, "applied": 2, "superseded": 1, "rejected": 0}
    (row,) = found.vehicle_state.to_dicts()
    assert (row["ts"], row["cell"], row["vehicle_state"], row["battery_percent"]) == (
        T0 + 9_000,
        B,
        "reserved",
        None,
    )


def test_of_two_readings_with_one_time_the_first_in_the_log_stays() -> None:
    found = one(reading("a", 5, HERE), reading("a", 5, THERE))
    assert found.vehicle_state["cell"].to_list() == [A]
    assert windows([found]) == [(0, A, "alpha", 1, 1, 0, 1)]


def test_settled_cell_is_where_it_stood_at_the_watermark() -> None:
    found = one(reading("a", 5, HERE), reading("a", 50, THERE))  # watermark 40 s
    assert found.vehicle_state.select("cell", "settled_cell").rows() == [(B, A)]
    riding = one(reading("a", 5, state="on_trip"), reading("b", 50))
    assert riding.vehicle_state.sort("vehicle_id")["settled_cell"].to_list() == [None, None]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"operator": "al pha"}, "bad_id"),
        ({"vehicle_id": ""}, "bad_id"),
        ({"vehicle_id": "x" * 65}, "bad_id"),
        ({"lat": 90.5}, "coordinate_out_of_range"),
        ({"lon": -180.5}, "coordinate_out_of_range"),
        ({"ts": 1_700_000_000}, "time_out_of_range"),
        ({"ts": 4_133_980_800_000}, "time_out_of_range"),
        ({"vehicle_state": "parked"}, "wrong_type"),
        ({"vehicle_type": "unicycle"}, "wrong_type"),
    ],
)
def test_a_reading_that_breaks_a_rule_is_refused(changes: dict[str, object], reason: str) -> None:
    found = one({**reading("a", 5, vehicle_type="bicycle"), **changes})
    assert reasons(found) == [(0, reason)]
    assert found.ledger == {"received": 1, "applied": 0, "superseded": 0, "rejected": 1}
    assert len(found.vehicle_state) == 0


def test_a_vehicle_belongs_to_the_operator_that_the_log_names_first() -> None:
    found = one(reading("a", 5), reading("a", 6, operator="beta"), reading("a", 7))
    assert reasons(found) == [(1, "operator_conflict")]
    assert found.vehicle_state["operator"].to_list() == ["alpha"]
    assert found.ledger["applied"] == 2


def test_a_reading_that_was_refused_as_late_does_not_make_its_operator_the_owner() -> None:
    found = one(reading("z", 600), reading("a", 1, operator="beta"), reading("a", 590))
    assert reasons(found) == [(1, "too_late")]
    assert found.vehicle_state.filter(pl.col("vehicle_id") == "a")["operator"].to_list() == ["alpha"]


def test_lateness_is_judged_by_the_watermark_before_the_reading_and_the_horizon() -> None:
    edge = (600_000 - RULES.lateness_ms - RULES.horizon_ms) / 1000
    found = one(reading("z", 600), reading("a", edge), reading("b", edge - 0.001))
    assert reasons(found) == [(2, "too_late")]


def test_a_publishers_clock_that_runs_ahead_does_not_make_others_late() -> None:
    ahead = frame([reading("z", 3_000)], received_s=10)
    (found,) = computed(records([ahead, frame([reading("a", 1)], received_s=11)]))
    assert reasons(found) == []
    assert found.watermark == T0 + 10_000 - RULES.lateness_ms


def test_a_bad_frame_counts_as_many_readings_as_it_claims() -> None:
    (found,) = computed(records([b'{"vehicle_id": ["a", "b"]}', frame([reading("a", 1)])]))
    assert found.ledger == {"received": 2, "applied": 1, "superseded": 0, "rejected": 1}
    assert reasons(found) == [(0, "bad_frame")]


def test_an_empty_log_makes_no_rows() -> None:
    assert computed([]) == []
    assert windows([]) == []
    assert len(books.ledger([])) == 0


# ------------------------------------------------------------------ windows


def test_arrivals_and_departures_count_in_the_window_of_the_later_reading() -> None:
    found = one(
        reading("a", 10, HERE),
        reading("a", 70, HERE, "on_trip"),
        reading("a", 130, THERE),
        reading("a", 190, THERE),
    )
    assert windows([found]) == sorted(
        [
            (0, A, "alpha", 1, 1, 0, 1),
            (1, A, "alpha", 1, 0, 1, 0),
            (2, B, "alpha", 1, 1, 0, 1),
            (3, B, "alpha", 1, 0, 0, 1),
        ]
    )


def test_order_of_arrival_within_the_lateness_changes_no_window() -> None:
    track = [
        reading("a", 10, HERE),
        reading("a", 12, THERE),
        reading("a", 14, HERE),
        reading("a", 16, HERE, "on_trip"),
    ]
    straight = windows([one(*track)])
    assert windows([one(*reversed(track))]) == straight
    assert windows([one(*track, *track)]) == straight


def test_a_reading_behind_the_watermark_counts_only_if_it_is_its_vehicles_newest() -> None:
    found = one(reading("z", 100, THERE), reading("a", 50, HERE), reading("a", 40, HERE))  # watermark 90 s
    assert windows([found]) == [(0, A, "alpha", 1, 1, 0, 1), (1, B, "alpha", 1, 1, 0, 1)]
    assert found.ledger["superseded"] == 1


def test_partitions_add_up_and_operators_do_not() -> None:
    log = records([frame([reading("a", 10)])], 0) + records(
        [frame([reading("b", 20), reading("c", 30, operator="beta")])], 1
    )
    assert windows(computed(log)) == [(0, A, "alpha", 2, 2, 0, 2), (0, A, "beta", 1, 1, 0, 1)]


# ------------------------------------------------------------------ silence


def test_a_silent_vehicle_is_missing_from_a_moment_on_and_leaves_its_cell_then() -> None:
    found = one(reading("a", 5), reading("z", 5 + 610, THERE))  # watermark 605 s: just there
    row = found.vehicle_state.filter(pl.col("vehicle_id") == "a").to_dicts()[0]
    assert (row["vehicle_state"], row["ts"], row["cell"]) == ("missing", T0 + 605_000, A)
    assert (10, A, "alpha", 0, 0, 1, 0) in windows([found])
    assert found.vehicle_event.select("vehicle_id", "at", "last_ts", "cell").rows() == [
        ("a", T0 + 605_000, T0 + 5_000, A)
    ]
    before = one(reading("a", 5), reading("z", 5 + 609.999, THERE))
    assert len(before.vehicle_event) == 0


def test_a_missing_vehicle_is_archived_once_nothing_older_is_accepted() -> None:
    found = one(reading("a", 5), reading("z", 5 + 600 + 120 + 10, THERE))
    assert found.vehicle_state["vehicle_id"].to_list() == ["z"]
    assert found.vehicle_event["vehicle_id"].to_list() == ["a"]


def test_a_reading_from_before_it_was_missing_does_not_bring_a_vehicle_back_and_a_later_one_does() -> None:
    gone = [reading("a", 5), reading("z", 700, THERE)]  # watermark 690 s, a is missing since 605 s
    late = one(*gone, reading("a", 605))
    assert late.ledger["superseded"] == 1
    back = one(*gone, reading("a", 605.001))
    assert back.ledger["superseded"] == 0
    assert back.vehicle_state.filter(pl.col("vehicle_id") == "a")["vehicle_state"].to_list() == ["available"]
    assert (10, A, "alpha", 1, 1, 1, 1) in windows([back])


def test_with_a_new_life_a_vehicle_may_have_another_operator() -> None:
    found = one(reading("a", 5), reading("z", 800, THERE), reading("a", 800, operator="beta"))
    assert reasons(found) == []
    assert found.vehicle_state.filter(pl.col("vehicle_id") == "a")["operator"].to_list() == ["beta"]


def test_a_vehicle_that_reports_itself_missing_is_archived_without_an_event() -> None:
    found = one(reading("a", 5, state="missing"), reading("z", 5 + 130, THERE))
    assert found.vehicle_state["vehicle_id"].to_list() == ["z"]
    assert len(found.vehicle_event) == 0


def test_silence_may_come_again_and_again() -> None:
    hours = [hour * 3_600 for hour in range(5)]
    found = one(*(r for at in hours for r in (reading("a", at), reading("z", at + 3_000, THERE))))
    silences = found.vehicle_event.filter(pl.col("vehicle_id") == "a")
    assert silences["at"].to_list() == [T0 + at * 1_000 + RULES.stale_ms for at in hours]
    assert [row[3:] for row in windows([found]) if row[1] == A] == [(1, 1, 0, 1), (0, 0, 1, 0)] * 5


def test_a_vehicle_alone_is_not_silent_before_its_own_next_reading() -> None:
    found = one(reading("a", 0), reading("a", 3_600), reading("a", 7_200))
    assert len(found.vehicle_event) == 0
    assert [row[3:] for row in windows([found])] == [(1, 1, 0, 1), (1, 0, 0, 1), (1, 0, 0, 1)]


def test_more_vehicles_than_are_kept_cannot_be_audited() -> None:
    rules = replace(RULES, most_vehicles=3)
    track = [reading(name, 1) for name in "abz"]
    assert len(one(*track, rules=rules).vehicle_state) == 3
    # two that fell silent make room for two others
    later = [reading("z", 611), reading("c", 612), reading("d", 613)]
    assert len(one(*track, *later, rules=rules).vehicle_event) == 2
    with pytest.raises(CannotAudit, match="heard of 4 vehicles at once"):
        one(*track, reading("c", 2), rules=rules)


# ------------------------------------------------------------------ cell_now, rejected_count


def test_cell_now_counts_by_state_and_leaves_out_who_takes_up_no_room() -> None:
    found = one(
        reading("a", 1),
        reading("b", 1, state="reserved"),
        reading("c", 1, state="on_trip"),
        reading("d", 1, state="removed"),
        reading("e", 1, THERE, state="elsewhere"),
    )
    (row,) = batch.cell_now(found.vehicle_state, RULES).to_dicts()
    assert (row["cell"], row["available"], row["reserved"], row["on_trip"], row["occupancy"]) == (
        A,
        1,
        1,
        1,
        2,
    )
    assert row["region"] == f"{h3.cell_to_parent(A, 2):x}"


def test_a_refusal_published_twice_counts_once() -> None:
    columns = ("partition", "offset", "source", "sequence", "topic", "reason", "count")
    rows = [
        (0, 0, "g", 7, "t", "not_json", 2),
        (0, 1, "g", 5, "t", "not_json", 1),
        (0, 2, "g", 7, "t", "not_json", 2),
        (1, 0, "h", 7, "t", "not_json", 4),
    ]
    found = books.rejected_count(pl.DataFrame(rows, schema=columns, orient="row"))
    assert sorted(found.rows()) == [(0, "t", "not_json", 3), (1, "t", "not_json", 4)]


def test_the_watermark_at_an_offset_is_that_of_the_records_up_to_it() -> None:
    found = one(reading("a", 100), reading("a", 200))
    assert [found.watermark_at(offset) - T0 for offset in (0, 1, 9)] == [90_000, 190_000, 190_000]
    assert found.watermark_at(-1) == 0
    assert RULES.window_ms == MINUTE
