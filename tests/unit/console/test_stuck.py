"""Which connections are cut as their clients take nothing of what waits for them."""

from streams.console.stuck import STUCK_S, Stuck


def test_a_connection_that_takes_nothing_of_an_answer_is_cut_after_a_while() -> None:
    stuck = Stuck[str]()
    assert stuck.to_cut({"a": 900}, 0.0) == []
    assert stuck.to_cut({"a": 900, "b": 900}, STUCK_S - 1) == []
    assert stuck.to_cut({"a": 900, "b": 900}, STUCK_S) == ["a"]


def test_one_that_takes_some_is_kept_though_more_comes_in_between() -> None:
    stuck = Stuck[str]()
    for number in range(100):
        assert stuck.to_cut({"slow": 900 - number, "live": 800 if number % 20 else 700}, float(number)) == []


def test_one_that_took_all_begins_anew_with_the_next_answer() -> None:
    stuck = Stuck[str]()
    stuck.to_cut({"a": 900}, 0.0)
    assert stuck.to_cut({"a": 0}, STUCK_S) == []
    assert stuck.to_cut({"a": 900}, STUCK_S + 1) == []
