"""The score of the forecast: days made by hand, and what is right, wrong, nearly right and missed in them."""

from collections.abc import Sequence

from streams.incidents.forecast.watch import ForecastRule
from tests.bench.forecast.score import Found, score
from tests.bench.forecast.windows import MINUTE, Row

FILLS, STOPS, JUMPS = "89309959d07ffff", "89309959d0fffff", "89309959d03ffff"


def days(inflows: dict[str, Sequence[int]]) -> list[tuple[int, list[Row]]]:
    """Return windows of a minute in which so many come to each cell and stay, after two minutes with nobody."""
    stand = dict.fromkeys(inflows, 0)
    made: list[tuple[int, list[Row]]] = []
    for minute in range(2 + max(map(len, inflows.values()))):
        rows: list[Row] = []
        for cell, rates in inflows.items():
            came = rates[minute - 2] if 2 <= minute < 2 + len(rates) else 0
            stand[cell] += came
            if stand[cell]:
                rows.append((cell, came, 0, stand[cell]))
        made.append((minute * MINUTE, rows))
    return made


def test_what_fills_is_right_what_stops_is_wrong_and_what_comes_at_once_is_missed() -> None:
    inflows = {FILLS: [4] * 15, STOPS: [4] * 10, JUMPS: [0] * 20 + [60] + [0] * 40}
    found = score(days(inflows), 60, ForecastRule())
    assert (found.filled, found.missed, len(found.leads), found.false, found.near) == (2, 1, 1, 1, 0)
    assert found.errors == [0.0]
    assert found.within == 1
    assert 0 < found.stale[0] < found.open[0]


def test_a_cell_that_stops_at_nine_tenths_is_wrong_and_near() -> None:
    found = score(days({STOPS: [4] * 14 + [0] * 40}), 60, ForecastRule())
    assert (found.filled, found.false, found.near) == (0, 1, 1)


def test_runs_add_up_to_a_line_as_long_as_the_heading() -> None:
    total = Found()
    for inflows in ({FILLS: [4] * 15}, {STOPS: [4] * 10 + [0] * 40}):
        total.add(score(days(inflows), 60, ForecastRule()))
    assert total.line("all").split()[:8] == ["all", "1", "0", "2", "1", "1", "0", "1"]
