"""Sensors of one owner that are silent together are told as its feed (docs/semantics.md), and so the truth has it."""

from datetime import datetime, timedelta

from sensors_sim.events.ailing import SensorBroken, SensorSilent
from sensors_sim.events.contract import Event
from sensors_sim.scenario import Scenario
from sensors_sim.truth.entry import Entry
from sensors_sim.truth.witness import Witness

H = 3_600.0


def told(*events: Event, only: tuple[str, ...] = ("water", "air", "noise", "weather")) -> list[Entry]:
    """Return what is true of ten sensors of each kind; noise, air and weather have one owner."""
    counts = {"water": 10, "noise": 10, "air": 10, "weather": 10}
    city = Scenario(
        "x", "", datetime(2026, 3, 10, 6), timedelta(hours=12), bikes=1, sensors=counts, events=events
    )
    witness = Witness(city, only)
    return list(witness._entries(city.end_ms))


def of(kind: str, entries: list[Entry], verdict: str = "due") -> list[tuple[str | None, float, float]]:
    """Return subject, and hours after six, of the entries of a kind."""
    start = datetime.fromisoformat("2026-03-10T06:00+08:00").timestamp() * 1000
    hours = [((e.from_ms - start) / 3.6e6, (e.to_ms - start) / 3.6e6) for e in entries]
    return [
        (e.subject, round(first, 2), round(last, 2))
        for e, (first, last) in zip(entries, hours, strict=True)
        if (e.kind, e.verdict) == (kind, verdict)
    ]


def some(kind: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{kind}-{number:05d}" for number in numbers)


def test_a_district_that_falls_silent_as_a_whole_is_due_as_one_feed() -> None:
    entries = told(SensorSilent(some("water", *range(8)), 2 * H, 2 * H))
    assert of("feed_silent", entries) == [("city-water", 2.0, 4.08)]
    assert of("sensor_silent", entries) == []
    assert len(of("sensor_silent", entries, "may")) == 8, "who is told one by one has not told anything wrong"


def test_too_few_for_a_feed_are_due_one_by_one() -> None:
    entries = told(SensorSilent(some("water", *range(7)), 2 * H, 2 * H))
    assert of("feed_silent", entries) == of("feed_silent", entries, "may") == []
    assert len(of("sensor_silent", entries)) == 7


def test_a_feed_consists_of_what_is_published() -> None:
    silent = SensorSilent(some("noise", *range(10)), 2 * H, 2 * H)
    assert of("feed_silent", told(silent)) == []
    assert [subject for subject, *_ in of("feed_silent", told(silent, only=("noise",)))] == ["city-air"]
    assert of("sensor_silent", told(silent, only=("noise",))) == []


def test_silences_of_two_events_count_together_and_one_that_lasts_longer_is_due_by_itself_too() -> None:
    """
    hour        2   3   4   5   6   7
    0 to 4      |=======|
    5 to 9          |===========|
    all of them     |---|                 a feed
    5 to 9 alone         |~~~~~~|         each due, an hour after the feed is back
    """
    entries = told(
        SensorSilent(some("water", *range(5)), 2 * H, 2 * H),
        SensorSilent(some("water", *range(5, 10)), 3 * H, 3 * H),
    )
    assert of("feed_silent", entries) == [("city-water", 3.0, 4.08)]
    due = [subject for subject, *_ in of("sensor_silent", entries)]
    assert due == [*some("water", *range(10))], "the first five were silent for an hour before"


def test_a_feed_that_is_silent_for_less_than_it_takes_to_miss_it_is_tolerated_only() -> None:
    entries = told(SensorSilent(some("water", *range(10)), 2 * H, H / 2))
    assert of("feed_silent", entries) == []
    assert of("feed_silent", entries, "may") == [("city-water", 2.0, 2.58)]


def test_broken_sensors_are_heard_and_make_no_silent_feed() -> None:
    entries = told(SensorBroken(some("water", *range(10)), 2 * H, 2 * H))
    assert "feed_silent" not in {entry.kind for entry in entries}
