"""The life of each alert on metrics, whatever comes late, twice or out of order, or is exchanged meanwhile.

Windows come in any order, closed or amended; time goes on or back; what is whole keeps up with it, or lags behind by
minutes or a day. So an end may be told before a raise that began earlier, and damping may find that an alert was quiet
before it hears of what would have kept it open. In the end days go by in which nothing is measured.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import Alert
from streams.fold.contract import Restored
from streams.grid.locate import centre
from streams.incidents.anomaly.series import AnomalyConfig
from streams.incidents.anomaly.watch import Rule
from streams.incidents.damping import FlapConfig
from streams.incidents.state import IncidentsState
from streams.incidents.thresholds.rules import Threshold
from tests.unit.incidents.grouping.grouped import config
from tests.unit.incidents.thresholds.measured import CELL, DAY, MINUTE, OTHER, Measured, Row, policy

METRIC = "fill_level"
SPAN = 120
"""Minutes that a log is about."""
HIGH = Threshold("high", METRIC, (("warning", 25.0), ("major", 50.0)), hysteresis=5.0)
LASTING = replace(HIGH, name="lasting", min_duration_ms=3 * MINUTE, figure="most")
FILES = ((HIGH, LASTING), (HIGH,), (replace(HIGH, bounds=(("minor", 28.0),)), LASTING))


@dataclass(frozen=True)
class Step:
    """What comes, and what comes after it.

    rows     windows that close, or are amended
    minute   event time
    lag      windows are whole up to so many minutes before it; None: it does not say
    file     the number of the file that is in force from now on; None: the one as before
    former   a former owner of the region says so
    then     a checkpoint, a crash, or nothing
    """

    rows: list[Row]
    minute: int
    lag: int | None
    file: int | None
    former: bool
    then: str


row = st.tuples(
    st.integers(0, SPAN),
    st.sampled_from([CELL, CELL, OTHER]),
    st.just(METRIC),
    st.sampled_from([3.0, 5.0, 8.0, 26.0, 30.0, 60.0, 900.0]),
    st.sampled_from([0, 0, 0, 1]),
)
steps = st.builds(
    Step,
    st.lists(row, max_size=8),
    st.integers(0, SPAN),
    st.sampled_from([0, 0, 1, 5, 20, 60, DAY, None]),
    st.sampled_from([None] * 8 + [0, 1, 2]),
    st.sampled_from([False] * 19 + [True]),
    st.sampled_from(["", "", "", "checkpoint", "crash"]),
)
flaps = st.builds(
    FlapConfig,
    st.integers(0, 3),
    st.sampled_from([10 * MINUTE, 60 * MINUTE]),
    st.sampled_from([1, 5 * MINUTE, 30 * MINUTE]),
)


class Street(Measured):
    """Two cells that were measured for two hours, with thresholds and anomalies, damped and grouped."""

    def __init__(self, flaps: FlapConfig) -> None:
        super().__init__(policy(*FILES[0]), flaps)
        usual = [(minute, cell, METRIC, 5.0, 0) for minute in range(-120, 0) for cell in (CELL, OTHER)]
        assert self.put(*usual, watermark=0, owner=2) + self.health(0, owner=2) == []
        self.checkpoint()

    def open(self, start: Restored) -> IncidentsState:
        anomalies = AnomalyConfig("counts", Rule(quiet_ms=10 * MINUTE))
        return IncidentsState(self.policy, centre, start, anomalies, config(60), self.flaps)

    def step(self, step: Step) -> list[Alert]:
        """Fold a step; returns the events told."""
        owner = 1 if step.former else 2
        told = self.put(*step.rows, watermark=step.minute, owner=owner)
        if step.lag is not None:
            told += self.health(step.minute, step.minute - step.lag, owner=owner)
        return told


def play(street: Street, log: list[Step]) -> Iterator[Alert]:
    """Fold a log, and days without a word of a window; what is told once more after a crash is not yielded again."""
    unsaved: list[Alert] = []
    for step in log:
        if step.file is not None:
            street.take(policy(*FILES[step.file]))
            unsaved.clear()
        told = street.step(step)
        unsaved += told
        yield from told
        if step.then == "checkpoint":
            street.checkpoint()
            unsaved.clear()
        elif step.then == "crash":
            assert street.crash() == unsaved
    for day in (1, 2, 3):
        yield from street.health(SPAN + day * DAY, owner=2)


def first_words(log: list[Step]) -> list[Step]:
    """Return the log without windows that close once more, as they do where a grid crashed."""
    known: set[tuple[int, str]] = set()
    found = []
    for step in log:
        rows = []
        for one in step.rows:
            minute, cell, *_, revision = one
            if revision or (minute, cell) not in known:
                rows.append(one)
            if not (revision or step.former):
                known.add((minute, cell))
        found.append(replace(step, rows=rows))
    return found


def what_stays(alert: Alert) -> tuple[object, ...]:
    """Return what no event of an alert changes."""
    place = alert.cell, alert.region, alert.zone, alert.lat, alert.lon
    return alert.kind, alert.subject, *place, alert.starts_at, alert.evidence.first_offset


def it_is_a_life(events: list[Alert]) -> None:
    """Raised first, then changes, cleared last; and time never goes back."""
    assert [event.sequence for event in events] == list(range(len(events)))
    changes = ["updated"] * (len(events) - 2)
    assert [event.action for event in events] == ["raised", *changes, "cleared"]
    for event in events:
        assert event.status == ("cleared" if event.action == "cleared" else "active")
        assert event.ends_at == (event.updated_at if event.action == "cleared" else None)
        assert event.starts_at <= event.updated_at
    for before, after in pairwise(events):
        assert what_stays(before) == what_stays(after)
        assert before.updated_at <= after.updated_at
        assert before.evidence.offset <= after.evidence.offset
        assert (before.severity != after.severity) == (after.action == "updated")


def one_at_a_time(told: list[Alert]) -> None:
    """No other alert about the same is raised before one is cleared."""
    active: dict[tuple[object, ...], str] = {}
    for event in told:
        about = event.kind, event.cell, event.subject
        assert active.setdefault(about, event.alert_id) == event.alert_id
        if event.action == "cleared":
            del active[about]


@pytest.mark.parametrize("exchanges", [False, True])
@given(flaps, st.lists(steps, max_size=25))
def test_an_alert_is_raised_then_changes_then_ends(
    exchanges: bool, flaps: FlapConfig, log: list[Step]
) -> None:
    """Either thresholds are exchanged, or windows close once more.

    Both at once may raise the same alert a second time, as nothing is kept of a threshold that is gone.
    """
    street = Street(flaps)
    told = list(play(street, first_words(log) if exchanges else [replace(step, file=None) for step in log]))
    lives: dict[str, list[Alert]] = defaultdict(list)
    for event in told:
        lives[event.alert_id].append(event)
    for events in lives.values():
        it_is_a_life(events)
    one_at_a_time(told)
    assert street.fold.retained() == {}
