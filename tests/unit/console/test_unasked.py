"""Which connections are closed as nothing is asked on them."""

from streams.console.unasked import PATIENCE_S, Unasked


def test_a_connection_on_which_nothing_is_asked_is_closed_after_a_while() -> None:
    unasked = Unasked[str](10)
    assert unasked.to_close(["a"], 0.0) == []
    assert unasked.to_close(["a", "b"], PATIENCE_S - 1) == []
    assert unasked.to_close(["a", "b"], PATIENCE_S) == ["a"]


def test_one_on_which_something_was_asked_is_kept() -> None:
    unasked = Unasked[str](10)
    unasked.asked("a")
    assert unasked.to_close(["a"], 0.0) == []
    assert unasked.to_close(["a"], 10 * PATIENCE_S) == []


def test_of_too_many_the_oldest_that_asked_nothing_are_closed_at_once() -> None:
    unasked = Unasked[str](3)
    unasked.asked("asks")
    unasked.to_close(["asks", "old"], 0.0)
    assert unasked.to_close(["asks", "new", "newer", "old", "newest"], 1.0) == ["old", "new"]
