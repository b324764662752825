"""Fresh while the last answer is young enough."""

from datetime import timedelta

from streams.console.freshness import Freshness
from tests.unit.console.rows import T0


def test_before_the_first_answer_it_is_stale_since_the_beginning() -> None:
    now = Freshness(5, T0).status(1_000.0)
    assert (now.fresh, now.polled_at, now.stale_since) == (False, None, T0)
    assert now.reason == "the database has not answered yet"


def test_one_failure_makes_nothing_stale_and_its_age_does() -> None:
    freshness = Freshness(5, T0)
    asked = T0 + timedelta(seconds=9)
    freshness.answered(asked, 9.0)
    freshness.failed("gone")
    assert freshness.status(14.0).fresh
    stale = freshness.status(14.1)
    assert (stale.fresh, stale.stale_since, stale.reason) == (False, asked, "gone")


def test_an_answer_makes_it_fresh_again_and_forgets_why_it_was_not() -> None:
    freshness = Freshness(5, T0)
    freshness.failed("gone")
    freshness.answered(T0, 100.0)
    now = freshness.status(101.0)
    assert (now.fresh, now.stale_since, now.reason) == (True, None, None)
