"""A fold comes back from its parts, its rows and the rest of its log."""

from dataclasses import replace

import pytest

from streams.fold.contract import Ledger
from tests.unit.requests.desk import CONFIG, MINUTE, T0, Desk, event, opened

LATER = ("updated", 30, "r-2")


def test_a_request_closed_after_a_crash_remembers_when_it_was_opened() -> None:
    desk = Desk()
    desk.feed(opened(1, due=2, agency_responsible="PWD"))
    desk.checkpoint()
    desk.crash()
    desk.feed(event("closed", 4))
    desk.checkpoint()
    assert desk.count(4)["bin_counts"] == [1]
    assert desk.count(4)["overdue_change"] == -1
    assert desk.rows["r-1"]["agency_responsible"] == "PWD"


def test_a_date_that_comes_after_a_crash_is_told() -> None:
    desk = Desk()
    desk.feed(opened(1, due=20))
    desk.checkpoint()
    desk.crash()
    desk.feed(event(*LATER, at=1, code="x"))
    desk.checkpoint()
    assert desk.count(20) == {"overdue_change": 1}


def test_a_date_that_came_before_a_crash_is_not_told_twice() -> None:
    desk = Desk()
    desk.feed(opened(1, due=20), event(*LATER, at=1, code="x"))
    desk.checkpoint()
    desk.crash()
    desk.feed(event("updated", 31, "r-2"))
    desk.checkpoint()
    assert desk.count(20) == {"overdue_change": 1}


def test_windows_that_may_still_change_are_told_again_to_whoever_forgot_them() -> None:
    desk = Desk()
    desk.feed(opened(1), opened(1, "r-2", at=1))
    desk.checkpoint()
    desk.counts.clear()
    desk.crash()
    desk.tell()
    assert desk.count(1) == {"opened": 1, "open_change": 1}
    assert desk.count(1, square=1) == {"opened": 1, "open_change": 1}


def test_what_was_told_and_then_withdrawn_on_the_way_back_is_told_as_zero() -> None:
    desk = Desk()
    desk.feed(opened(1, due=3))
    desk.checkpoint()
    desk.feed(event("updated", 6, "r-2", at=1, code="x"))
    desk.tell()  # overdue: and then the process dies
    assert desk.count(3) == {"overdue_change": 1}
    desk.log.append(
        desk.log[0]
        .replace(b'"opened"', b'"closed"')
        .replace(str(T0 + 60_000).encode(), str(T0 + 120_000).encode())
    )
    desk.crash()
    desk.tell()
    assert desk.count(3) == {}
    assert desk.count(2)["closed"] == 1


def test_windows_and_held_events_leave_the_checkpoint_when_nothing_can_change_them() -> None:
    desk = Desk()
    desk.feed(opened(1), event("closed", 2, "r-3"))
    desk.checkpoint()
    assert sorted(desk.parts) == ["clock", "held/0/0", f"window/{T0 + 60_000}"]
    desk.feed(event(*LATER, at=1, code="x"))
    desk.checkpoint()
    assert sorted(desk.parts) == ["clock"]


def test_the_number_of_a_forgotten_request_stays_with_its_new_owner_over_a_crash() -> None:
    desk = Desk()
    desk.feed(opened(1), event("closed", 2))
    later = 92 * 1440
    desk.feed(event("updated", later, "r-2", at=1, code="x"))
    desk.feed(event("closed", later, owner="another"))  # overtook its opening
    desk.checkpoint()
    desk.crash()
    desk.feed(opened(later - 1, owner="another"))
    desk.checkpoint()
    assert desk.reasons() == []
    assert (desk.rows["r-1"]["owner"], desk.rows["r-1"]["status"]) == ("another", "closed")


def test_a_refusal_is_told_under_the_same_number_when_the_log_is_folded_again() -> None:
    desk = Desk()
    desk.feed(event("closed", 1), opened(1, "r-2"))
    desk.checkpoint()
    desk.feed(event("updated", 30, "r-2"), {"event": "nonsense"})
    desk.crash_before_commit()
    before = dict(desk.refused)
    desk.checkpoint()
    assert desk.refused == before
    assert desk.reasons() == ["wrong_type", "bad_event"]


@pytest.mark.parametrize("longer", [{"amend_horizon_ms": 60 * MINUTE}, {"allowed_lateness_ms": 60 * MINUTE}])
def test_windows_that_were_forgotten_do_not_begin_anew_under_longer_settings(longer: dict[str, int]) -> None:
    desk = Desk()
    desk.feed(opened(1), opened(1, "r-2"))
    desk.feed(opened(30, "r-3"))
    desk.checkpoint()
    desk.config = replace(desk.config, **longer)
    desk.crash()
    desk.feed(opened(1.5, "late"))
    desk.checkpoint()
    assert desk.reasons() == ["too_late"]
    assert desk.count(1) == {"opened": 2, "open_change": 2}


def overdue_through(restart: dict[str, int]) -> list[int]:
    """Return what each window says of overdue, by minute: one due at 20, a restart at 21, and closed at 40."""
    desk = Desk()
    desk.feed(opened(1, due=20), event("updated", 21, "r-2", at=1, code="x"))
    desk.checkpoint()
    desk.config = replace(desk.config, **restart)
    desk.crash()
    desk.tell()
    desk.feed(event("updated", 39, "r-2"), event("closed", 40))
    desk.checkpoint()
    return [desk.count(minute).get("overdue_change", 0) for minute in (20, 40)]


@pytest.mark.parametrize("lateness", [0, 10_000, 5 * MINUTE])
def test_what_was_overdue_is_not_told_again_under_another_lateness(lateness: int) -> None:
    assert overdue_through({"allowed_lateness_ms": lateness}) == [1, -1]


@pytest.mark.parametrize("due", [20, 80])
def test_a_date_that_a_shorter_lateness_brings_is_told_at_once(due: int) -> None:
    desk = Desk(replace(CONFIG, allowed_lateness_ms=60 * MINUTE))
    desk.feed(opened(1, due=due), event("updated", due + 1, "r-2", at=1, code="x"))
    desk.checkpoint()
    assert desk.count(due) == {}
    desk.config = CONFIG
    desk.crash()
    desk.tell()
    assert desk.count(due) == {"overdue_change": 1}
    desk.feed(event("closed", due + 20))
    desk.checkpoint()
    assert desk.count(due + 20)["overdue_change"] == -1


@pytest.mark.parametrize("checkpoints", [0, 1])
def test_an_event_that_waits_is_refused_where_a_shorter_horizon_has_passed_it(checkpoints: int) -> None:
    desk = Desk()
    desk.feed(event("closed", 4), event("updated", 8, "r-2", at=1, code="x"))
    desk.checkpoint()
    desk.config = replace(desk.config, amend_horizon_ms=MINUTE)
    desk.crash()
    for _ in range(checkpoints):
        desk.checkpoint()
        desk.crash()
    desk.feed(event("updated", 9, "r-2"))
    desk.checkpoint()
    assert desk.reasons() == ["bad_event"]
    assert desk.fold.ledger == Ledger(received=3, applied=2, rejected=1)


def test_an_event_that_has_its_place_counts_once_under_a_shorter_horizon() -> None:
    desk = Desk()
    desk.feed(event("closed", 4), event("rated", 5, satisfaction=5), opened(2))
    desk.feed(event("updated", 8, "r-2", at=1, code="x"))
    desk.checkpoint()
    desk.config = replace(desk.config, amend_horizon_ms=MINUTE)
    desk.crash()
    desk.feed(event("updated", 9, "r-2"), event("rated", 9, satisfaction=1))
    desk.checkpoint()
    assert (desk.count(4)["closed"], desk.count(5)["rated"], desk.count(9)["rated"]) == (1, 1, 1)
    assert desk.rows["r-1"]["rated_at"] == T0 + 9 * MINUTE
    assert desk.reasons() == []


def test_a_fold_goes_on_from_what_it_has_not_forgotten_and_from_what_waits_for_a_place() -> None:
    desk = Desk()
    assert desk.needed() == (0, []), "all, where nothing is known"
    desk.feed(opened(1), event("closed", 2, "r-3"))
    desk.checkpoint()
    watermark = desk.partials[-1].watermark
    assert desk.needed() == (watermark - CONFIG.forget_request_ms - CONFIG.amend_horizon_ms, ["r-3"])
