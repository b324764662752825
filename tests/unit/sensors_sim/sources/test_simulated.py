from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from sensors_sim.bikes import Fleet
from sensors_sim.encode import arrays
from sensors_sim.events.contract import Event, Scene
from sensors_sim.scenario import Scenario, shipped
from sensors_sim.sensors.world import SHARES, World
from sensors_sim.sources.simulated import POPULATIONS, SimulatedCity


def scenario(minutes: float = 6.5, seed: int = 1) -> Scenario:
    duration = timedelta(minutes=minutes)
    return shipped("metro-flood").with_(bikes=1_500, sensors=400, seed=seed, duration=duration)


def messages(of: Scenario, only: Collection[str] = POPULATIONS) -> list[tuple[str, bytes]]:
    return [
        (message.topic, message.payload)
        for batch in SimulatedCity(of, only).batches()
        for message in arrays(batch, 500)
    ]


def test_a_city_reports_from_its_start_to_its_end_in_order_of_time() -> None:
    source, last = SimulatedCity(scenario()), 0
    for batch in source.batches():
        assert len(batch) == 0 or last <= batch.ts[0]
        assert (batch.ts[1:] >= batch.ts[:-1]).all()
        last = int(batch.ts[-1]) if len(batch) else last
        assert len(batch) == 0 or source.start_ms <= batch.ts[0] <= last < source.end_ms
    assert last > source.end_ms - 2_000


def test_all_populations_publish_on_the_topics_of_their_owners() -> None:
    topics = {topic for topic, _ in messages(scenario(20))}
    owners = {kind.sensors.owner for kind in scenario().world().kinds}
    assert topics == {
        *(f"ub/v1/{operator}/vehicles" for operator in ("hello", "meituan", "didi")),
        *(f"ub/v1/{owner}/sensors" for owner in owners),
        "ub/v1/hotline/requests",
    }


def test_the_same_seed_tells_the_same_bytes_and_another_one_does_not() -> None:
    assert messages(scenario(2)) == messages(scenario(2))
    assert messages(scenario(2)) != messages(scenario(2, seed=2))


@pytest.mark.parametrize("name", ["bikes", "noise", "requests"])
def test_a_population_alone_says_what_it_says_in_company(name: str) -> None:
    alone, together = messages(scenario(20), [name]), messages(scenario(20))
    payloads = b"".join(payload for _, payload in alone)
    topics = {topic for topic, _ in alone}
    if name == "noise":  # shares its owner's topic with air and weather, though never a message
        together = [(topic, payload) for topic, payload in together if b'"kind":"noise"' in payload]
    assert len(alone) > 5
    assert payloads == b"".join(payload for topic, payload in together if topic in topics)


def test_bikes_alone_are_the_bikes_of_before_there_were_sensors() -> None:
    of = scenario(2)
    fleet = of.fleet()
    positions = fleet.step(of.end_ms)
    told = b"".join(payload for _, payload in messages(of, ["bikes"]))
    assert told.count(b'"vehicle_id"') == len(positions)


def test_populations_are_bikes_every_kind_of_sensor_and_requests() -> None:
    assert set(POPULATIONS) == {"bikes", *SHARES, "requests"}


@dataclass
class Lived(Event):
    """Notes the times that bikes and sensors lived through."""

    times: list[int] = field(default_factory=list)

    def on_fleet(self, scene: Scene) -> "Lived":
        return self

    def on_world(self, scene: Scene) -> "Lived":
        return self

    def act(self, lives: Fleet | World, now: int) -> None:
        self.times.append(now)


@pytest.mark.parametrize("name", ["bikes", "noise"])
def test_a_city_that_settles_for_long_is_given_up_at_once(name: str) -> None:
    lived = Lived()
    day = timedelta(days=1)
    slow = replace(scenario(), settle=day, warm_up=day, events=(lived,))
    source = SimulatedCity(slow, [name], given_up=lambda: len(lived.times) > 60)
    assert list(source.batches()) == []
    assert lived.times
    assert lived.times[-1] < slow.start_ms - 22 * 3_600_000
