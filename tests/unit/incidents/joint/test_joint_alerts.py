"""A street that leaves its neighbours, and metrics that do not go together: from closed windows to alerts."""

import pytest

from schemas.alerts import Alert
from streams import topics
from streams.incidents.anomaly.series import AllSeries, AnomalyConfig
from streams.incidents.joint.book import JointBook
from tests.pipeline import T0
from tests.unit.incidents.joint.streets import (
    MIDDLE,
    STREETS,
    WARM,
    WINDOW,
    Watched,
    message,
    rows,
    usual,
    warm,
)


@pytest.fixture
def watched() -> Watched:
    return warm()


def after(watched: Watched, changes: dict[tuple[str, str], float], *, quiet: int = 1) -> list[Alert]:
    """Close a window with changes and quiet ones after it; returns the alerts."""
    told = watched.close(rows(WARM, changes))
    for number in range(WARM + 1, WARM + 1 + quiet):
        told += watched.close(rows(number))
    return told


def test_a_street_that_leaves_its_neighbours_is_told_and_cleared_when_it_is_back(watched: Watched) -> None:
    """A flow that it has had by itself: half of the day's range above that of its neighbours."""
    values = usual(WARM)
    raised, cleared = (
        event
        for event in after(watched, {(MIDDLE, "flow"): values[MIDDLE, "flow"] + 250}, quiet=5)
        if event.subject == "spatial:flow"
    )
    found = raised.evidence.anomaly
    assert found is not None
    assert (raised.kind, raised.cell, raised.policy) == ("anomaly", MIDDLE, "spatial")
    assert (found.metric, found.detector) == ("flow", "spatial")
    assert found.value == values[MIDDLE, "flow"] + 250
    assert found.observed > found.high > found.low
    assert raised.summary.startswith("difference to its neighbours of flow ")
    assert raised.starts_at == T0 + WARM * WINDOW
    assert (raised.evidence.first_offset, raised.evidence.offset) == (2 * WARM, 2 * WARM + 1)
    assert (cleared.action, cleared.alert_id) == ("cleared", raised.alert_id)


def test_a_street_that_fails_accuses_none_of_its_neighbours(watched: Watched) -> None:
    told = after(watched, {(MIDDLE, "flow"): 40_000.0})
    assert {event.cell for event in told} == {MIDDLE}


def test_streets_that_change_together_are_no_outliers(watched: Watched) -> None:
    flows = {key: mean + 2_000 for key, mean in usual(WARM).items() if key[1] == "flow"}
    assert not [event for event in after(watched, flows) if event.subject == "spatial:flow"]


def test_metrics_that_do_not_go_together_are_told_though_each_is_as_ever(watched: Watched) -> None:
    """Full at the speed of an empty street."""
    seen = [usual(number)[MIDDLE, metric] for number in range(WARM) for metric in ("flow", "speed")]
    full, fast = max(seen[::2]) - 50, max(seen[1::2]) - 5
    changes = {(cell, "flow"): full for cell in STREETS} | {(cell, "speed"): fast for cell in STREETS}
    told = [event for event in after(watched, changes) if event.cell == MIDDLE]
    [event] = [event for event in told if event.subject == "multivariate"]
    found = event.evidence.anomaly
    assert found is not None
    assert (found.metric, found.unit, found.detector) == ("flow, speed", "1", "multivariate")
    assert found.value == found.observed > found.high
    assert found.aspect in ("distance (mostly by flow)", "distance (mostly by speed)")
    assert [event.subject for event in told] == ["multivariate"], "no series of its own is unusual"


def test_with_fewer_than_three_neighbours_nobody_is_judged() -> None:
    """Four streets have three each; three have two."""
    for streets, expected in ((4, {f"spatial/{cell}/spatial:flow" for cell in STREETS[:4]}), (3, set())):
        watched = Watched(("spatial",))
        for number in range(3):
            watched.close(row for row in rows(number) if row[1] in STREETS[:streets] and row[2] == "flow")
        watched.checkpoint()
        parts = {name.removeprefix("joint/") for name in watched.database.parts["incidents"]}
        assert {name for name in parts if not name.startswith("held/")} == expected


def test_a_cell_with_one_metric_is_not_judged_by_several() -> None:
    watched = Watched(("multivariate",))
    for number in range(3):
        watched.close(row for row in rows(number) if row[2] == "flow")
    watched.checkpoint()
    assert [name.split("/")[1] for name in watched.database.parts["incidents"]] == ["held"]


def test_each_book_knows_its_own_alerts(watched: Watched) -> None:
    spatial, *_ = after(watched, {(MIDDLE, "flow"): 40_000.0})
    plain = AllSeries(AnomalyConfig(), lambda _: pytest.fail("nobody is placed"))
    book = JointBook(watched.config, lambda _: pytest.fail("nobody is placed"))
    assert spatial.subject == "spatial:flow"
    assert book.version(spatial) == spatial.policy_version
    assert plain.version(spatial) is None


def test_a_message_that_cannot_be_is_refused_and_changes_nothing(watched: Watched) -> None:
    assert watched.fold_bytes(message([(WARM, "nowhere", "flow", 1.0, 0)], WARM + 1)) == []
    [refused] = watched.outputs
    assert refused.topic == topics.REJECTED
    assert b"is no H3 cell" in refused.value
