"""Which fleets are known: by how much they grew in a window, and by how much of that they were told late."""

from streams.incidents.forecast.fleets import FEW, Fleet, Fleets


def fleets() -> Fleets:
    """Forty bikes that were known from the beginning."""
    return Fleets.of({"hello": Fleet(40)}, [{"hello": 40}])


def test_what_was_told_late_excuses_the_growth_of_one_window_only() -> None:
    known = fleets()
    known.stand("hello", 30, amended_at=60_000)
    known.close(120_000)
    assert known.known_from(["hello"]) == 0
    known.stand("hello", FEW + 1)
    known.close(180_000)
    assert known.known_from(["hello"]) == 180_000


def test_who_is_told_late_to_have_left_makes_nobody_unknown_who_came() -> None:
    known = fleets()
    known.stand("hello", -FEW, amended_at=60_000)
    known.stand("hello", 2 * FEW)
    known.close(120_000)
    assert known.known_from(["hello"]) == 0
