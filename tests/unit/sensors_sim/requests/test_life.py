"""The lives of some thousand requests of every category."""

from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from sensors_sim.requests.agencies import HOTLINE, HOUR_MS
from sensors_sim.requests.catalogue import CATEGORIES, Category
from sensors_sim.requests.events import Event
from sensors_sim.requests.life import RATED, Complaint, life
from sensors_sim.rhythm import SHANGHAI, local
from tests.unit.sensors_sim.lived import when

MONDAY = when(2026, 3, 2)
CODES = sorted(CATEGORIES)


def complaint(category: Category, ts: int, place: str, solved_at: int | None = None) -> Complaint:
    return Complaint(category, ts, 31.2, 121.55, place, "Beicai", SHANGHAI, solved_at)


@cache
def lives(code: str, n: int = 1_500) -> list[list[Event]]:
    """Lives of requests opened at any minute of a week."""
    rng = np.random.default_rng([1, *code.encode()])
    category = CATEGORIES[code]
    return [
        life(
            f"r-{i}",
            complaint(category, MONDAY + int(rng.integers(7 * 24 * HOUR_MS)), "Century Park"),
            rng,
        )
        for i in range(n)
    ]


def kinds(events: list[Event]) -> list[str]:
    return [event.event for event in events]


@pytest.mark.parametrize("code", CODES)
def test_a_life_is_opened_updated_closed_and_perhaps_rated_and_a_reopened_one_goes_through_all_again(
    code: str,
) -> None:
    for events in lives(code):
        path = [kind for kind in kinds(events) if kind != "updated"]
        assert path in (
            ["opened", "closed"],
            ["opened", "closed", "rated"],
            ["opened", "closed", "rated", "opened", "closed"],
            ["opened", "closed", "rated", "opened", "closed", "rated"],
        )
        assert all(later.ts > earlier.ts for earlier, later in pairwise(events))
        assert kinds(events)[1] == "updated"


@pytest.mark.parametrize("code", CODES)
def test_every_opening_names_place_category_agency_district_and_when_it_is_due(code: str) -> None:
    category = CATEGORIES[code]
    for events in lives(code):
        for event in events:
            if event.event == "opened":
                assert (event.service_code, event.agency_responsible) == (code, category.agency.name)
                assert (event.lat, event.lon, event.district) == (31.2, 121.55, "Beicai")
                assert event.expected_datetime == event.ts + category.due_h * HOUR_MS
                assert event.description is not None
                assert "Century Park" in event.description
            if event.event == "rated":
                assert event.satisfaction in range(1, 6)
                assert event.resolved is not None


@pytest.mark.parametrize("code", CODES)
def test_an_agency_closes_half_of_its_requests_within_the_time_that_is_its_own(code: str) -> None:
    agency = CATEGORIES[code].agency
    early = late = 0
    for events in lives(code):
        opened, closed = events[0].ts, events[kinds(events).index("closed")].ts
        median = agency.after(opened, int(agency.median_h * HOUR_MS))
        early += closed < median
        late += closed > median
    assert 0.45 < early / (early + late) < 0.55


def test_some_requests_are_reopened_and_some_are_overdue() -> None:
    every = [events for code in CODES for events in lives(code)]
    reopened = sum(kinds(events).count("opened") > 1 for events in every) / len(every)
    overdue = sum(
        events[kinds(events).index("closed")].ts > (events[0].expected_datetime or 0) for events in every
    ) / len(every)
    assert 0.03 < reopened < 0.15
    assert 0.03 < overdue < 0.3


def test_ratings_are_given_in_the_hotlines_hours_and_are_worse_for_what_came_late() -> None:
    in_time: list[int] = []
    late: list[int] = []
    answered: Counter[bool] = Counter()
    for code in CODES:
        for events in lives(code):
            closed = kinds(events).index("closed")
            rated = events[closed + 1] if len(events) > closed + 1 else None
            answered[rated is not None] += 1
            if rated is not None and rated.satisfaction is not None:
                assert HOTLINE.opens <= local(rated.ts).hour <= HOTLINE.closes
                due = events[0].expected_datetime or 0
                (in_time if events[closed].ts <= due else late).append(rated.satisfaction)
    assert np.mean(late) < np.mean(in_time) - 0.7
    assert answered[True] / answered.total() == pytest.approx(RATED, abs=0.02)


def test_nothing_is_closed_before_its_cause_is_gone() -> None:
    rng = np.random.default_rng(1)
    solved_at = MONDAY + 30 * HOUR_MS
    for i in range(300):
        events = life(f"r-{i}", complaint(CATEGORIES["heating"], MONDAY, "x", solved_at), rng)
        assert all(event.ts > solved_at for event in events if event.event == "closed")


def test_categories_have_their_own_time_and_texts() -> None:
    assert len({category.due_h for category in CATEGORIES.values()}) >= 5
    for category in CATEGORIES.values():
        assert len(category.texts) >= 3
        assert all("{place}" in text for text in category.texts)
        assert category.agency.median_h < category.due_h
