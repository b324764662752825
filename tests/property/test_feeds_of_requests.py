"""A feed of requests, whatever becomes of it: alerts are the same whatever crashes, and of a silent feed only."""

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.alerts import Alert
from streams import topics
from streams.fold.contract import Record
from streams.grid import locate
from streams.incidents.health.config import HealthConfig
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, restored
from tests.unit.grid.partials import requests, sensing
from tests.unit.grid.region import CELL, Grid
from tests.unit.incidents.health.citizens import Hotline

STEP = 5
"""Minutes between two looks at the clock."""
KNOWN = 32 * 60

STORIES = st.lists(
    st.tuples(st.sampled_from(["heard", "silent", "away", "late", "catches up"]), st.integers(1, 60)),
    min_size=1,
    max_size=12,
)
"""What happens next, and for how many steps. Away: nobody is heard; late: requests of the hour before are heard."""


def live(story: list[tuple[str, int]], *, crashing: bool) -> tuple[list[Alert], dict[int, tuple[str, int]]]:
    """Return the events of alerts, and what happened at each look at the clock, and how long after the one before."""
    hotline, minute, missed, looked = Hotline(), 0, 0, 0
    happened = {}
    for what, steps in [("heard", KNOWN // STEP), *story]:
        hotline.crashing = crashing and minute > 0
        for step in range(steps):
            minute += STEP
            if what == "heard":
                hotline.hear(minute - 1)
            elif what == "late":
                hotline.hear(minute - 61)
            elif what == "catches up" and missed:
                hotline.hear(*range(missed, min(missed + 60, minute - 1), STEP))
                missed = min(missed + 60, minute - 1)
            if what == "silent" and not missed:
                missed = minute
            if what != "away" or step == steps - 1:
                hotline.clock(minute)
                happened[minute] = what, minute - looked
                looked = minute
    return hotline.told, happened


@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(STORIES)
def test_crashes_change_nothing(story: list[tuple[str, int]]) -> None:
    assert live(story, crashing=True)[0] == live(story, crashing=False)[0]


@settings(max_examples=50, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(STORIES)
def test_alerts_come_one_at_a_time_and_only_while_the_feed_is_silent_and_the_others_are_not(
    story: list[tuple[str, int]],
) -> None:
    told, happened = live(story, crashing=False)
    assert [event.action for event in told] == [("raised", "cleared")[n % 2] for n in range(len(told))]
    for event in told:
        if event.action == "raised":
            what, stride = happened[(event.updated_at - T0) // 60_000]
            health = event.evidence.health
            assert health is not None
            assert what != "heard"
            assert 2 * stride * 60_000 <= health.patience_ms
            assert event.updated_at - event.starts_at > health.patience_ms


@pytest.mark.parametrize("with_sensors", [True, False])
def test_what_requests_and_the_fleet_say_becomes_an_alert_on_its_way_through_the_grid(
    *, with_sensors: bool
) -> None:
    """34 hours, a partial of each kind every five minutes; in the last two hours requests have gone quiet."""
    grid = Grid()
    policy = parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "default")
    incidents = IncidentsState(policy, locate.centre, restored(), health=HealthConfig())
    told: list[Alert] = []
    passed = 0
    for minute in range(0, 34 * 60, 5):
        if minute < KNOWN:
            grid.put(requests((minute, CELL, "noise", {"opened": 1}, ()), reached=minute + 1, offset=minute))
        if with_sensors:
            grid.put(sensing((minute, CELL, "laeq", [50.0]), reached=minute + 1, offset=minute))
        grid.say((minute, CELL, 5, 0, 0), reached=minute + 1, offset=minute, live={CELL: 1})
        grid.tick(40_000, at_checkpoint=True)
        for output in grid.outputs[passed:]:
            incidents.apply(Record(output.topic, 0, passed, output.value, 0))
            passed += 1
        outputs = incidents.take_outputs(at_checkpoint=True)
        told += [codec.alert.decode(output.value) for output in outputs if output.topic == topics.ALERTS]
    (raised,) = told
    assert (raised.kind, raised.subject, raised.cell) == ("feed_silent", "requests", CELL)
    assert raised.starts_at == T0 + (KNOWN - 4) * 60_000
    assert raised.updated_at < T0 + (KNOWN + 60) * 60_000
