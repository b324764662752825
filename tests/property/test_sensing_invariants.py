"""Named invariants of the sensing fold, against an oracle that computes the tables in batch."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.sensing_days import NARROW, WIDE, Reading, assert_tables, expected, logs, run

MANY = settings(max_examples=200)
FEW = settings(max_examples=60)


@MANY
@given(logs(60), st.randoms())
def test_order_duplicates_frames_and_crashes_are_irrelevant(log: list[Reading], random: Random) -> None:
    shuffled = list(log)
    random.shuffle(shuffled)
    assert_tables(run(shuffled, WIDE, random), expected(log, WIDE))


@MANY
@given(logs(8, owners=("city", "village")), st.randoms())
def test_with_late_and_foreign_readings_the_tables_are_those_of_a_batch_in_the_logs_order(
    log: list[Reading], random: Random
) -> None:
    assert_tables(run(log, NARROW, random), expected(log, NARROW))


@MANY
@given(logs(240), st.randoms())
def test_over_hours_with_windows_that_are_forgotten_the_tables_are_those_of_a_batch(
    log: list[Reading], random: Random
) -> None:
    log = sorted(log, key=lambda one: int(one["ts"]) // 90_000)
    station, batch = run(log, NARROW, random), expected(log, NARROW)
    assert_tables(station, batch)
    ends = [int(name.split("/")[1].partition("-")[2]) for name in station.parts if name.startswith("seen/")]
    assert all(end > batch.watermark - NARROW.amend_horizon_ms for end in ends)


@FEW
@given(logs(30), st.randoms())
def test_folding_the_log_twice_changes_nothing(log: list[Reading], random: Random) -> None:
    once = run(log, WIDE, random)
    twice = run(log + log, WIDE, random)
    assert twice.windows == once.windows
    assert twice.books()[0] == once.books()[0]
