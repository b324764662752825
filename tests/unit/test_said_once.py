"""What is worth a line in the log of something that is tried again without end."""

from streams.said_once import SaidOnce, SaidSeldom


def test_a_trouble_is_said_once() -> None:
    refusals = SaidOnce()
    assert [refusals.is_new("refused") for _ in range(3)] == [True, False, False]


def test_another_trouble_is_said_and_the_first_again_when_it_is_back() -> None:
    refusals = SaidOnce()
    assert [refusals.is_new(one) for one in ("refused", "away", "away", "refused")] == [
        True,
        True,
        False,
        True,
    ]


def test_what_was_over_is_said_anew() -> None:
    refusals = SaidOnce()
    assert not refusals
    refusals.is_new("refused")
    assert refusals
    refusals.over()
    assert not refusals
    assert refusals.is_new("refused")


def test_what_may_work_in_between_is_said_once_a_minute() -> None:
    now = 0.0
    said = SaidSeldom(lambda: now)
    assert [said.is_due("refused"), said.is_due("refused"), said.is_due("away")] == [True, False, True]
    now = 60.0
    assert said.is_due("refused")
    assert len(said) == 1
