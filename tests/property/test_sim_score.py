"""What must hold of a score, whatever was due and raised."""

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sensors_sim.score.figures import Figures, figures
from sensors_sim.score.lives import Life
from sensors_sim.score.matching import judge
from sensors_sim.score.truth import Entry, Truth

HOUR = 3_600_000
CELLS = [f"8930994a{n:03x}ffff" for n in range(40)]
KINDS = ("oversaturation", "anomaly")


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    """Entries in cells of their own: what is due never overlaps; beside it, what may be."""
    cells = draw(st.permutations(CELLS))
    due, may = [], []
    for cell in cells[: draw(st.integers(1, 12))]:
        begin = draw(st.integers(0, HOUR - 1))
        due.append(
            Entry(draw(st.sampled_from(KINDS)), frozenset([cell]), begin, draw(st.integers(begin, HOUR)))
        )
    for cell in cells[12 : 12 + draw(st.integers(0, 6))]:
        may.append(Entry("*", frozenset([cell]), 0, HOUR))  # noqa: PERF401 - reads like the loop above
    return Truth("any", 1, 0, HOUR, tuple(due), tuple(may))


def perfect(truth: Truth, draw: st.DrawFn) -> list[Life]:
    """One alert for each entry, within its time."""
    return [
        Life(
            f"a{n}", due.kind, min(due.cells), None, "minor", "", draw(st.integers(due.begin, due.end)), None
        )
        for n, due in enumerate(truth.due)
    ]


def wrong(truth: Truth, draw: st.DrawFn) -> Life:
    """An alert where nothing is due and nothing tolerated."""
    taken = {cell for entry in (*truth.due, *truth.may) for cell in entry.cells}
    cell = draw(st.sampled_from([cell for cell in CELLS if cell not in taken]))
    return Life(
        "wrong", draw(st.sampled_from(KINDS)), cell, None, "minor", "", draw(st.integers(0, HOUR)), None
    )


def scored(truth: Truth, alerts: list[Life]) -> Figures:
    return figures(judge(truth, alerts))


@given(st.data())
def test_perfect_alerts_score_one_and_one(data: st.DataObject) -> None:
    truth = data.draw(truths())
    found = scored(truth, perfect(truth, data.draw))
    assert (found.precision, found.recall, found.false) == (1.0, 1.0, 0)


@given(st.data())
def test_an_alert_that_is_missing_lowers_recall_only(data: st.DataObject) -> None:
    truth = data.draw(truths())
    alerts = perfect(truth, data.draw)
    alerts.pop(data.draw(st.integers(0, len(alerts) - 1)))
    found = scored(truth, alerts)
    assert found.recall == (len(truth.due) - 1) / len(truth.due)
    assert found.precision in (1.0, None)


@given(st.data())
def test_a_wrong_alert_lowers_precision_only(data: st.DataObject) -> None:
    truth = data.draw(truths())
    alerts = perfect(truth, data.draw)
    found = scored(truth, [*alerts, wrong(truth, data.draw)])
    assert found.recall == 1.0
    assert found.precision == len(alerts) / (len(alerts) + 1)
    assert found.delays_ms == scored(truth, alerts).delays_ms


@given(st.data())
def test_what_is_tolerated_changes_nothing(data: st.DataObject) -> None:
    truth = data.draw(truths().filter(lambda truth: truth.may))
    alerts = perfect(truth, data.draw)
    extra = replace(wrong(truth, data.draw), cell=min(data.draw(st.sampled_from(truth.may)).cells))
    with_it, without = scored(truth, [*alerts, extra]), scored(truth, alerts)
    assert with_it.tolerated == 1
    assert replace(with_it, tolerated=0) == without


@given(st.data(), st.randoms(use_true_random=False))
def test_the_order_of_alerts_is_irrelevant(data: st.DataObject, rng: random.Random) -> None:
    truth = data.draw(truths())
    alerts = [*perfect(truth, data.draw), wrong(truth, data.draw)]
    # Two of one entry: the earlier one decides the delay, whichever comes first.
    alerts.append(replace(alerts[0], alert_id="again", raised_at=truth.due[0].end))
    shuffled = rng.sample(alerts, len(alerts))
    assert judge(truth, shuffled) == judge(truth, alerts)
