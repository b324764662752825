"""Rules on trips per vehicle and day: from trips and counts to alerts."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsNow
from schemas.partials import SlotCounts
from streams import topics
from streams.fold.contract import Record
from streams.incidents.showing import Seen
from streams.incidents.trips.book import TripBook, TripConfig
from tests.unit.incidents.counts.folding import REGION
from tests.unit.incidents.counts.mds import identity
from tests.unit.incidents.trips.riding import (
    HERE,
    HOUR,
    OUTSIDE,
    T0,
    Riding,
    asked,
    message,
    policy_of,
    trip_rule,
)  # fmt: skip

TWO = policy_of(trip_rule(7, 1, minimum=2))


def test_too_few_trips_are_told_when_a_whole_day_is_known_and_not_before() -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    fold.trips(3, 12)
    assert fold.through(0.5, 23.5) == []
    assert fold.at(23.999) == []
    [alert] = fold.at(24)
    assert (alert.kind, alert.subject, alert.severity) == ("too_few_trips", f"{identity(7)}/hello", "major")
    assert (alert.zone, alert.starts_at) == ("Harbour", T0 + 24 * HOUR)
    assert alert.summary == (
        "12 trips of hello began in Harbour in a day, 1.20 for each of 10.0 vehicles there; "
        "at least 2 are allowed by 'rule 7'"
    )
    found = alert.evidence.trips
    assert found is not None
    assert (found.trips, found.vehicles, found.per_vehicle, found.minimum) == (12, 10.0, 1.2, 2.0)
    assert (found.begin, found.end) == (T0, T0 + 24 * HOUR)
    assert found.outline is not None
    assert len(found.outline.coordinates) == 1
    fold.trips(24.5, 8)
    assert fold.at(24.9) == [], "judged when the hour is over"
    [cleared] = fold.at(25)
    assert (cleared.action, cleared.alert_id) == ("cleared", alert.alert_id)


def test_what_lies_a_day_back_counts_no_more() -> None:
    fold = Riding(policy_of(trip_rule(7, 1, minimum=1)))
    fold.at(0, {"hello": 10})
    fold.trips(0.5, 10)
    assert fold.through(0.5, 24.5) == []
    [alert] = fold.at(25)
    assert alert.severity == "critical"
    assert alert.evidence.trips is not None
    assert alert.evidence.trips.trips == 0


def test_too_many_trips_and_bounds_that_are_fractions() -> None:
    fold = Riding(policy_of(trip_rule(7, 1, minimum=0.5, maximum=1.25)))
    fold.at(0, {"hello": 8, "mobike": 8, "didi": 8, "blue": 8})
    for operator, count in (("hello", 4), ("mobike", 3), ("didi", 10), ("blue", 11)):
        fold.trips(2, count, operator)
    alerts = fold.through(0.5, 24)
    told = [(a.kind, a.subject, a.severity) for a in alerts]
    assert told == [
        ("too_many_trips", f"{identity(7)}/blue", "minor"),
        ("too_few_trips", f"{identity(7)}/mobike", "minor"),
    ]
    assert alerts[0].summary.endswith("at least 0.5, at most 1.25 are allowed by 'rule 7'")


def test_vehicles_are_their_mean_over_the_day() -> None:
    """Ten for six hours, thirty for eighteen: 25. Sixty trips are 2.4 for each."""
    fold = Riding(policy_of(trip_rule(7, 1, minimum=2.5)))
    fold.at(0, {"hello": 10})
    fold.through(0.5, 5.5)
    fold.at(6, {"hello": 30})
    fold.trips(10, 60)
    [alert] = fold.through(6.5, 24)
    assert alert.evidence.trips is not None
    assert (alert.evidence.trips.vehicles, alert.evidence.trips.per_vehicle) == (25.0, 2.4)


@pytest.mark.parametrize(("states", "vehicles"), [(None, 16), ({"available": [], "reserved": []}, 10)])
def test_vehicles_are_counted_in_the_states_of_the_rule(states: object, vehicles: int) -> None:
    fold = Riding(policy_of(trip_rule(7, 1, minimum=2, states=states)))
    fold.look(T0, (HERE, "hello", (9, 0, 1, 6, 0)))
    [alert] = fold.through(0.5, 24)
    assert alert.evidence.trips is not None
    assert alert.evidence.trips.vehicles == vehicles


def test_severity_follows_the_rate() -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    fold.trips(3, 15)
    fold.through(0.5, 24)
    fold.trips(24.5, 3)
    fold.through(24.5, 28)
    assert [(a.action, a.severity) for a in told_by(fold)] == [
        ("raised", "minor"),
        ("updated", "critical"),
    ]


def told_by(fold: Riding) -> list[Alert]:
    return [codec.alert.decode(o.value) for o in fold.outputs if o.topic == topics.ALERTS]


def test_only_trips_and_vehicles_of_the_geography_and_the_operators_count() -> None:
    fold = Riding(policy_of(trip_rule(7, 1, minimum=2), provider_ids=["hello"]))
    fold.at(0, {"hello": 10, "mobike": 10})
    fold.at(0, {"hello": 50}, cell=OUTSIDE)
    fold.trips(3, 20)
    fold.trips(3, 50, cell=OUTSIDE)
    assert fold.through(0.5, 24) == []


def test_the_first_rule_takes_a_cell() -> None:
    fold = Riding(policy_of(trip_rule(7, 1, maximum=100), trip_rule(8, 1, 2, minimum=1)))
    fold.at(0, {"hello": 10})
    fold.at(0, {"hello": 10}, cell=OUTSIDE)
    [alert] = fold.through(0.5, 24)
    assert alert.subject == f"{identity(8)}/hello"
    assert alert.evidence.trips is not None
    assert alert.evidence.trips.vehicles == 10


def test_hardly_a_vehicle_says_nothing() -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 1})
    fold.at(23, {"hello": 0})
    assert fold.through(0.5, 30) == []


def test_an_operator_that_comes_later_has_a_day_of_its_own_first() -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 0})
    fold.through(0.5, 10)
    fold.at(10.25, {"mobike": 10})
    assert fold.through(10.5, 34) == []
    assert [a.subject for a in fold.through(34.5, 35)] == [f"{identity(7)}/mobike"]


def test_an_hour_of_which_nothing_is_known_begins_the_day_anew() -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    fold.through(0.5, 10)
    fold.at(11.5)
    assert fold.through(12, 35.5) == []
    assert len(fold.at(36)) == 1


@pytest.mark.parametrize(("begun", "heard_again"), [(12, 12), (12.05, 12), (12.05, 11.75), (14, 12)])
def test_a_trip_is_counted_that_was_told_before_the_time_from_which_the_day_is_known_anew(
    begun: float, heard_again: float
) -> None:
    """A fleet tells its trips at once; the grid tells the time that all partitions have reached."""
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    fold.through(0.5, 10)
    fold.trips(10.5, 100)
    fold.trips(begun, 12)
    fold.at(heard_again)
    [alert] = fold.through(12.5, 36)
    assert alert.evidence.trips is not None
    assert (alert.evidence.trips.begin, alert.evidence.trips.trips) == (T0 + 12 * HOUR, 12)


@pytest.mark.parametrize("crashes", [False, True])
def test_trips_that_were_told_before_the_first_look_count_from_its_time_on(crashes: bool) -> None:
    """After a first start with a backlog a fleet is hours ahead of the grid."""
    fold = Riding(policy_of(trip_rule(7, 1, minimum=2)))
    fold.trips(0.5, 100)
    fold.trips(22, 12)
    fold.trips(5, 7)
    fold.at(0.75, {"mobike": 1}, OUTSIDE)
    if crashes:
        fold.checkpoint()
        fold.crash()
    fold.at(2, {"hello": 10})
    [alert] = fold.through(2.5, 26)
    assert alert.evidence.trips is not None
    assert (alert.subject, alert.evidence.trips.trips) == (f"{identity(7)}/hello", 19)


def test_of_trips_of_an_operator_that_is_never_counted_a_day_is_kept() -> None:
    fold = Riding(TWO)

    def stored(begin: int, end: int) -> int:
        for hour in range(begin, end):
            fold.trips(hour, 1)
            assert fold.at(hour, {"mobike": 1}, OUTSIDE) == []
        fold.checkpoint()
        return sum(len(part) for part in fold.database.parts["incidents"].values())

    assert stored(0, 100) == pytest.approx(stored(100, 400), rel=0.05)


@pytest.mark.parametrize(
    ("begin", "end", "raised_at"),
    [(9, 11, 36), (10.25, 10.75, 35), (10.75, 11.5, 36), (10, 34.5, 59)],
    ids=["over an hour's end", "between two hours", "heard again within an hour", "a day and more"],
)
@pytest.mark.parametrize("crash", [False, True])
def test_the_day_begins_anew_when_an_operator_that_was_silent_is_heard_again(
    begin: float, end: float, raised_at: int, crash: bool
) -> None:
    silent: set[str] = set()
    parts: dict[str, bytes | None] = {}

    def opened() -> TripBook:
        book = TripBook(TripConfig(TWO.trips, "test"), lambda _: silent)
        book.meet(REGION, HERE, {"hello": (10, 0, 0, 0, 0)})
        for name, data in parts.items():
            assert data is not None
            book.restore(name, data)
        return book

    book, told = opened(), []
    list(book.apply(asked(TWO), Record(topics.CELLS, 0, 0, b"", 0)))
    for quarter in range(64 * 4):
        hour = quarter / 4
        (silent.add if begin <= hour <= end else silent.discard)("hello")
        now = CellsNow(REGION, T0 + round(hour * HOUR), 0, SlotCounts([], [], [], [], [], [], []))
        told += [(hour, a.action) for a in book.apply(now, Record(topics.CELLS, 0, quarter, b"", 0))]
        if crash:
            parts |= book.take_parts()
            book = opened()
    assert told == [(raised_at, "raised")]


def test_a_message_that_comes_again_counts_once() -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    for _ in range(2):
        fold.fold_bytes(message(0, T0 + HOUR, 12))
    [alert] = fold.through(0.5, 24)
    assert alert.evidence.trips is not None
    assert alert.evidence.trips.trips == 12


def test_a_policy_counts_from_its_beginning_by_event_time() -> None:
    fold = Riding(policy_of(trip_rule(7, 1, minimum=2), start_date=T0 + 5 * HOUR))
    fold.at(0, {"hello": 10})
    assert fold.through(0.5, 28.5) == []
    assert len(fold.at(29)) == 1


@pytest.mark.parametrize("crashes", [False, True])
def test_trips_that_were_told_before_the_policy_begins_count_from_its_beginning_on(crashes: bool) -> None:
    """While a backlog is worked off a fleet is hours ahead of the grid."""
    fold = Riding(policy_of(trip_rule(7, 1, minimum=2), start_date=T0 + 5 * HOUR))
    fold.at(0, {"hello": 10})
    fold.trips(4.5, 100)
    fold.trips(5.5, 7)
    fold.trips(22, 12)
    assert fold.at(1) == []
    if crashes:
        fold.checkpoint()
        fold.crash()
    [alert] = fold.through(1.5, 29)
    assert alert.evidence.trips is not None
    assert alert.evidence.trips.trips == 19


@pytest.mark.parametrize("behind", [4, 12, 20])
def test_a_policy_that_begins_when_it_is_loaded_lacks_no_trips_though_the_grid_is_behind(behind: int) -> None:
    """The fleet tells of no trip before; there is one an hour, 2.4 a day for each of ten vehicles."""
    fold = Riding(policy_of(trip_rule(8, 2, minimum=1)))
    fold.at(0, {"hello": 10})
    loaded = policy_of(trip_rule(7, 1, minimum=2.3), start_date=T0 + behind * HOUR)
    fold.fold.take_policy(loaded)
    fold.asked(loaded, behind)
    for hour in range(behind, behind + 25):
        fold.trips(hour + 0.5, 1)
    assert fold.through(0.5, behind + 25) == []


BUSY = policy_of(trip_rule(7, 1, minimum=2.3))
"""Ten vehicles that make a trip an hour make 2.4 a day each."""


def behind_a_fleet(fold: Riding, begin: int, end: int, told_from: int) -> list[Alert]:
    """Look each half an hour; one trip an hour is told from an hour on."""
    told = []
    for hour in range(begin, end):
        if hour >= told_from:
            fold.trips(hour + 0.5, 1)
        told += fold.through(hour, hour + 0.5)
    return told


@pytest.mark.parametrize("restart", [False, True])
@pytest.mark.parametrize("behind", [1, 4, 12, 20, 30])
def test_a_policy_that_is_loaded_while_the_grid_is_behind_lacks_no_trips(behind: int, restart: bool) -> None:
    """It is in force already; what its fleet read before it was loaded was not told."""
    fold = Riding(policy_of(trip_rule(8, 2, minimum=1)))
    fold.at(0, {"hello": 10})
    fold.fold.take_policy(BUSY)
    assert behind_a_fleet(fold, 0, 2, behind) == []
    fold.asked(BUSY, behind)
    if restart:
        fold.checkpoint()
        fold.crash(BUSY)
    assert behind_a_fleet(fold, 2, behind + 30, behind) == []
    [alert] = fold.through(behind + 30, behind + 34)
    assert alert.kind == "too_few_trips", "no trips since"


def test_a_policy_is_not_judged_before_a_fleet_says_that_it_goes_by_it() -> None:
    """Who is behind with ub.cells reads for long what was told before the policy was loaded."""
    fold = Riding(policy_of(trip_rule(8, 2, minimum=1)))
    fold.at(0, {"hello": 10})
    fold.fold.take_policy(BUSY)
    assert fold.through(0.5, 50) == []
    fold.asked(BUSY, 50)
    assert fold.through(50.5, 73.5) == []
    assert len(fold.at(74)) == 1


def test_a_day_is_whole_once_it_is_for_the_last_fleet_that_tells_of_it() -> None:
    """One was never there, and one that is not there any more asks nothing."""
    fold = Riding(BUSY)
    fold.asked(BUSY, 6, source=1)
    fold.asked(policy_of(trip_rule(8, 2, minimum=1)), 9, source=2)
    fold.at(0, {"hello": 10})
    assert fold.through(0.5, 29.5) == []
    assert len(fold.at(30)) == 1


@pytest.mark.parametrize("crash", [False, True])
def test_a_fleet_that_says_again_what_it_said_changes_nothing_and_one_that_asks_anew_puts_off(
    crash: bool,
) -> None:
    """A fleet that goes back to its checkpoint after a crash repeats trips, and those count once."""
    fold = Riding(BUSY)
    fold.at(0, {"hello": 10})
    fold.asked(BUSY, 6)
    fold.asked(BUSY, 5)
    assert fold.through(0.5, 10) == []
    fold.asked(policy_of(trip_rule(8, 2, minimum=1)), 10)
    fold.asked(BUSY, 12)
    if crash:
        fold.checkpoint()
        fold.crash()
    assert fold.through(10.5, 35.5) == []
    assert len(fold.at(36)) == 1


def test_an_open_alert_stays_until_a_whole_day_is_known_again() -> None:
    fold = Riding(BUSY)
    fold.at(0, {"hello": 10})
    [alert] = fold.through(0.5, 24)
    fold.asked(BUSY, 30)
    for hour in range(24, 54):
        fold.trips(hour, 2)
    assert fold.through(24.5, 53.5) == []
    [cleared] = fold.at(54)
    assert (cleared.alert_id, cleared.action) == (alert.alert_id, "cleared")


def test_trips_told_of_a_policy_that_has_not_begun_are_kept_for_a_day() -> None:
    fold = Riding(policy_of(trip_rule(7, 1, minimum=2), start_date=T0 + 1_000 * HOUR))

    def stored(begin: int, end: int) -> int:
        for hour in range(begin, end):
            fold.trips(hour, 1)
            assert fold.at(hour, {"hello": 10}) == []
        fold.checkpoint()
        return sum(len(part) for part in fold.database.parts["incidents"].values())

    assert stored(0, 100) == pytest.approx(stored(100, 400), rel=0.05)


@pytest.mark.parametrize("restart", [False, True])
def test_the_alert_of_a_rule_that_is_to_begin_later_now_is_cleared_at_the_next_look(restart: bool) -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    [alert] = fold.through(0.5, 24)
    fold.checkpoint()
    later = policy_of(trip_rule(7, 1, minimum=2), start_date=T0 + 1_000 * HOUR)
    if restart:
        fold.crash(later)
    else:
        fold.fold.take_policy(later)
    [cleared] = fold.at(24.1)
    assert (cleared.alert_id, cleared.action) == (alert.alert_id, "cleared")


@pytest.mark.parametrize("restart", [False, True])
def test_the_alert_of_a_rule_that_is_gone_is_cleared_at_the_next_look(restart: bool) -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    [alert] = fold.through(0.5, 24)
    fold.checkpoint()
    other = policy_of(trip_rule(8, 1, minimum=1))
    if restart:
        fold.crash(other)
    else:
        fold.fold.take_policy(other)
    [cleared] = fold.at(24.1)
    assert (cleared.alert_id, cleared.summary.partition(";")[0]) == (
        alert.alert_id,
        "the policy has no such rule any more",
    )


def test_what_people_see_of_an_alert_whose_log_is_folded_once_more() -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    fold.trips(1, 15)
    [alert] = fold.through(0.5, 24)
    assert fold.fold.version(alert) == alert.policy_version
    assert fold.fold.seen(alert) == Seen("1.50 trips a vehicle", "at least 2", "minor")


def test_columns_of_unequal_length_are_refused() -> None:
    fold = Riding(TWO)
    bad = message(0, T0, 2).replace(b'"ts":[', b'"ts":[1,')
    assert fold.fold_bytes(bad) == []
    assert [output.topic for output in fold.outputs] == [topics.REJECTED]


Event = tuple[int, str, int]
"""Minute after T0; `vehicles` there are from then on, or `trips` that began then; how many."""


def day_of(seed: int) -> list[Event]:
    """Return two days or so of one operator."""
    chance = Random(seed)
    now, made = 0, [(0, "vehicles", chance.randint(1, 9))]
    while now < 50 * 60:
        now += chance.randint(1, 55)
        made.append((now, chance.choice(["vehicles", "trips", "look"]), chance.randint(0, 9)))
    return made


def expected(log: list[Event]) -> list[tuple[str, str, int, int]]:
    """Return (kind, action, hour, trips) of all events, minute by minute."""
    end = log[-1][0]
    vehicles, trips, count = [], [0] * (end + 1), 0
    changes = {minute: n for minute, what, n in log if what == "vehicles"}
    for minute, what, n in log:
        trips[minute] += n if what == "trips" else 0
    for minute in range(end + 1):
        count = changes.get(minute, count)
        vehicles.append(count)
    found, open_ = [], None
    for hour in range(24, end // 60 + 1):
        span = slice((hour - 24) * 60, hour * 60)
        mean, began = sum(vehicles[span]) / 1440, sum(trips[span])
        kind = None
        if mean >= 1:
            kind = "too_few_trips" if began < 6 * mean else "too_many_trips" if began > 9 * mean else None
        if open_ not in (None, kind):
            found.append((open_, "cleared", hour, began))
        if kind is not None and open_ != kind:
            found.append((kind, "raised", hour, began))
        open_ = kind
    return found


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32))
def test_rates_are_those_of_a_count_minute_by_minute_over_crashes(seed: int) -> None:
    log, chance = day_of(seed), Random(seed)
    fold = Riding(policy_of(trip_rule(7, 1, minimum=6, maximum=9)))
    seen: dict[tuple[str, int], tuple[str, str, int, int]] = {}

    def tell(alerts: list[Any]) -> None:
        for one in alerts:
            if one.action != "updated":
                hour = (one.updated_at - T0) // HOUR
                seen[one.alert_id, one.sequence] = one.kind, one.action, hour, one.evidence.trips.trips

    for minute, what, n in log:
        if what == "trips":
            fold.trips(minute / 60, n)
        tell(fold.at(minute / 60, {"hello": n} if what == "vehicles" else None))
        if minute % 7 == 0:
            then = chance.choice(["", "checkpoint", "crash"])
            if then == "checkpoint":
                fold.checkpoint()
            elif then == "crash" and "incidents" in fold.database.parts:
                tell(fold.crash())
    assert sorted(seen.values(), key=lambda one: (one[2], one[1])) == expected(log)


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize(("area", "operators"), [(1, ["mobike"]), (2, [])])
def test_an_alert_of_an_operator_that_a_rule_speaks_of_no_more_is_cleared(
    crash: bool, area: int, operators: list[str]
) -> None:
    """The policy names another operator now, or the rule a geography where this one has no vehicle."""
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    [alert] = fold.through(0.5, 24)
    fold.checkpoint()
    others = policy_of(trip_rule(7, area, minimum=2), provider_ids=operators)
    if crash:
        fold.crash(others)
    else:
        fold.fold.take_policy(others)
    [cleared] = fold.at(24.5)
    assert (cleared.alert_id, cleared.action) == (alert.alert_id, "cleared")


def of_ground(fold: Riding, begin: int, end: int) -> list[Alert]:
    """Ten trips an hour in the harbour, where ten vehicles are, and ten in the hills, where fifty are."""
    told = []
    for hour in range(begin, end):
        told += fold.at(hour)
        for cell in (HERE, OUTSIDE):
            fold.trips(hour + 0.5, 10, cell=cell)
    return told


@pytest.mark.parametrize("restart", [False, True])
def test_a_rule_that_counts_elsewhere_now_says_nothing_before_a_day_is_known_there(restart: bool) -> None:
    """In the harbour a bike makes 24 trips a day, and 25 are allowed; in the hills 4.8, and 5 are."""
    fold = Riding(policy_of(trip_rule(7, 1, maximum=25)))
    fold.at(0, {"hello": 10})
    fold.at(0, {"hello": 50}, OUTSIDE)
    assert of_ground(fold, 1, 30) == []
    fold.checkpoint()
    drawn = policy_of(trip_rule(7, 2, maximum=5))
    if restart:
        fold.crash(drawn)
    else:
        fold.fold.take_policy(drawn)
    fold.asked(drawn, 30)
    assert of_ground(fold, 30, 60) == []
    fewer = policy_of(trip_rule(7, 2, maximum=4))
    fold.fold.take_policy(fewer)
    [alert] = of_ground(fold, 60, 62)
    assert alert.kind == "too_many_trips", "another bound alone begins no day anew"


def test_an_alert_of_a_rule_that_counts_elsewhere_now_ends() -> None:
    fold = Riding(TWO)
    fold.at(0, {"hello": 10})
    fold.at(0, {"hello": 50}, OUTSIDE)
    [alert] = fold.through(0.5, 24)
    drawn = policy_of(trip_rule(7, 2, minimum=2))
    fold.fold.take_policy(drawn)
    fold.asked(drawn, 24)
    [cleared] = fold.at(24.1)
    assert (cleared.alert_id, cleared.action) == (alert.alert_id, "cleared")
    assert cleared.summary.startswith("the rule counts elsewhere, or others; ")
    [again] = fold.through(24.5, 49)
    assert again.starts_at == T0 + 49 * HOUR


def test_a_vehicle_that_was_reported_there_and_is_gone_begins_no_day() -> None:
    """Its cell is told with nobody in it, as of one that was removed: the operator has none there yet."""
    fold = Riding(policy_of(trip_rule(7, 1, minimum=2)))
    assert fold.at(0, {"hello": 0}) == []
    fold.through(0.5, 4.5)
    fold.at(5, {"hello": 10})
    assert fold.through(5.5, 28.5) == []
    assert [(alert.kind, alert.action) for alert in fold.at(29)] == [("too_few_trips", "raised")]
