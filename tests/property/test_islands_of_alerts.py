"""Alerts of one cell against islands and gaps: when it is too full by hand, and with damping which gaps are filled."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import Alert
from streams.incidents.damping import NEVER, FlapConfig
from tests.pipeline import T0
from tests.unit.incidents.test_damping import Damped
from tests.unit.incidents.test_lifecycle import RULE

QUIET_S = 50
looks = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([0, 47, 48, 59, 60, 61, 89, 90, 120])),
    min_size=1,
    max_size=60,
)
Looks = list[tuple[int, int]]
Island = tuple[int, int | None]
"""Seconds at which an alert is raised and cleared; None: it is open at the end."""


def islands(steps: Looks, min_duration_s: int) -> list[Island]:
    """Raised when it held 60 or more for so long, cleared below 48: straight from docs/semantics.md."""
    found: list[Island] = []
    second, since = 0, None
    for step, bikes in steps:
        second += step
        if found and found[-1][1] is None:
            if bikes < 48:
                found[-1] = (found[-1][0], second)
            continue
        since = None if bikes < 60 else second if since is None else since
        if since is not None and second - since >= min_duration_s:
            found.append((second, None))
            since = None
    return found


def filled(plain: list[Island], seconds: int) -> list[Island]:
    """Fill the gaps of at most QUIET_S, and end all others after so long; `seconds` until the last look."""
    found: list[Island] = []
    for begin, end in plain:
        last = found[-1][1] if found else None
        first = found.pop()[0] if last is not None and begin <= last else begin
        found.append((first, None if end is None else end + QUIET_S))
    return [(begin, None if end is None or end > seconds else end) for begin, end in found]


def told(city: Damped, steps: Looks, crash_at: int | None = None) -> list[Alert]:
    second, found = 0, []
    for number, (step, bikes) in enumerate(steps):
        second += step
        found += city.look(second, {"north": bikes})
        if number == crash_at:
            city.again()
    return found


def as_islands(events: list[Alert]) -> list[Island]:
    lives: dict[str, list[Alert]] = {}
    for event in events:
        lives.setdefault(event.alert_id, []).append(event)
    found = []
    for life in lives.values():
        assert [event.sequence for event in life] == list(range(len(life)))
        ends_at = life[-1].ends_at
        found.append(((life[0].updated_at - T0) // 1000, None if ends_at is None else (ends_at - T0) // 1000))
    return found


@given(looks, st.sampled_from([0, 1, 30, 100]))
def test_without_damping_every_island_is_an_alert_no_more_no_less(steps: Looks, min_duration_s: int) -> None:
    city = Damped(NEVER, replace(RULE, min_duration_ms=min_duration_s * 1000))
    assert as_islands(told(city, steps)) == islands(steps, min_duration_s)


backward = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([0, 60, 60, 90]), st.sampled_from([0, 0, 5, 60, 3600])),
    min_size=1,
    max_size=60,
)


@given(backward, st.integers(0, 59))
def test_looks_at_times_that_go_back_are_looks_at_the_newest_time(
    steps: list[tuple[int, int, int]], crash_at: int
) -> None:
    """Each step goes on by so many seconds, and has so many bikes at a time so many seconds back."""
    city, second, newest = Damped(NEVER, replace(RULE, min_duration_ms=30_000)), 0, 0
    events: list[Alert] = []
    forth: Looks = []
    for number, (step, bikes, back) in enumerate(steps):
        second += step
        events += city.look(max(second - back, 0), {"north": bikes})
        forth.append((max(second - back - newest, 0), bikes))
        newest = max(newest, second - back)
        if number == crash_at:
            city.again()
    assert as_islands(events) == islands(forth, 30)


@given(looks, st.sampled_from([0, 30]), st.integers(0, 59))
def test_with_damping_from_the_first_raise_on_short_gaps_are_filled(
    steps: Looks, min_duration_s: int, crash_at: int
) -> None:
    flaps = FlapConfig(raises=1, window_ms=1, quiet_ms=QUIET_S * 1000)
    city = Damped(flaps, replace(RULE, min_duration_ms=min_duration_s * 1000))
    found = as_islands(told(city, steps, crash_at))
    assert found == filled(islands(steps, min_duration_s), sum(step for step, _ in steps))


@given(looks, st.lists(st.integers(0, 2_400), max_size=60))
def test_looks_that_find_nothing_changed_change_nothing_of_what_flaps(
    steps: Looks, others: list[int]
) -> None:
    flaps = FlapConfig(raises=2, window_ms=200_000, quiet_ms=QUIET_S * 1000)
    few, many = (Damped(flaps, replace(RULE, min_duration_ms=0)) for _ in range(2))
    found, second = as_islands(told(few, [*steps, (3_000, 0)])), 0
    events: list[Alert] = []
    for step, bikes in [*steps, (3_000, 0)]:
        for between in sorted(other for other in others if second < other < second + step):
            events += many.look(between)
        second += step
        events += many.look(second, {"north": bikes})
    assert as_islands(events) == found


@given(looks)
def test_damping_opens_and_closes_no_alert_more_often(steps: Looks) -> None:
    flaps = FlapConfig(raises=3, window_ms=200_000, quiet_ms=QUIET_S * 1000)
    rule = replace(RULE, min_duration_ms=0)
    damped = [event.action for event in told(Damped(flaps, rule), steps)]
    plain = [event.action for event in told(Damped(NEVER, rule), steps)]
    assert damped.count("raised") <= plain.count("raised")
    assert damped.count("cleared") <= plain.count("cleared")
