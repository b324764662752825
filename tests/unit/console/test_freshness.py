"""Fresh while the last answer is young enough."""

from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

from streams.console.freshness import Freshness, Status
from streams.store.attendance import ALONE_S, QUIET_S, Seen
from streams.store.view_rows import Stored
from tests.unit.console.rows import T0


def test_before_the_first_answer_it_is_stale_since_the_beginning() -> None:
    now = Freshness(5, T0).status(1_000.0)
    assert (now.fresh, now.polled_at, now.stale_since) == (False, None, T0)
    assert now.reason == "the database has not answered yet"


def test_one_failure_makes_nothing_stale_and_its_age_does() -> None:
    freshness = Freshness(5, T0)
    asked = T0 + timedelta(seconds=9)
    freshness.answered(asked, 9.0)
    freshness.failed("gone", 10.0)
    assert freshness.status(14.0).fresh
    stale = freshness.status(14.1)
    assert (stale.fresh, stale.stale_since, stale.reason) == (False, asked, "gone")


def test_where_no_question_failed_it_may_be_the_console_that_stood_still() -> None:
    freshness = Freshness(5, T0)
    freshness.answered(T0, 9.0)
    assert freshness.status(21.4).reason == (
        "the newest answer of the database is 12 s old, though no question to it failed since: "
        "either it is slow, or the console itself stood still"
    )
    freshness.failed("gone", 10.0)
    assert freshness.status(26.0).reason == "gone"


def test_an_answer_makes_it_fresh_again_and_forgets_why_it_was_not() -> None:
    freshness = Freshness(5, T0)
    freshness.failed("gone", 10.0)
    freshness.answered(T0, 100.0)
    now = freshness.status(101.0)
    assert (now.fresh, now.stale_since, now.reason) == (True, None, None)


def test_where_no_worker_writes_it_says_for_how_long_and_a_minute_is_nothing_unusual() -> None:
    freshness = Freshness(5, T0)
    stored_at = T0 - timedelta(seconds=58)
    freshness.answered(T0, 100.0, Stored(stored_at, 58.0))
    found = [freshness.status(monotonic) for monotonic in (100.0, 102.0, 103.5)]
    assert [(now.fresh, now.stored_at, now.quiet_s) for now in found] == [
        (True, stored_at, None),
        (True, stored_at, None),
        (True, stored_at, 61),
    ]
    stale = freshness.status(106.0)
    assert (stale.fresh, stale.stored_at, stale.quiet_s) == (False, stored_at, None), "nobody knows meanwhile"


def test_for_a_minute_after_an_outage_it_is_not_the_workers_that_wrote_nothing() -> None:
    """They come back to the database some seconds after us."""
    freshness = Freshness(5, T0)
    freshness.answered(T0, 100.0, Stored(T0, 1.0))
    freshness.answered(T0, 221.0, Stored(T0, 122.0))
    assert [freshness.status(monotonic).quiet_s for monotonic in (221.0, 225.0)] == [None, None]
    freshness.answered(T0, 225.0, Stored(T0, 126.0))
    freshness.answered(T0, 230.0, Stored(T0, 131.0))
    for monotonic in range(235, 281, 5):
        freshness.answered(T0, float(monotonic), Stored(T0, monotonic - 99.0))
    assert freshness.status(281.0).quiet_s is None
    assert freshness.status(282.0).quiet_s == 183


HOUR_S = 3_600


def words(polls: Iterable[float], dead: str, since_s: float = 0.0) -> Counter[str]:
    """Count what is said half a second after each of these polls: all workers, or those of grid, died at -`since_s`."""
    freshness, said = Freshness(5, T0), Counter[str]()
    for monotonic in polls:
        gone_s = monotonic + since_s
        stored = Stored(T0, gone_s) if dead == "all" else Stored(T0 + timedelta(seconds=monotonic), 1.0)
        freshness.answered(T0, monotonic, stored, [Seen("grid", T0, gone_s)])
        said[freshness.status(monotonic + 0.5).word] += 1
    return said


def stalls(every_s: int, of_s: int) -> list[float]:
    """Polls of two hours, one a second but for some seconds each."""
    return [float(second) for second in range(2 * HOUR_S) if second % every_s >= of_s - 1]


def test_short_stalls_do_not_hide_that_workers_are_gone() -> None:
    assert words(stalls(150, 6), "grid", HOUR_S).keys() == {"unattended"}
    assert words(stalls(55, 6), "all", HOUR_S).keys() == {"quiet"}
    slow = [5.2 * number for number in range(690)]
    assert words(slow, "all", HOUR_S).keys() == {"quiet"}


def test_nor_that_they_go_between_two_stalls() -> None:
    assert words(stalls(150, 6), "grid")["ok"] < ALONE_S + 12
    assert words(stalls(55, 6), "all")["ok"] < QUIET_S + 12
    assert words([5.2 * number for number in range(690)], "all")["ok"] < QUIET_S / 4


def test_what_was_known_before_an_outage_is_known_after_it() -> None:
    polls = [0.0, *range(600, 610)]
    assert words(polls, "all", HOUR_S).keys() == {"quiet"}
    assert words(polls, "grid", HOUR_S).keys() == {"unattended"}


def test_who_stored_since_an_outage_and_stops_again_has_no_credit_from_it() -> None:
    freshness = Freshness(5, T0)
    freshness.answered(T0, 100.0, Stored(T0, 1.0))
    back = T0 + timedelta(seconds=600)
    freshness.answered(T0, 700.0, Stored(back, 1.0))
    for monotonic in range(701, 762):
        freshness.answered(T0, float(monotonic), Stored(back, monotonic - 699.0))
    assert freshness.status(761.0).quiet_s == 62


def test_a_console_that_began_while_the_database_was_away_blames_nobody_for_that() -> None:
    freshness = Freshness(5, T0)
    freshness.failed("gone", 100.0)
    freshness.failed("gone", 105.0)
    said = []
    for monotonic in range(700, 762):
        ago_s = monotonic - 99.0
        freshness.answered(T0, float(monotonic), Stored(T0, ago_s), [Seen("grid", T0, ago_s)])
        said.append(freshness.status(float(monotonic)).word)
    assert said == ["ok"] * 61 + ["quiet"]


def test_a_database_in_which_nothing_was_ever_stored_is_no_trouble() -> None:
    freshness = Freshness(5, T0)
    freshness.answered(T0, 100.0, None)
    assert (freshness.status(100.0).stored_at, freshness.status(100.0).quiet_s) == (None, None)


LIVES = Stored(T0, 1.0)
REASON = "no worker looks after grid since 2026-03-01 12:00:00 UTC; cells and alerts stand still"


def told(freshness: Freshness, monotonic: float) -> tuple[bool, tuple[str, ...], str | None]:
    now: Status = freshness.status(monotonic)
    assert now.fresh
    return now.quiet_s is not None, now.unattended, now.reason


def test_where_nobody_looks_after_a_stage_it_says_which_and_the_time_of_a_rebalance_is_nothing_unusual() -> (
    None
):
    freshness = Freshness(5, T0)
    freshness.answered(T0, 100.0, LIVES, [Seen("grid", T0, ALONE_S - 2), Seen("incidents", T0, 3.0)])
    assert told(freshness, 102.0) == (False, (), None)
    assert told(freshness, 102.5) == (False, ("grid",), REASON)
    freshness.answered(T0, 103.0, LIVES, [Seen("grid", T0, 1.0), Seen("incidents", T0, 3.0)])
    assert told(freshness, 103.0) == (False, (), None)


def test_where_no_worker_stores_anything_no_single_stage_is_named() -> None:
    freshness = Freshness(5, T0)
    freshness.answered(T0, 100.0, Stored(T0, 1_000.0), [Seen("grid", T0, 1_000.0)])
    assert told(freshness, 100.0) == (True, (), None)


def test_after_an_outage_workers_have_the_time_of_a_rebalance_to_look_after_their_stages_again() -> None:
    freshness = Freshness(5, T0)
    freshness.answered(T0, 100.0, LIVES, [Seen("grid", T0, 1.0)])
    for monotonic in range(400, 401 + int(ALONE_S), 5):
        freshness.answered(T0, float(monotonic), LIVES, [Seen("grid", T0, monotonic - 99.0)])
    assert told(freshness, 400.0 + ALONE_S) == (False, (), None)
    assert told(freshness, 401.0 + ALONE_S) == (False, ("grid",), REASON)


def test_a_stage_that_is_left_alone_is_news_and_so_is_the_next_one() -> None:
    freshness, news = Freshness(5, T0), []
    for stages in ([], ["grid"], ["grid", "incidents"], []):
        freshness.answered(T0, 100.0, LIVES, [Seen(stage, T0, 1_000.0) for stage in stages])
        news.append(freshness.status(100.0).news)
    assert news[0] == news[3]
    assert len({*news}) == 3
