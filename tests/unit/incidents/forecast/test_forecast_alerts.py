"""Alerts of saturation that is expected: from closed windows to Kafka and the tables, over crashes and amendments."""

from collections.abc import Sequence

import h3
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsHealth, CellsWindow, ClosedWindows
from streams import topics
from streams.fold.contract import Record, Restored
from streams.grid.locate import centre
from streams.incidents.damping import NEVER, FlapConfig
from streams.incidents.forecast.inflow import FRESH
from streams.incidents.forecast.watch import ForecastRule, Outlook, step
from streams.incidents.policy import Policy, Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, restored
from tests.unit.incidents.cells_log import CellsLog
from tests.work import lines_run

CELL, OTHER = "89309959d07ffff", "89309959d0fffff"
REGION, BESIDE = "82309ffffffffff", "83309afffffffff"
MINUTE = 60_000
POLICY = parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "rules")
RULE = ForecastRule(horizon_ms=30 * MINUTE, sure=2.5, recede_ms=5 * MINUTE)
Row = tuple[int, str, str, int, int, int, int]
"""Minute, cell, operator, arrivals, departures, occupancy, revision."""


class Watched(CellsLog):
    """An incidents fold that forecasts, and its log."""

    PARTITION = 0

    def __init__(self, policy: Policy = POLICY, flaps: FlapConfig = NEVER) -> None:
        self._policy = policy
        self._flaps = flaps
        self.told: list[Alert] = []
        super().__init__()

    def open(self, start: Restored) -> IncidentsState:
        return IncidentsState(self._policy, centre, start, forecast=RULE, flaps=self._flaps)

    def close(self, *rows: Row, more: bool = False, region: str = REGION) -> list[Alert]:
        """Close windows; returns the alerts told. `more`: of the newest window other rows are to come."""
        minutes, cells, operators, arrivals, departures, occupancy, revisions = map(
            list, zip(*rows, strict=True)
        )
        columns = ClosedWindows(
            [T0 + int(minute) * MINUTE for minute in minutes], cells, operators, [1] * len(rows), arrivals,
            departures, occupancy, revisions,
        )  # fmt: skip
        watermark = T0 + (max(map(int, minutes)) + (not more)) * MINUTE
        return self.fold_bytes(codec.encode(CellsWindow(region, watermark, MINUTE, columns)))

    def _take(self) -> list[Alert]:
        told = super()._take()
        self.told += told
        assert all(output.topic == topics.ALERTS for output in self.outputs)
        return told


def fill(watched: Watched, rates: Sequence[int], occupancy: int = 20, start: int = 3) -> list[Alert]:
    """Let as many bikes come (or leave, below zero) a minute; returns the alerts."""
    told: list[Alert] = []
    for minute, rate in enumerate(rates, start):
        occupancy += rate
        told += watched.close((minute, CELL, "hello", max(rate, 0), max(-rate, 0), occupancy, 0))
    return told


@pytest.fixture
def watched() -> Watched:
    made = Watched()
    for minute in range(3):  # bikes are heard of for the first time
        made.close((minute, CELL, "hello", 20 if minute == 0 else 0, 0, 20, 0))
    return made


def test_a_cell_that_fills_is_announced_with_the_reason_and_cleared_when_it_is_full(watched: Watched) -> None:
    raised, cleared = fill(watched, [4] * 11)
    assert (raised.kind, raised.severity, raised.action) == ("saturation_expected", "warning", "raised")
    evidence = raised.evidence
    assert evidence.forecast is not None
    assert evidence.forecast.inflow_per_minute == 4.0
    missing = 60 - (evidence.occupancy or 0)
    assert evidence.forecast.expected_at == raised.starts_at + missing // 4 * MINUTE
    assert evidence.forecast.earliest_at < evidence.forecast.expected_at < evidence.forecast.latest_at
    assert evidence.forecast.latest_at <= raised.starts_at + RULE.horizon_ms
    assert raised.summary == (
        "32 bikes in a cell for 60, +4.0 a minute: if that goes on, 60 in 7 min (4 to 14, four in five)"
    )
    assert (cleared.alert_id, cleared.action, cleared.evidence.occupancy) == (raised.alert_id, "cleared", 60)
    assert cleared.summary.startswith("it is full; ")
    assert (raised.evidence.first_offset, cleared.evidence.first_offset) == (evidence.offset, evidence.offset)
    assert cleared.evidence.offset > evidence.offset


def test_bikes_heard_of_for_the_first_time_are_no_inflow() -> None:
    fresh = Watched()
    assert fresh.close((0, CELL, "hello", 20, 0, 20, 0)) == []
    assert fresh.close((1, CELL, "hello", 20, 0, 40, 0)) == []
    assert fresh.close((2, CELL, "hello", 5, 0, 45, 0)) == []


def hear_of(watched: Watched, operator: str, every: int, start: int, crash_at: int = -1) -> None:
    """Let 16 cells of 30 parked vehicles each be heard of within so many minutes, and 20 more pass."""
    cells = sorted(h3.grid_disk(OTHER, 2))[:16]
    for minute in range(every + 20):
        heard = [sum(number % every == minute for number in range(30)) for _ in cells]
        stood = sum(number % every <= minute for number in range(30))
        rows: list[Row] = [
            (start + minute, cell, operator, new, 0, stood, 0) for cell, new in zip(cells, heard, strict=True)
        ]
        watched.close(*rows)
        if minute == crash_at:
            watched.checkpoint()
        if minute == crash_at + 1:
            watched.crash()


@pytest.mark.parametrize("every", [5, 10, 15, 20])
def test_parked_vehicles_that_report_every_few_minutes_are_no_inflow_where_a_system_is_new(
    every: int,
) -> None:
    fresh = Watched()
    hear_of(fresh, "hello", every, start=0)
    assert fresh.told == []


@pytest.mark.parametrize("crash_at", [-1, 2, 5])
def test_parked_vehicles_of_an_operator_that_begins_later_are_no_inflow(
    watched: Watched, crash_at: int
) -> None:
    hear_of(watched, "mobike", 10, start=3, crash_at=crash_at)
    assert watched.told == []


def test_a_cell_that_fills_is_announced_once_the_fleet_is_known() -> None:
    fresh = Watched()
    hear_of(fresh, "hello", 10, start=0)
    (raised,) = fill(fresh, [4] * 6, start=30)
    assert (raised.action, raised.cell) == ("raised", CELL)


def test_a_lorry_s_bikes_are_an_inflow_in_a_region_whose_fleet_is_known() -> None:
    """New to the region as they are: they are few beside the others."""
    fresh = Watched()
    hear_of(fresh, "hello", 1, start=0)
    (raised,) = fill(fresh, [9] * 4, start=21)
    assert (raised.action, raised.cell) == ("raised", CELL)


def fleets_of(watched: Watched) -> dict[str, list[int]]:
    """Return the most that ever stood and from when they are known (minutes), by operator, as they are saved."""
    watched.checkpoint()
    parts = watched.database.parts["incidents"]
    (name,) = (name for name in parts if name.endswith(REGION))
    saved = msgspec.msgpack.decode(parts[name])[3]
    return {
        operator: [most, (known_from - T0) // MINUTE if known_from else 0]
        for operator, (most, known_from, _) in saved.items()
    }


@pytest.mark.parametrize("fields", [2, 3])
@pytest.mark.parametrize("more", [False, True], ids=["told to its end", "half told"])
def test_the_state_of_an_earlier_version_knows_the_fleets_that_stand_there(fields: int, more: bool) -> None:
    known = Watched()
    hear_of(known, "hello", 1, start=0)
    known.close((21, CELL, "hello", 0, 2, 28, 0), more=more)
    known.checkpoint()
    parts = known.database.parts["incidents"]
    (name,) = (name for name in parts if name.endswith(REGION))
    parts[name] = msgspec.msgpack.encode(msgspec.msgpack.decode(parts[name])[:fields])
    known.crash()
    known.close((22, CELL, "hello", 0, 28, 0, 0), (22, OTHER, "hello", 0, 20, 10, 0))
    (raised,) = fill(known, [12] * 3, occupancy=0, start=23)
    assert (raised.action, raised.cell) == ("raised", CELL)
    assert fleets_of(known) == {"hello": [478, 0]}


def test_who_comes_back_is_nobody_new(watched: Watched) -> None:
    watched.close((3, OTHER, "hello", 40, 0, 40, 0))
    watched.close((4, OTHER, "hello", 0, 38, 2, 0))
    assert fleets_of(watched) == {"hello": [60, 4]}
    (raised,) = fill(watched, [12] * 3, start=5)
    assert (raised.action, raised.cell) == ("raised", CELL)
    assert fleets_of(watched) == {"hello": [60, 4]}


@pytest.mark.parametrize("crash", [False, True])
def test_an_amendment_that_tells_of_many_makes_no_fleet_unknown_again(watched: Watched, crash: bool) -> None:
    """Amended again and again, and beyond what a cell remembers: each bike counts once."""
    fill(watched, [1] * 2)
    for revision, many in enumerate((15, 30, 29, 31), 1):
        watched.close((2, OTHER, "hello", many, 0, many, revision))
        if crash:
            watched.checkpoint()
            watched.crash()
    assert [event.action for event in fill(watched, [4] * 4, occupancy=22, start=5)] == ["raised"]
    assert fleets_of(watched) == {"hello": [22 + 31 + 4 * 4, 1]}
    for minute in range(9, 30):
        watched.close((minute, CELL, "hello", 1, 1, 38, 0), (minute, OTHER, "hello", 1, 1, 31, 0))
    for revision in range(5, 9):
        watched.close((2, OTHER, "hello", 31 + revision, 0, 31 + revision, revision))
    assert fleets_of(watched) == {"hello": [69, 1]}


@pytest.mark.parametrize("crash", [False, True])
def test_who_is_told_late_to_have_gone_to_another_cell_is_not_there_twice(
    watched: Watched, crash: bool
) -> None:
    """Where the bikes came is told before where they left: no more stood there at any time."""
    watched.close((3, OTHER, "hello", 40, 0, 40, 0))
    watched.close((4, OTHER, "hello", 0, 0, 40, 0))
    watched.close((4, CELL, "hello", 30, 0, 50, 1))
    if crash:
        watched.checkpoint()
        watched.crash()
    watched.close((4, OTHER, "hello", 0, 30, 10, 1))
    watched.close((5, CELL, "hello", 0, 0, 50, 0))
    assert fleets_of(watched) == {"hello": [60, 4]}
    watched.close((6, OTHER, "hello", 11, 0, 21, 0))
    assert fleets_of(watched) == {"hello": [71, 7]}


def test_an_amendment_hides_nobody_who_is_new_in_the_window_that_is_open(watched: Watched) -> None:
    watched.close((3, CELL, "hello", 12, 0, 32, 0), more=True)
    watched.close((2, OTHER, "hello", 5, 0, 5, 1), more=True)
    watched.close((4, CELL, "hello", 0, 0, 32, 0))
    assert fleets_of(watched) == {"hello": [37, 4]}


def test_bikes_that_stand_there_all_the_time_take_up_room(watched: Watched) -> None:
    watched.close((3, CELL, "mobike", 0, 0, 20, 0))
    raised, *_ = fill(watched, [4] * 4, start=4)
    assert raised.summary.startswith("52 bikes in a cell for 60, ")


def test_an_inflow_that_ends_is_cleared_after_a_while(watched: Watched) -> None:
    (raised,) = fill(watched, [4] * 6)
    quiet = fill(watched, [0, 0, -1, 0] * 5, occupancy=44, start=9)
    assert [event.action for event in quiet] == ["cleared"]
    assert quiet[0].summary.startswith("it is not expected to fill any more; ")
    assert quiet[0].updated_at - raised.updated_at >= RULE.recede_ms


def test_what_is_in_doubt_is_expected_still_until_the_time_to_recede_is_over() -> None:
    doubted = step(Outlook(expecting=True), None, 10 * MINUTE, MINUTE, RULE)
    assert doubted == Outlook(expecting=True, doubted_at=10 * MINUTE)
    assert step(doubted, None, 15 * MINUTE - 1, MINUTE, RULE) == doubted
    assert step(doubted, None, 15 * MINUTE, MINUTE, RULE) == Outlook()


def test_without_a_rule_nothing_is_expected() -> None:
    watched = Watched()
    watched.fold = IncidentsState(POLICY, centre, restored())
    assert fill(watched, [0, 0, 0, *[4] * 11]) == []


def test_an_inflow_that_stops_is_in_doubt_within_the_newest_windows_however_long_it_was(
    watched: Watched,
) -> None:
    (raised,) = fill(watched, [2] * 16)
    (cleared,) = fill(watched, [0] * 20, occupancy=52, start=19)
    stopped = T0 + 19 * MINUTE
    assert raised.updated_at < stopped
    assert cleared.updated_at == stopped + FRESH * MINUTE + RULE.recede_ms


def test_a_cell_that_was_full_is_not_announced_by_a_window_in_which_it_empties() -> None:
    """The inflow of the windows before would be sure to fill it again: more must have come than left in this one."""
    fresh = Watched()
    for minute in range(3):
        fresh.close((minute, CELL, "hello", int(minute == 0), 0, 0, 0))
    told = fill(fresh, [6] * 10 + [-7, -6, 0], occupancy=0)
    assert [event.action for event in told] == ["raised", "cleared"]


def test_a_full_cell_is_not_announced_before_it_was_clear_of_it(watched: Watched) -> None:
    fill(watched, [4] * 11)
    assert fill(watched, [-4, -4, 3, 3, 3], occupancy=64, start=14) == []  # 48 is clear_below
    told = fill(watched, [-9, -9, *[4] * 8], occupancy=65, start=19)
    assert [event.action for event in told][:1] == ["raised"]


def test_an_amended_window_decides_nothing_and_counts_later(watched: Watched) -> None:
    fill(watched, [0, 0, 0], start=3)
    told = watched.close(*[(minute, CELL, "hello", 6, 0, 20 + 6 * (minute - 2), 1) for minute in (3, 4, 5)])
    assert told == []
    assert [e.action for e in watched.close((6, CELL, "hello", 6, 0, 44, 0))] == ["raised"]


def test_operators_fill_a_cell_together(watched: Watched) -> None:
    told: list[Alert] = []
    for minute in range(3, 10):
        told += watched.close(
            (minute, CELL, "hello", 2, 0, 20 + 2 * (minute - 2), 0),
            (minute, CELL, "mobike", 3, 0, 3 * (minute - 2), 0),
        )
    assert told[0].evidence.by_operator == {"hello": 26, "mobike": 9}


def test_a_window_that_is_told_again_changes_nothing(watched: Watched) -> None:
    fill(watched, [4] * 6)
    before = watched.fold.take_changes()
    assert before.parts
    assert watched.close((8, CELL, "hello", 4, 0, 44, 0)) == []
    assert not watched.fold.take_changes().parts


def test_columns_of_unequal_length_are_refused(watched: Watched) -> None:
    columns = ClosedWindows([T0], [CELL, OTHER], ["a"], [1], [1], [0], [1], [0])
    value = codec.encode(CellsWindow(REGION, T0, MINUTE, columns))
    watched.fold.apply(Record(topics.CELLS, 0, 99, value, T0))
    (refused,) = watched.fold.take_outputs(at_checkpoint=False)
    assert refused.topic == topics.REJECTED


def test_an_alert_that_is_open_over_a_crash_is_followed_and_not_raised_again(watched: Watched) -> None:
    (raised,) = fill(watched, [4] * 6)
    watched.checkpoint()
    watched.crash()
    assert fill(watched, [4] * 4, occupancy=44, start=9)[0].alert_id == raised.alert_id
    assert [event.action for event in watched.told] == ["raised", "cleared"]
    watched.checkpoint()
    watched.crash()
    assert fill(watched, [-4, -4, 3, 3, 3], occupancy=60, start=13) == []  # it is not clear of it yet


def test_what_one_operator_brings_another_may_have_taken_away(watched: Watched) -> None:
    """Of one window the messages tell of one operator after the other."""
    told: list[Alert] = []
    for minute in range(3, 12):
        told += watched.close((minute, CELL, "hello", 4, 0, 20 + 4 * (minute - 2), 0), more=True)
        told += watched.close((minute, CELL, "mobike", 0, 4, -4 * (minute - 2), 0))
    assert told == []


def test_windows_of_a_small_region_are_no_more_work_beside_a_large_one() -> None:
    """All cells of the partition were looked through for each: a day of 7 cells beside 80,000 took 49 s."""

    def work(beside: int) -> int:
        watched = Watched()
        cells = sorted(h3.cell_to_children(BESIDE, 9))[:beside]
        if cells:
            watched.close(*[(0, cell, "hello", 1, 0, 1, 0) for cell in cells], region=BESIDE)
        rows: list[Row] = [(minute, CELL, "hello", 1, 1, 1, 0) for minute in range(300)]
        return lines_run(lambda: watched.close(*rows))

    assert work(2_000) < 1.1 * work(0)


class ManyAtOnce(Policy):
    """Capacities that are not to be asked for cell by cell."""

    def rule_at(self, lat: float, lon: float) -> Rule:
        raise AssertionError(
            f"({lat}, {lon}) is looked up alone: 8,600 cells hold all else up for 0.1 s and more"
        )


def test_the_zones_of_all_cells_of_a_city_s_first_window_are_looked_up_at_once() -> None:
    watched = Watched(ManyAtOnce(POLICY.name, POLICY.version, POLICY.default))
    assert watched.close((0, CELL, "hello", 9, 0, 9, 0), (0, OTHER, "hello", 1, 0, 1, 0)) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from((CELL, OTHER)), st.sampled_from(("hello", "mobike")), st.integers(-3, 6)
            ),
            min_size=1,
            max_size=4,
            unique_by=lambda row: row[:2],
        ),
        min_size=8,
        max_size=30,
    ),
    st.data(),
)
def test_how_windows_are_cut_into_messages_changes_no_alert(
    city: list[list[tuple[str, str, int]]], data: st.DataObject
) -> None:
    """As a grid cuts them: a message ends amid a window, or with it and does not say so, or begins the next one."""
    whole, cut = Watched(), Watched()
    standing = {(cell, operator): 15 for cell in (CELL, OTHER) for operator in ("hello", "mobike")}
    waiting: list[Row] = []
    for minute, moves in enumerate(city):
        rows: list[Row] = []
        for cell, operator, wanted in moves:
            rate = max(wanted, -standing[cell, operator])
            standing[cell, operator] += rate
            flow = (max(rate, 0), max(-rate, 0), standing[cell, operator])
            rows.append((minute, cell, operator, *flow, 0))
        whole.close(*rows)
        for row in rows:
            waiting.append(row)
            if data.draw(st.booleans()):
                cut.close(*waiting, more=True)
                waiting = []
                data.draw(st.sampled_from((bool, bool, cut.checkpoint, cut.crash)))()
        if waiting and data.draw(st.booleans()):
            cut.close(*waiting)
            waiting = []
    last = (len(city), CELL, "hello", 0, 0, standing[CELL, "hello"], 0)
    whole.close(last)
    cut.close(*waiting, last)
    assert {said(alert) for alert in cut.told} == {said(alert) for alert in whole.told}


def said(alert: Alert) -> tuple[object, ...]:
    """Return what an alert says, but for the record that it was decided with."""
    return alert.alert_id, alert.sequence, alert.action, alert.updated_at, alert.summary


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-6, 8), st.sampled_from((CELL, OTHER))), min_size=5, max_size=50),
    st.data(),
)
def test_a_crash_changes_no_alert(moves: list[tuple[int, str]], data: st.DataObject) -> None:
    """replay_changes_nothing"""
    plain, crashing = Watched(), Watched()
    occupancy = {CELL: 30, OTHER: 40}
    for minute, (wanted, cell) in enumerate(moves):
        rate = max(wanted, -occupancy[cell])
        occupancy[cell] += rate
        row = (minute, cell, "hello", max(rate, 0), max(-rate, 0), occupancy[cell], 0)
        plain.close(row)
        crashing.close(row)
        what = data.draw(st.sampled_from(("", "", "", "checkpoint", "crash")))
        if what == "checkpoint":
            crashing.checkpoint()
        elif what == "crash":
            crashing.crash()
    kept = {(alert.alert_id, alert.sequence): alert for alert in crashing.told}
    assert kept == {(alert.alert_id, alert.sequence): alert for alert in plain.told}


@pytest.mark.parametrize("crash", [False, True])
def test_what_is_expected_ends_though_nothing_is_heard_of_the_vehicles_any_more(
    watched: Watched, crash: bool
) -> None:
    [raised] = [event for event in fill(watched, [2] * 12) if event.action == "raised"]

    def time(minute: int) -> list[Alert]:
        at = T0 + minute * MINUTE
        return watched.fold_bytes(codec.encode(CellsHealth(REGION, at, at, -1, 0, -1, None)))

    def again() -> None:
        watched.checkpoint()
        if crash:
            watched.crash()

    last = 14
    again()
    assert time(last + 1_439) == []
    [cleared] = time(last + 1_440)
    assert (cleared.alert_id, cleared.action, cleared.status) == (raised.alert_id, "cleared", "cleared")
    assert cleared.summary.startswith("nothing is heard of the vehicles for a day; ")
    again()
    assert time(last + 2_000) == []


@pytest.mark.parametrize("crash", [False, True])
def test_what_flaps_is_cleared_though_the_fleet_says_nothing_any_more(crash: bool) -> None:
    """Its end was held back, and waits for windows that do not come: it is told when they are a day late."""
    watched = Watched(flaps=FlapConfig(raises=2, window_ms=60 * MINUTE, quiet_ms=15 * MINUTE))
    watched.close(*((minute, CELL, "hello", 20 if minute == 0 else 0, 0, 20, 0) for minute in range(3)))
    told = fill(watched, [*[4] * 10, -20, -20, *[4] * 10])
    assert [event.action for event in told] == ["raised", "cleared", "raised"]
    if crash:
        watched.checkpoint()
        watched.crash()
    last, told = T0 + 25 * MINUTE, []
    for hour in range(1, 50):
        at = last + hour * 60 * MINUTE
        told += watched.fold_bytes(codec.encode(CellsHealth(REGION, at, at, -1, 0, -1, None)))
        if told:
            break
    [cleared] = told
    assert (cleared.action, hour) == ("cleared", 25)
    assert cleared.summary.startswith("quiet for 15 min; ")
    assert cleared.ends_at is not None
    assert cleared.ends_at <= last + 15 * MINUTE
