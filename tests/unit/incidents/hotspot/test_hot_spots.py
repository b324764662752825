"""Hot spots of requests: what is found, what is left alone, and that neither hangs on crashes."""

import math
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import h3
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.alerts import Alert
from streams.fold.contract import Record
from streams.grid.locate import rings
from streams.incidents.extremes import EULER, MOST_DAYS, Maxima
from streams.incidents.hotspot.alert import raised
from streams.incidents.hotspot.baseline import Day, Known, Rates, exposure
from streams.incidents.hotspot.rule import HotSpotRule
from streams.incidents.hotspot.scan import RINGS, STEP_MS, Cylinder, strongest
from streams.incidents.lifecycle import Place
from tests.pipeline import T0
from tests.unit.incidents.hotspot.brute import best
from tests.unit.incidents.hotspot.calls import (
    CITY,
    DAY,
    HOUR,
    MIDDLE,
    MINUTE,
    REGION,
    Call,
    Desk,
    burst,
    by_chance,
)

WEEK = 7 * 1440


def local_ij(cell: str) -> tuple[int, int]:
    """Return a cell's place on a lattice around the middle, so that no ring of the pipeline is asked."""
    i, j = h3.cell_to_local_ij(MIDDLE, cell)
    return i, -j


def test_a_city_that_calls_by_chance_raises_nothing() -> None:
    assert Desk().feed(by_chance(14, 100, seed=1)) == []


def test_requests_that_gather_are_told_with_where_and_when_and_cleared_when_it_is_over() -> None:
    desk, usual = Desk(), by_chance(9, 150, seed=2)
    start = 8 * 1440 + 600
    told = desk.feed(sorted([*usual, *burst(start, 180, 45, "heating", seed=3)]))
    (raised, *worse, cleared) = told
    assert (raised.kind, raised.subject, raised.action) == ("hot_spot", "heating", "raised")
    spot = raised.evidence.hot_spot
    assert spot is not None
    assert set(spot.cells) & set(rings(MIDDLE, 1)[1])
    assert T0 + start * MINUTE <= raised.updated_at <= T0 + (start + 90) * MINUTE
    assert spot.count >= HotSpotRule().least
    assert spot.expected < 0.1 * spot.count
    assert all(event.action == "updated" for event in worse)
    assert {event.evidence.first_offset for event in told} == {raised.evidence.offset}
    assert (cleared.action, cleared.alert_id) == ("cleared", raised.alert_id)
    assert cleared.updated_at >= T0 + (start + 120) * MINUTE + HotSpotRule().quiet_ms


def test_two_hot_spots_of_a_category_are_two_alerts() -> None:
    far = [CITY[-1], *rings(CITY[-1], 1)[1]]
    calls = [*by_chance(8, 150, seed=4), *burst(WEEK + 60, 120, 40, "heating", seed=5)]
    calls += burst(WEEK + 60, 120, 40, "heating", seed=6, cells=far)
    raised = [event for event in Desk().feed(sorted(calls)) if event.action == "raised"]
    assert len(raised) == 2
    one, other = (set(event.evidence.hot_spot.cells) for event in raised if event.evidence.hot_spot)
    assert one.isdisjoint(other)


def test_what_is_usual_is_no_hot_spot_after_a_month_without_requests() -> None:
    usual = by_chance(42, 100, seed=3)
    desk, month = Desk(), 30 * 1440
    told = desk.feed([call for call in usual if call[0] < 28 * 1440])
    desk.checkpoint()
    later = [(minute + month, *what) for minute, *what in usual if minute >= 28 * 1440]
    told += desk.feed(later[:500])  # type: ignore[arg-type]
    desk.crash()
    told += desk.feed(later[500:])  # type: ignore[arg-type]
    assert told == []
    hot = burst(2 * 1440 + 60, 180, 45, "heating", seed=3)
    assert desk.feed([(minute + later[-1][0], *what) for minute, *what in hot])  # type: ignore[misc]


def test_a_category_that_begins_with_the_end_of_an_outage_learns_by_its_own_time() -> None:
    desk, month = Desk(), 30 * 1440
    desk.feed(by_chance(28, 100, seed=3))
    later = [(minute + 28 * 1440 + month, cell, code) for minute, cell, code in by_chance(3, 100, seed=4)]
    desk.feed(sorted([(later[0][0], MIDDLE, "new"), *later, (later[-1][0], MIDDLE, "new")]))
    desk.checkpoint()
    part = desk.database.parts["incidents"]["hot_spot/category/82309ffffffffff/new"]
    _, (at, *_), _ = msgspec.msgpack.decode(part)
    assert at <= T0 + (later[-1][0] + 15) * MINUTE


def test_a_village_that_calls_once_a_week_had_no_outage() -> None:
    calls = [(week * WEEK, CITY[week % len(CITY)], "bin") for week in range(60)]
    desk = Desk()
    desk.feed(calls)
    desk.checkpoint()
    [progress] = [
        msgspec.msgpack.decode(part)
        for name, part in desk.database.parts["incidents"].items()
        if name.startswith("hot_spot/region/")
    ]
    assert progress[1][0] == T0


def test_a_batch_that_is_entered_at_one_desk_is_no_hot_spot() -> None:
    batch: list[Call] = [(WEEK + minute, MIDDLE, "road") for minute in (0, 1, 2, 3, 4) for _ in range(8)]
    assert Desk().feed(sorted([*by_chance(8, 150, seed=7), *batch])) == []


def test_a_category_that_always_comes_in_clusters_learns_its_own_threshold() -> None:
    """A crew that reports its street, every day in another one, is told at first, and then no more."""
    calls = by_chance(25, 40, seed=8)
    for day in range(25):
        street = [CITY[(31 * day) % len(CITY)]]
        street += rings(street[0], 1)[1]
        calls += burst(day * 1440 + 540, 120, 60, "lamp", seed=100 + day, cells=street)
    raised = [event for event in Desk().feed(sorted(calls)) if event.action == "raised"]
    assert raised
    assert max(event.updated_at for event in raised) < T0 + 15 * DAY


def test_an_amended_window_corrects_the_counts_and_is_not_counted_twice() -> None:
    plain, amended = Desk(), Desk()
    usual = by_chance(2, 100, seed=9)
    hot = burst(1440 + 660, 90, 45, "heating", seed=10)
    plain.feed(sorted([*usual, *hot]))
    for minute in sorted({minute for minute, _, _ in [*usual, *hot]}):
        rows = Counter((cell, code) for at, cell, code in [*usual, *hot] if at == minute)
        amended.close(minute, rows)
        amended.close(minute, rows, revision=1)
    assert plain.told
    assert [a.alert_id for a in amended.told] == [a.alert_id for a in plain.told]


def test_a_name_that_is_no_cell_is_refused() -> None:
    desk = Desk()
    desk.close(0, Counter({("no cell", "bin"): 1}))
    assert desk.refused == 1


def test_the_state_of_a_category_does_not_grow_without_end() -> None:
    desk = Desk()
    desk.feed(by_chance(3, 150, seed=11))
    desk.checkpoint()
    early = max(map(len, desk.database.parts["incidents"].values()))
    desk.feed([(minute + 3 * 1440, cell, code) for minute, cell, code in by_chance(10, 150, seed=12)])
    desk.checkpoint()
    assert max(map(len, desk.database.parts["incidents"].values())) < 2.5 * early


def test_categories_beyond_the_most_are_forgotten() -> None:
    desk = Desk(HotSpotRule(most=20))
    desk.feed([(minute, MIDDLE, f"code-{minute}") for minute in range(500)])
    desk.checkpoint()
    parts = [name for name in desk.database.parts["incidents"] if name.startswith("hot_spot/category/")]
    assert len(parts) <= 20
    assert "hot_spot/category/82309ffffffffff/code-499" in parts


@settings(max_examples=8, deadline=None)
@given(
    st.integers(0, 1000),
    st.lists(st.sampled_from(("", "", "", "checkpoint", "crash")), min_size=8, max_size=8),
)
def test_a_crash_changes_no_alert(seed: int, faults: list[str]) -> None:
    """replay_changes_nothing"""
    calls = sorted(
        [*by_chance(1, 30, seed), *burst(600, 90, 30, "heating", seed), *burst(900, 60, 25, "a/b", seed)]
    )
    plain, crashing = Desk(HotSpotRule(raise_at=12.0)), Desk(HotSpotRule(raise_at=12.0))
    size = len(calls) // len(faults) + 1
    for at, fault in enumerate(faults):
        some = calls[at * size : (at + 1) * size]
        plain.feed(some)
        crashing.feed(some)
        if fault == "checkpoint":
            crashing.checkpoint()
        elif fault == "crash":
            crashing.crash()
    told = {(alert.alert_id, alert.sequence): alert for alert in crashing.told}
    assert told == {(alert.alert_id, alert.sequence): alert for alert in plain.told}


def test_since_when_a_region_is_known_outlives_a_restart_in_its_first_quarter_of_an_hour() -> None:
    """Nothing was scanned until the checkpoint. What is expected hangs on for how long people could have called."""
    plain, restarted = Desk(HotSpotRule(raise_at=5.0)), Desk(HotSpotRule(raise_at=5.0))
    for desk in (plain, restarted):
        desk.feed([(1, MIDDLE, "bin")])
        if desk is restarted:
            desk.checkpoint()
            desk.crash()
        desk.feed(burst(14, 60, 40, "bin", seed=4))
        desk.close(120, Counter())
    assert plain.told
    assert restarted.told == plain.told


def test_a_hot_spot_between_two_is_that_of_the_same_one_after_a_restart() -> None:
    """Whatever order the database gives what was saved in."""
    line = h3.grid_path_cells(MIDDLE, h3.grid_ring(MIDDLE, 8)[0])
    west, between, east = ([line[n], *rings(line[n], 1)[1]] for n in (0, 3, 6))
    calls = [*by_chance(8, 150, seed=2), *burst(WEEK + 150, 200, 60, "heating", seed=4, cells=between)]
    calls += burst(WEEK + 60, 60, 40, "heating", seed=2, cells=west)
    calls += burst(WEEK + 60, 60, 40, "heating", seed=3, cells=east)
    before, after = (sorted(c for c in calls if (c[0] < WEEK + 140) is early) for early in (True, False))
    plain, restarted = Desk(), Desk()
    for desk in (plain, restarted):
        desk.feed(before)
        desk.checkpoint()
    parts = restarted.database.parts["incidents"]
    assert sum(name.startswith("hot_spot/spot/") for name in parts) == 2
    restarted.database.parts["incidents"] = dict(reversed(parts.items()))
    restarted.crash()
    assert restarted.feed(after) == plain.feed(after)


# ------------------------------------------------------------------ the parts


def test_the_score_of_a_well_known_rate_is_the_likelihood_ratio_of_poisson() -> None:
    day = Day(0, [0.0] * 24)
    end = T0 // STEP_MS * STEP_MS
    rates = Rates(end, 50_000.0, {cell: 50_000.0 / len(CITY) for cell in CITY})
    quarters = [end - STEP_MS * n for n in range(1, 9)]
    found = strongest(
        [MIDDLE], {MIDDLE: quarters}, end, lambda cell: rings(cell, RINGS), rates, day, len(CITY), 5
    )
    assert found is not None
    count, mean = found.count, found.expected
    assert found.score == pytest.approx(count * math.log(count / mean) - count + mean, rel=0.05)


def test_hours_in_which_people_call_more_are_worth_more() -> None:
    weights = Day(T0, [0.0] * 12 + [1_000.0] * 12).weights(T0 + DAY)
    assert exposure(weights, T0, T0 + DAY, UTC) == pytest.approx(24)
    assert weights[13] > 1.9
    assert weights[1] < 0.1


BERLIN = "Europe/Berlin"
SPRING = round(datetime(2026, 3, 29, 1, tzinfo=UTC).timestamp() * 1000)
"""The clocks of Berlin are put on, from 2 to 3 o'clock."""


def test_people_call_by_the_clock_and_so_do_hours_of_the_day() -> None:
    by_the_clock = Day(SPRING - 30 * DAY, [0.0] * 8 + [900.0] + [0.0] * 15, BERLIN)
    weights, zone = by_the_clock.weights(SPRING), ZoneInfo(BERLIN)
    for day, eight in ((-1, 7), (0, 6), (1, 6)):  # of UTC
        midnight = SPRING - HOUR + day * DAY
        hours = [
            exposure(weights, midnight + hour * HOUR, midnight + (hour + 1) * HOUR, zone)
            for hour in range(24)
        ]
        assert max(range(24), key=hours.__getitem__) == eight
    assert exposure(weights, SPRING + 30 * MINUTE, SPRING + 5 * HOUR, zone) == pytest.approx(4.5 * weights[3])


@pytest.mark.parametrize("zone", ["UTC", BERLIN, "Asia/Kolkata", "America/St_Johns"])
def test_requests_count_in_the_hour_that_the_clocks_show(zone: str) -> None:
    desk = Desk(HotSpotRule(zone=zone))
    desk.feed([(0, MIDDLE, "bin"), (75, MIDDLE, "bin"), (200, MIDDLE, "bin")])
    desk.close(400, Counter())
    desk.checkpoint()
    found = hours_of(desk)
    shown = [datetime.fromtimestamp(T0 / 1000 + 60 * minute, ZoneInfo(zone)).hour for minute in (0, 75, 200)]
    assert found == [float(shown.count(hour)) for hour in range(24)]


@pytest.mark.parametrize(
    ("zone", "hour", "shares"),
    [(BERLIN, 9, [1.0, 0.0]), ("Asia/Kolkata", 13, [0.5, 0.5]), ("UTC", 8, [1.0, 0.0])],
)
def test_hours_that_were_counted_by_other_clocks_are_turned(
    zone: str, hour: int, shares: list[float]
) -> None:
    """As those of versions before, by UTC. Until then they go on to be saved as they were."""
    desk = Desk()
    desk.feed([(8 * 60 + n, MIDDLE, "bin") for n in (1, 20, 40)])
    desk.close(10 * 60, Counter())
    desk.checkpoint()
    assert hours_of(desk)[8] == 3.0
    desk.rule = HotSpotRule(zone=zone)
    for _ in range(2):
        desk.crash()
    desk.close(11 * 60, Counter())
    desk.checkpoint()
    found = hours_of(desk)
    assert (found[hour : hour + 2], sum(found)) == ([3 * share for share in shares], 3.0)
    desk.crash()
    desk.close(12 * 60, Counter())
    desk.checkpoint()
    assert hours_of(desk) == found


def hours_of(desk: Desk) -> list[float]:
    """Return the requests by hour of the day, as they are stored."""
    day = msgspec.msgpack.decode(desk.database.parts["incidents"][f"hot_spot/region/{REGION}"])[1]
    return list(map(float, day[1]))


def test_hours_that_a_first_day_has_not_had_yet_are_worth_as_much_as_the_others() -> None:
    evenly = Day(T0, [50.0] * 4 + [0.0] * 20)
    assert evenly.weights(T0 + 4 * HOUR) == pytest.approx([1.0] * 24)
    assert Day(T0, [0.0] * 24).weights(T0) == [1.0] * 24


def test_an_hour_that_was_lived_through_in_part_is_not_taken_for_a_quiet_one() -> None:
    since = T0 + HOUR // 2
    evenly = Day(since, [25.0, 50.0, 50.0, 12.5, *[0.0] * 20])
    assert evenly.weights(since + 2 * HOUR + 3 * HOUR // 4) == pytest.approx([1.0] * 24)
    again = Day(since, [75.0, *[100.0] * 2, *[50.0] * 21])
    assert again.weights(since + DAY + 2 * HOUR + HOUR // 2) == pytest.approx([1.0] * 24)


def test_what_is_unknown_is_expected_with_more_variance() -> None:
    rates = Rates(T0, 5_000.0, {MIDDLE: 50.0}), Rates(T0, 5_000.0, {})
    one, other = (each.expected([MIDDLE], 1.0, Known(1_000.0, 1_000.0, 0, 0, 100)) for each in rates)
    assert one.variance / one.mean < other.variance / other.mean * 1.2
    assert one.mean**2 / (one.variance - one.mean) > 50 * other.mean**2 / (other.variance - other.mean)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_the_strongest_cylinder_is_that_of_a_search_through_all_of_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    at = {cell: local_ij(cell) for cell in CITY}
    known, now = int(rng.integers(8, 120)), 40_000
    hot = rings(CITY[int(rng.integers(len(CITY) // 2))], 1)
    picked = [CITY[n] for n in rng.integers(len(CITY), size=30)] + [
        (*hot[0], *hot[1])[n] for n in rng.integers(7, size=15)
    ]
    slots = sorted(
        {(cell, now - 1 - int(n)) for cell, n in zip(picked, rng.integers(known, size=45), strict=True)}
    )
    slots = [(cell, quarter) for cell, quarter in slots if quarter >= now - 96]
    asked: dict[str, set[int]] = {}
    for cell, quarter in slots:
        asked.setdefault(cell, set()).add(quarter * STEP_MS)
    day = Day((now - known) * STEP_MS, [0.0] * 24)
    found = strongest(
        CITY, asked, now * STEP_MS, lambda cell: rings(cell, RINGS), Rates(0, 0.0, {}), day, 250, 5
    )
    truth = best([(at[cell], quarter) for cell, quarter in slots], now, known, list(at.values()), 250, 5)
    assert (found is None) == (truth is None)
    if found is not None and truth is not None:
        assert found.score == pytest.approx(truth.score)


def test_a_hot_spot_is_no_part_of_what_is_expected_of_it() -> None:
    """It lasts for as long as people call: its first hours do not make the later ones usual."""
    desk, start = Desk(), 8 * 1440 + 600
    desk.feed(sorted([*by_chance(10, 150, seed=2), *burst(start, 720, 120, "heating", seed=3)]))
    (raised, *worse, cleared) = desk.told
    spots = [event.evidence.hot_spot for event in (raised, *worse)]
    assert all(spot is not None and spot.expected < 0.01 * spot.count for spot in spots)
    assert cleared.updated_at >= T0 + (start + 690) * MINUTE + HotSpotRule().quiet_ms


def test_a_desk_that_always_calls_is_no_hot_spot_of_its_first_days() -> None:
    """Nobody knows on a first day whether a place calls all day, every day."""
    desk: list[Call] = [(minute, MIDDLE, "desk") for minute in range(0, 6 * 1440, 60)]
    assert Desk().feed(sorted([*by_chance(6, 150, seed=13), *desk])) == []


def test_how_often_such_a_hot_spot_comes_is_said_when_it_is_known() -> None:
    known = [
        *by_chance(9, 150, seed=2, codes=("heating",)),
        *burst(8 * 1440 + 600, 180, 60, "heating", seed=3),
    ]
    new = [*by_chance(1, 150, seed=2), *burst(600, 180, 60, "heating", seed=3)]
    of_known, of_new = (
        next(e.evidence.hot_spot for e in Desk().feed(sorted(calls)) if e.action == "raised")
        for calls in (known, new)
    )
    assert of_known is not None
    assert of_known.recurrence_days is not None
    assert of_known.recurrence_days >= HotSpotRule().days
    assert of_new is not None
    assert of_new.recurrence_days is None


def test_how_often_a_hot_spot_comes_is_said_of_all_categories_together() -> None:
    """There are three. By this rule chance alone is told once a day."""
    usual, since = by_chance(10, 150, seed=2, codes=("bin", "noise", "road")), 9 * 1440 + 600
    desk = Desk(HotSpotRule(raise_at=1.0, days=1.0))
    desk.feed(call for call in usual if call[0] < since)
    desk.checkpoint()
    compared = 0
    for event in desk.feed(call for call in usual if call[0] >= since):
        part = desk.database.parts["incidents"][f"hot_spot/category/{REGION}/{event.subject}"]
        _, _, (_, mean, variance, *_) = msgspec.msgpack.decode(part)
        spot, scale = event.evidence.hot_spot, math.sqrt(6 * variance) / math.pi
        assert spot is not None
        assert spot.recurrence_days is not None
        assert spot.recurrence_days >= 1.0
        if spot.recurrence_days < MOST_DAYS:
            days = 1 / -math.expm1(-math.exp(-(spot.score - mean) / scale - EULER)) / 3
            assert spot.recurrence_days == pytest.approx(days, abs=0.06), "to a tenth"
            compared += 1
    assert compared


def test_the_threshold_is_the_quantile_of_a_gumbel_law() -> None:
    maxima = Maxima(days=100, mean=10.0 + EULER * 2.0, variance=(2.0 * math.pi) ** 2 / 6)
    for days in (10.0, 100.0, 1_000.0):
        score = maxima.threshold(0.0, days)
        assert math.exp(-math.exp(-(score - 10.0) / 2.0)) == pytest.approx(1 - 1 / days)
        assert maxima.recurrence_days(score) == pytest.approx(days)
        assert maxima.recurrence_days(score, 5) == pytest.approx(days / 5)
    assert maxima.recurrence_days(1_000.0) == MOST_DAYS
    assert maxima.recurrence_days(1_000.0, 1_000) == MOST_DAYS, "of all of them: it was so much for each"
    assert Maxima(days=6, mean=10.0, variance=1.0).recurrence_days(50.0) is None
    assert Maxima(days=100, mean=10.0).recurrence_days(11.0) == MOST_DAYS
    assert Maxima(days=100, mean=10.0).recurrence_days(9.0) == 1.0
    assert maxima.threshold(50.0, 10.0) == 50.0
    assert Maxima(days=3).threshold(20.0, 10.0) == 40.0


@pytest.mark.parametrize("crash", [False, True])
def test_requests_that_are_told_after_their_quarter_was_scanned_are_a_hot_spot_all_the_same(
    crash: bool,
) -> None:
    """So are those of a message that follows another one with the same watermark."""
    desk, noon = Desk(), 9 * 1440 + 600
    desk.feed(by_chance(9, 60, seed=1))
    desk.close(noon + 100, Counter({(CITY[200], "road"): 1}))
    for minute, cell, code in burst(noon, 60, 40, "bin", seed=3):
        assert desk.close(minute, Counter({(cell, code): 1}), watermark=noon + 101) == []
    desk.checkpoint()
    if crash:
        desk.crash()
    [raised] = desk.close(noon + 121, Counter({(CITY[210], "noise"): 1}))
    assert (raised.action, raised.subject, raised.updated_at) == ("raised", "bin", T0 + (noon + 105) * MINUTE)
    assert desk.close(noon + 136, Counter({(CITY[211], "noise"): 1})) == []


def test_a_hot_spot_ends_though_nobody_calls_any_more() -> None:
    desk, noon = Desk(), 9 * 1440 + 600
    told = desk.feed(sorted([*by_chance(9, 60, seed=1), *burst(noon, 60, 40, "bin", seed=3)]))
    assert "cleared" not in [event.action for event in told]
    loud = max(event.updated_at for event in told)
    quiet = (loud + HotSpotRule().quiet_ms + DAY - T0) // MINUTE
    assert desk.time(quiet - 60) == []
    [cleared] = desk.time(quiet + 180)
    assert (cleared.alert_id, cleared.action) == (told[0].alert_id, "cleared")
    assert cleared.ends_at is not None
    assert abs(cleared.ends_at - loud - HotSpotRule().quiet_ms) < 60 * MINUTE, (
        "when it ended, not when it is told"
    )


@pytest.mark.parametrize(("later", "ended"), [(780, True), (300, True), (270, False)])
def test_after_a_backlog_the_hot_spots_are_those_that_would_have_been_told_in_time(
    later: int, ended: bool
) -> None:
    """The worker was away while people called about one place, in the morning and some minutes later.

    After 270 they call in the quarter of an hour at whose end the first hot spot would have ended.
    """
    calls, since = by_chance(11, 150, seed=2), 9 * 1440
    first, again = since + 600, since + 600 + later
    calls += burst(first, 60, 40, "bin", seed=3) + burst(again, 60, 40, "bin", seed=5)
    told, at_once = told_of(calls, since)
    ends = [event.ends_at for event in told if event.subject == "bin" and event.ends_at is not None]
    assert any(end < T0 + (again + 60) * MINUTE for end in ends) is ended
    assert said(at_once) == said(told)


def test_what_people_call_about_for_the_first_time_changes_nothing_of_what_was_before_it() -> None:
    """The worker was away meanwhile. More categories have more days with great scores, but only from then on."""
    calls, since = by_chance(11, 150, seed=2), 9 * 1440
    calls += burst(since + 600, 60, 16, "bin", seed=3) + burst(since + 1380, 60, 40, "bin", seed=5)
    calls += burst(since + 2820, 60, 3, "snow", seed=7)
    told, at_once = told_of(calls, since)
    spots = [event.evidence.hot_spot for event in told]
    assert any(spot and 0 < (spot.recurrence_days or 0) < MOST_DAYS for spot in spots)
    assert said(at_once) == said(told)


def test_what_is_usual_is_the_same_to_the_last_digit_in_whatever_order_cells_were_heard_of() -> None:
    calls = [(15 * quarter, cell, "bin") for quarter, cell in enumerate(CITY[:60])]
    learnt = []
    for order in (calls, [calls[0], *reversed(calls[1:])]):
        desk = Desk()
        for minute, cell, code in order:
            desk.close(minute, Counter([(cell, code)]), watermark=0)
        desk.feed([(3 * 1440, MIDDLE, "bin"), (3 * 1440 + 15, MIDDLE, "bin")])
        desk.checkpoint()
        part = desk.database.parts["incidents"][f"hot_spot/category/{REGION}/bin"]
        _, (_, total, cells), _ = msgspec.msgpack.decode(part)
        assert total > 0
        learnt.append((total, cells))
    assert learnt[0] == learnt[1]


def told_of(calls: Iterable[Call], since: int) -> tuple[list[Alert], list[Alert]]:
    """Return the alerts told from a minute on by one who was there, and by one who heard of all of it at once."""
    before = sorted(call for call in calls if call[0] < since)
    missed = sorted(call for call in calls if call[0] >= since)
    in_time, away = Desk(), Desk()
    for desk in (in_time, away):
        desk.feed(before)
    return in_time.feed(missed), away.feed_at_once(missed)


def said(events: Iterable[Alert]) -> list[tuple[object, ...]]:
    return sorted(
        (
            one.alert_id, one.sequence, one.action, one.severity, one.starts_at, one.ends_at, one.updated_at,
            one.evidence.hot_spot,
        )
        for one in events
    )  # fmt: skip


def test_two_regions_that_find_one_centre_on_their_border_tell_an_alert_each() -> None:
    found = Cylinder(MIDDLE, frozenset([MIDDLE]), T0, T0 + STEP_MS, 6, 0.1, 40.0)
    place, record = Place(31.2, 121.5, "default"), Record("ub.cells", 0, 7, b"", 0)
    ids = {
        raised(found, region, "water", place, "minor", HotSpotRule(), None, record).alert_id
        for region in ("823087fffffffff", "82309ffffffffff")
    }
    assert len(ids) == 2


def test_of_one_cell_a_hot_spot_says_cell() -> None:
    found = Cylinder(MIDDLE, frozenset([MIDDLE]), T0, T0 + STEP_MS, 6, 0.1, 40.0)
    place, record = Place(31.2, 121.5, "default"), Record("ub.cells", 0, 7, b"", 0)
    alert = raised(found, "823087fffffffff", "water", place, "minor", HotSpotRule(), None, record)
    assert alert.summary.startswith("6 requests of 'water' in 1 cell within ")


def test_a_category_that_is_written_with_joiners_is_told_as_it_is_written() -> None:
    found = Cylinder(MIDDLE, frozenset([MIDDLE]), T0, T0 + STEP_MS, 6, 0.1, 40.0)
    place, record = Place(31.2, 121.5, "default"), Record("ub.cells", 0, 7, b"", 0)
    code = "\u0622\u0628\u200c\u0647\u0627"
    alert = raised(found, "823087fffffffff", code, place, "minor", HotSpotRule(), None, record)
    assert f" of '{code}' in 1 cell" in alert.summary
