"""What holds for every event. A new one needs an example in EXAMPLES, and in WRONG if it names what may not exist."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime, timedelta
from functools import cache

import pytest

from sensors_sim.city import parse_city
from sensors_sim.encode import arrays
from sensors_sim.events.accident import Accident
from sensors_sim.events.ailing import SensorBroken, SensorDrifting, SensorSilent, SensorStuck
from sensors_sim.events.burst import BurstPipe
from sensors_sim.events.catalogue import EVENTS
from sensors_sim.events.closure import MetroClosure
from sensors_sim.events.concert import Concert
from sensors_sim.events.contract import Event
from sensors_sim.events.dump import BikeDump
from sensors_sim.events.fake_gps import FakeGps
from sensors_sim.events.flood import Flood
from sensors_sim.events.free_rides import FreeRides
from sensors_sim.events.heat import Heat
from sensors_sim.events.hotline_away import RequestsSilent
from sensors_sim.events.outage import AppOutage
from sensors_sim.events.racing import Racing
from sensors_sim.events.rain import Rain
from sensors_sim.scenario import Scenario
from sensors_sim.sources.simulated import SimulatedCity
from sensors_sim.tables import Problems, Refused, build, key_of

BEGINS_S, LASTS_S = 2_430.0, 300.0
MINUTES = 48
EXAMPLES: tuple[Event, ...] = (
    Accident("Yanggao Road", "Century Park", BEGINS_S, LASTS_S),
    AppOutage("hello", BEGINS_S, LASTS_S, minimum=3.25, rule="r1"),
    BikeDump("didi", "Century Avenue", BEGINS_S, bikes=60),
    BurstPipe("Century Avenue", BEGINS_S, LASTS_S),
    Concert("Century Park", BEGINS_S, LASTS_S, people=5_000),
    FakeGps("hello-000003", "Shanghai Disney Resort", BEGINS_S, LASTS_S),
    Flood("Century Avenue", BEGINS_S, fill_s=60, hold_s=60, drain_s=60, bikes=100),
    FreeRides("didi", BEGINS_S, LASTS_S, maximum=6.5, rule="r1", riders=4),
    Heat(BEGINS_S, LASTS_S, degrees=9),
    MetroClosure("Century Avenue", BEGINS_S, LASTS_S, riders_h=900),
    Racing("Century Avenue", BEGINS_S, LASTS_S, riders=5),
    Rain(BEGINS_S, LASTS_S, mm_h=20),
    RequestsSilent(BEGINS_S, LASTS_S),
    SensorBroken(("traffic-00003",), BEGINS_S, LASTS_S),
    SensorDrifting(("traffic-00003",), BEGINS_S, LASTS_S, by_h=50),
    SensorSilent(("traffic-00003",), BEGINS_S, LASTS_S),
    SensorStuck(("traffic-00003",), BEGINS_S, LASTS_S),
)
WRONG: Mapping[type[Event], tuple[Event, str, str]] = {
    Accident: (Accident("Main Street", "Century Park", 0, 1), "road", "no such road"),
    AppOutage: (AppOutage("helo", 0, 1, 1, "r1"), "operator", "did you mean 'hello'?"),
    BikeDump: (BikeDump("helo", "Century Avenue", BEGINS_S), "operator", "did you mean 'hello'?"),
    BurstPipe: (BurstPipe("Atlantis", 0, 1), "near", "no metro or office or leisure place"),
    Concert: (Concert("Century Avenue", 0, 1, 1), "place", "no leisure place of that name"),
    FakeGps: (
        FakeGps("hello-900000", "Century Park", 0, 1),
        "vehicle",
        "there are hello-000000 to hello-000335",
    ),
    Flood: (Flood("Century Avenu", 0, 1, 1, 1, 1), "station", "did you mean 'Century Avenue'?"),
    FreeRides: (FreeRides("helo", 0, 1, 1, "r1"), "operator", "did you mean 'hello'?"),
    MetroClosure: (MetroClosure("Centry Park", 0, 1), "station", "did you mean 'Century Park'?"),
    Racing: (Racing("Atlantis", 0, 1, 1), "near", "no metro or office or leisure place"),
    SensorBroken: (SensorBroken(("noise-00001",), 0, 1, value=50), "value", "laeq goes from 0 to 160"),
    SensorDrifting: (SensorDrifting(("noise-00001",), 0, 1, by_h=0), "by_h", "it would not drift"),
    SensorSilent: (SensorSilent(("noise-90000",), 0, 1), "sensors", "there are noise-00000 to noise-00007"),
    SensorStuck: (SensorStuck(("nois-00001",), 0, 1), "sensors", "did you mean 'noise-00000'?"),
}
every_event = pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.key)


def scenario(*events: Event) -> Scenario:
    start = datetime(2026, 3, 3, 8, 0)
    return Scenario("drawn", "", start, timedelta(minutes=MINUTES), bikes=800, sensors=100, events=events)


@cache
def told(*events: Event) -> dict[int, list[tuple[str, bytes]]]:
    """What a scenario publishes, by minute."""
    of, minutes = scenario(*events), {}
    for number, batch in enumerate(SimulatedCity(of).batches()):
        minutes.setdefault(number // 12, []).extend((m.topic, m.payload) for m in arrays(batch, 500))
    return minutes


def test_every_event_has_an_example_and_a_name_of_its_own() -> None:
    assert [type(event) for event in EXAMPLES] == list(EVENTS.values())
    assert all(EVENTS[event.key] is type(event) for event in EXAMPLES)


def test_every_event_that_names_something_has_an_example_of_a_wrong_name() -> None:
    names_nothing = {Heat, Rain, RequestsSilent}
    assert set(WRONG) == set(EVENTS.values()) - names_nothing


@every_event
def test_it_says_when_where_and_what(event: Event) -> None:
    assert 0 <= event.begins_s < event.ends_s
    assert event.where
    assert f"from minute {event.begins_s / 60:g} " in event.explain()
    event.check(scenario().scene())


@every_event
def test_it_can_be_written_as_a_table_and_read_again(event: Event) -> None:
    table = {
        key_of(field): f"{value} s"
        if field.name.endswith("_s")
        else list(value)
        if isinstance(value, tuple)
        else value
        for field in fields(event)  # type: ignore[arg-type]
        for value in [getattr(event, field.name)]
    }
    problems = Problems()
    assert build(type(event), table, "events[0]", problems, None) == event, problems.lines


@every_event
def test_it_changes_what_is_published_but_not_before_its_time(event: Event) -> None:
    with_it, without = told(event), told()
    first = (
        0 if isinstance(event, BikeDump | Concert) else int(BEGINS_S // 60)
    )  # lorries and audiences set out before
    assert all(with_it[minute] == without[minute] for minute in range(first))
    assert any(with_it[minute] != without[minute] for minute in range(first, MINUTES))


def test_all_of_them_together_tell_the_same_bytes_from_the_same_seed() -> None:
    assert told.__wrapped__(*EXAMPLES) == told(*EXAMPLES)


@every_event
def test_its_truth_is_about_its_time_and_names_cells(event: Event) -> None:
    scene = scenario(event).scene()
    for entry in event.truth(scene):
        assert entry.from_ms < entry.to_ms
        assert entry.to_ms > scene.at(event.begins_s)
        assert entry.verdict in {"due", "may"}
        assert entry.why
        assert all(len(cell) == 15 for cell in entry.cells)
        assert entry.cells or entry.subject or isinstance(event, Heat | Rain)


def test_bikes_are_conserved_by_all_of_them_together() -> None:
    fleet = scenario(*EXAMPLES).fleet()
    while fleet.now < scenario().end_ms:
        fleet.step(fleet.now + 300_000)
        assert fleet.stock.sum() == 800
        assert fleet.stock.min() >= 0


@pytest.mark.parametrize(("event", "key", "said"), WRONG.values(), ids=[kind.key for kind in WRONG])
def test_what_does_not_exist_is_refused_by_its_key(event: Event, key: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        event.check(scenario().scene())
    assert caught.value.key == key
    assert said in caught.value.rule


def test_nobody_races_in_a_city_without_a_place_to_race_to() -> None:
    town = parse_city(
        b"""
        name = "Town"
        time_zone = "Europe/Oslo"
        outline = [[59.9, 10.7], [59.9, 10.7362], [59.9182, 10.7362], [59.9182, 10.7]]
        stations = [{name = "A", at = [59.909, 10.718]}, {name = "B", at = [59.91, 10.722]}]
        """,
        "town.toml",
    )
    racing = Racing("A", BEGINS_S, LASTS_S, riders=1)
    with pytest.raises(Refused, match=r"Town has no place 1\.8 to 3 km from there to race to"):
        racing.check(replace(scenario(), city=town).scene())
