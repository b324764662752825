"""Oversaturation where partitions are read apart, as at a start with a backlog: told when it was so, or not at all.

event time  0        began               backlog             end
source 0    #########1111111111111111111144444444444444444444    read in this order: live counts are
source 1    #########2222222222222222222244444444444444444444    of several times meanwhile
source 2    #########3333333333333333333344444444444444444444
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.alerts import Alert
from streams import topics
from streams.fold.contract import Record
from streams.grid.locate import centre
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, Database, restored
from tests.unit.grid.region import CELL, Grid

LASTS = 120
RULE = Rule("default", 60, 1.0, 0.8, 1_000 * LASTS)
SOURCES, BEGAN, BACKLOG, END = 3, 200, 600, 900
Day = list[list[int]]
"""Bikes in the cell, by source and second."""
Event = tuple[str, int, int]
"""action, seconds of starts_at and updated_at"""


def a_day(seed: int) -> Day:
    """Return a day on which a crowd comes to the cell, and goes, again and again; each bike is one source's."""
    random = Random(seed)
    of = [random.randrange(SOURCES) for _ in range(140)]
    random.shuffle(of)
    crowd, wanted, pace, until = 0, 0, 1, 0
    day: Day = [[] for _ in range(SOURCES)]
    for second in range(END):
        if second == until:
            wanted, pace = random.choice((0, 30, 55, 70, 90, 130)), random.choice((1, 5, 100))
            until += random.choice((40, 130, 250))
        crowd += max(-pace, min(pace, wanted - crowd))
        for source in range(SOURCES):
            day[source].append(of[:crowd].count(source))
    return day


class Road:
    """Grid and incidents, which are fed partials."""

    def __init__(self, rule: Rule = RULE) -> None:
        self.policy = parse(None, rule, "rules")
        self.grid = Grid()
        self.database = Database()
        self.incidents = IncidentsState(self.policy, centre, restored())
        self.log: list[bytes] = []
        self.heard = 0
        self.events: list[Event] = []

    def say(self, source: int, second: int, bikes: int) -> None:
        reached = second / 60
        self.grid.say(source=source, sources=SOURCES, offset=second, live={CELL: bikes}, reached=reached)

    def read(self, day: Day, first: int, last: int) -> None:
        """Hear all sources together."""
        for second in range(first, last):
            for source in range(SOURCES):
                self.say(source, second, day[source][second])
            self.tick(1_000)

    def tick(self, wall_ms: int) -> None:
        self.grid.tick(wall_ms, at_checkpoint=True)
        for output in self.grid.outputs[self.heard :]:
            self.log.append(output.value)
            self.incidents.apply(Record(topics.CELLS, 0, len(self.log) - 1, output.value, T0))
        self.heard = len(self.grid.outputs)
        for output in self.incidents.take_outputs(at_checkpoint=True):
            if output.topic == topics.ALERTS:
                self.events += _of_cells(codec.alert.decode(output.value))

    def restart(self) -> None:
        """Begin both anew from a checkpoint."""
        self.grid.checkpoint()
        self.grid.crash()
        self.tick(0)
        self.database.commit("incidents", len(self.log) - 1, self.incidents.take_changes())
        start = self.database.restored("incidents", 0)
        self.incidents = IncidentsState(self.policy, centre, start)


def _of_cells(alert: Alert) -> Iterator[Event]:
    if alert.kind == "oversaturation":
        yield alert.action, (alert.starts_at - T0) // 1000 - 10, (alert.updated_at - T0) // 1000 - 10


def told(
    day: Day, order: Sequence[int], rule: Rule, *, began: int, apart_ms: int, leap: int, restart: bool
) -> list[Event]:
    """Read all sources together up to `began`, the backlog one source after the other, and the rest together."""
    road = Road(rule)
    road.read(day, 0, began)
    if restart:
        road.restart()
    for source in order:
        for second in (*range(began, BACKLOG - 1, leap), BACKLOG - 1):
            road.say(source, second, day[source][second])
            road.tick(2)
        if restart:
            road.restart()
        road.tick(apart_ms)
    road.read(day, BACKLOG, END)
    return road.events


def crowds(day: Day) -> list[int]:
    """Return how many bikes there were, by second."""
    return [sum(counts) for counts in zip(*day, strict=True)]


def due(day: Day) -> list[tuple[int, int]]:
    """Return from when to when an alert is open, looked at second by second; END: it is not over."""
    spans, since, opened = [], None, None
    for second, bikes in enumerate(crowds(day)):
        if opened is None:
            since = (second if since is None else since) if bikes >= RULE.raise_at else None
            opened = second if since is not None and second - since >= 120 else None
        elif bikes < RULE.clear_below:
            spans.append((opened, second))
            since = opened = None
    return spans if opened is None else [*spans, (opened, END)]


def is_open(events: Sequence[Event], at: int) -> bool:
    """Return whether an alert is open after the look at a second."""
    actions = [action for action, _, when in events if when <= at]
    return bool(actions) and actions[-1] != "cleared"


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    order=st.permutations(range(SOURCES)),
    began=st.sampled_from((0, BEGAN)),
    apart_ms=st.sampled_from((0, 1_000)),
    leap=st.sampled_from((1, 5, 60)),
    lasts=st.sampled_from((0, LASTS)),
    restart=st.booleans(),
)
def test_an_alert_is_told_when_its_cell_was_full_whoever_was_read_first(
    seed: int, order: Sequence[int], began: int, apart_ms: int, leap: int, lasts: int, *, restart: bool
) -> None:
    """While partitions are apart by less than an alert has to last, what happens may be told so much too early."""
    day = a_day(seed)
    bikes = crowds(day)
    rule = replace(RULE, min_duration_ms=1_000 * lasts)
    found = told(day, order, rule, began=began, apart_ms=apart_ms, leap=leap, restart=restart)
    for action, since, at in found:
        assert at < began or at >= BACKLOG - 1 - lasts, "told while counts are of several times"
        if began - 1 <= at < BACKLOG - 1:
            continue  # of partitions that part, or come together
        if action == "raised":
            looked = since if at < began else max(since, BACKLOG - 1)
            assert min(bikes[looked : at + 1]) >= RULE.raise_at, "an alert is told that is none"
        if action == "cleared":
            assert bikes[at] < RULE.clear_below, "an alert ends that goes on"
    for at in range(BACKLOG, END):
        if at >= BACKLOG + lasts and min(bikes[at - lasts : at + 1]) >= RULE.raise_at:
            assert is_open(found, at), "an alert is not told"
        if bikes[at] < RULE.clear_below:
            assert not is_open(found, at), "an alert does not end"


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_partitions_that_are_read_together_tell_all_alerts_when_they_are_due(seed: int) -> None:
    day = a_day(seed)
    road = Road()
    road.read(day, 0, END)
    spans = due(day)
    assert [at for action, _, at in road.events if action == "raised"] == [begin for begin, _ in spans]
    assert [at for action, _, at in road.events if action == "cleared"] == [
        end for _, end in spans if end < END
    ]


@settings(max_examples=20, deadline=None)
@given(apart=st.integers(0, 600), leap=st.integers(1, 60), full=st.integers(100, 300))
def test_partitions_that_go_on_apart_tell_their_alerts_though_late(apart: int, leap: int, full: int) -> None:
    """As in a fast replay on a busy machine: the first is always some minutes of event time ahead."""
    road = Road()
    for second in range(0, full + LASTS + 3 * (apart + leap), leap):
        for source in range(SOURCES):
            reached = second + apart if source == 0 else second
            road.say(source, reached, 25 if reached >= full else 1)
        road.tick(250)
    (action, _, at), *rest = road.events
    assert (action, rest) == ("raised", [])
    assert full <= at <= full + LASTS + 2 * (apart + leap)
