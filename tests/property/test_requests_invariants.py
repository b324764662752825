"""Named invariants of the requests fold, against an oracle that computes the tables in batch."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property import request_days
from tests.property.request_days import NARROW, WIDE, Day, Log
from tests.unit.requests.desk import Desk, frame

MANY = settings(max_examples=300)
FEW = settings(max_examples=100)


def assert_tables(desk: Desk, expected: request_days.Expected) -> None:
    assert request_days.counts(desk) == expected.counts
    assert request_days.rows(desk) == expected.rows
    ledger = desk.fold.ledger
    assert {
        "applied": ledger.applied,
        "superseded": ledger.superseded,
        "rejected": ledger.rejected,
    } == expected.books
    assert ledger.received == ledger.applied + ledger.superseded + ledger.rejected
    assert len(desk.refused) == ledger.rejected


@MANY
@given(request_days.logs(120), request_days.days, st.randoms())
def test_order_duplicates_frames_and_crashes_are_irrelevant(log: Log, day: Day, random: Random) -> None:
    shuffled = list(log)
    random.shuffle(shuffled)
    assert_tables(request_days.run(shuffled, WIDE, day), request_days.expected(log, WIDE))


@MANY
@given(request_days.logs(30), request_days.days)
def test_with_late_events_the_tables_are_those_of_a_batch_over_the_accepted(log: Log, day: Day) -> None:
    assert_tables(request_days.run(log, NARROW, day), request_days.expected(log, NARROW))


@MANY
@given(request_days.logs(120), request_days.days)
def test_over_days_with_requests_that_end_the_tables_are_those_of_a_batch(log: Log, day: Day) -> None:
    log = sorted(log, key=lambda event: int(event["ts"]) // 600_000)
    assert_tables(request_days.run(log, NARROW, day), request_days.expected(log, NARROW))


@FEW
@given(request_days.logs(30))
def test_an_event_changes_no_window_that_had_ended_by_the_horizon(log: Log) -> None:
    """So what an old request goes through now leaves the windows of its past as they are."""
    desk = Desk(NARROW)
    for event in log:
        limit = _watermark(desk) - NARROW.amend_horizon_ms
        before = request_days.counts(desk)
        desk.feed(event)
        desk.checkpoint()
        after = request_days.counts(desk)
        changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
        assert all(start + NARROW.window_ms > limit for start, _, _ in changed)


@FEW
@given(request_days.logs(30))
def test_an_event_changes_no_window_before_its_own_but_for_dates_that_came(log: Log) -> None:
    desk = Desk(WIDE)
    dates = {event["expected_datetime"] for event in log if "expected_datetime" in event}
    windows = {date // WIDE.window_ms * WIDE.window_ms for date in dates}
    for event in log:
        before, reached = request_days.counts(desk), _watermark(desk)
        desk.feed(event)
        desk.checkpoint()
        after = request_days.counts(desk)
        changed = [start for start, cell, code in before.keys() | after.keys()
                   if before.get((start, cell, code)) != after.get((start, cell, code))]  # fmt: skip
        own = event["ts"] // WIDE.window_ms * WIDE.window_ms
        came = {start for start in windows if start + WIDE.window_ms > reached}
        assert all(start >= own or start in came for start in changed)


@FEW
@given(request_days.logs(60), request_days.days)
def test_open_and_overdue_never_fall_below_zero_and_no_more_are_overdue_than_open(log: Log, day: Day) -> None:
    desk = Desk(NARROW)
    for events in request_days.frames(log, day.sizes):
        desk.feed(*events)
        desk.checkpoint()
        opened, overdue = (
            request_days.levels(desk, "open_change"),
            request_days.levels(desk, "overdue_change"),
        )
        for place, line in opened.items():
            assert all(0 <= late <= count for count, late in zip(line, overdue[place], strict=True))


@FEW
@given(request_days.logs(60), request_days.days)
def test_what_is_open_by_the_counts_is_what_is_open_by_the_rows(log: Log, day: Day) -> None:
    desk = request_days.run(log, NARROW, day)
    by_rows: dict[tuple[int, str], int] = {}
    for row in desk.rows.values():
        place = (row["cell"], row["service_code"])
        by_rows[place] = by_rows.get(place, 0) + (row["status"] == "open")
    by_counts = {place: line[-1] for place, line in request_days.levels(desk, "open_change").items()}
    assert {p: n for p, n in by_counts.items() if n} == {p: n for p, n in by_rows.items() if n}


@FEW
@given(request_days.logs(60), request_days.days)
def test_a_restored_fold_has_nothing_new_to_store_and_tells_the_same(log: Log, day: Day) -> None:
    desk = request_days.run(log, NARROW, day)
    before = (request_days.counts(desk), desk.rows, desk.parts, desk.fold.ledger, desk.refused)
    desk.crash()
    desk.tell()
    changes = desk.fold.take_changes()
    assert changes.rows == []
    assert set(changes.parts) <= {"clock"}
    assert (request_days.counts(desk), desk.rows, desk.parts, desk.fold.ledger, desk.refused) == before


@FEW
@given(request_days.logs(60), request_days.days, st.integers(0, 30))
def test_a_crash_leaves_even_the_bytes_of_a_quiet_day(log: Log, day: Day, crash: int) -> None:
    """What is stored is a function of the log and of where it was checkpointed, not of who folded it."""
    calm, shaken = Desk(NARROW), Desk(NARROW)
    for number, events in enumerate(request_days.frames(log, day.sizes)):
        for desk in (calm, shaken):
            desk.feed(*events)
            if number % 3 == 0:
                desk.checkpoint()
        if number == crash:
            shaken.crash()
    calm.checkpoint()
    shaken.checkpoint()
    assert shaken.rows == calm.rows
    assert shaken.parts == calm.parts
    assert request_days.counts(shaken) == request_days.counts(calm)


@FEW
@given(st.binary(max_size=60) | st.sampled_from(_GARBAGE := [
    b"", b"[]", b"{}", b"null", b"[[]]", b'{"events":[]}', b'{"events":[],"received_at":5}',
    b'{"events":[{}],"received_at":1767225600000}', b'{"events":5,"received_at":1767225600000}', b"[" * 5000,
]))  # fmt: skip
def test_no_bytes_stop_the_fold_and_the_books_balance(garbage: bytes) -> None:
    desk = Desk(NARROW)
    desk.feed_bytes(garbage)
    desk.feed_bytes(frame([{"service_request_id": "a", "event": "opened", "ts": 1_767_225_600_000,
                            "lat": 1, "lon": 1, "service_code": "x"}]))  # fmt: skip
    desk.checkpoint()
    ledger = desk.fold.ledger
    assert ledger.applied == 1
    assert ledger.received == 1 + ledger.rejected
    assert sum(refusal.count for refusal in desk.refused.values()) == ledger.rejected


def _watermark(desk: Desk) -> int:
    return max((partial.watermark for partial in desk.partials), default=0)
