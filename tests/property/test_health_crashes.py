"""Alerts on sensors' health are the same whatever crashes on the way, and whenever."""

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.pipeline import T0
from tests.sensor_road import Reading, SensorRoad

MINUTE = 60_000
SENSORS = tuple(f"s-{number}" for number in range(5))
STATES = st.sampled_from(["well", "well", "well", "silent", "stuck", "broken"])


@st.composite
def days(draw: st.DrawFn) -> list[list[Reading]]:
    """Draw three hours of five sensors, each in one state for some minutes at a time; by minute."""
    minutes: list[list[Reading]] = [[] for _ in range(180)]
    for number, sensor in enumerate(SENSORS):
        state, owner = "well", "north" if number < 3 else "south"
        for first in range(0, 180, 15):
            state = "well" if first < 30 else draw(STATES)
            for minute in range(first, first + 15):
                value = {"well": 50.0 + minute % 13, "stuck": 47.11, "broken": -1_000.0, "silent": 0}[state]
                if state != "silent":
                    ts = T0 + minute * MINUTE + number * 700
                    minutes[minute].append(Reading(sensor, "noise", "laeq", value, ts, owner=owner))
    return minutes


def run(road: SensorRoad, minutes: list[list[Reading]], crashes: set[tuple[int, int]]) -> SensorRoad:
    """Let a road live through a day; stages (the sources, then incidents) crash at the ends of minutes."""
    stages = (*road.sources, road.incidents)
    for minute, readings in enumerate(minutes):
        road.feed(readings)
        before_commit = any(at == minute for at, _ in crashes) and minute % 2 == 0
        road.checkpoint(commit=not before_commit)
        for number, stage in enumerate(stages):
            if (minute, number) in crashes:
                stage.crash()
    road.checkpoint()
    return road


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(days(), st.sets(st.integers(30, 179), max_size=6))
def test_crashes_of_incidents_change_nothing_of_any_alert(
    minutes: list[list[Reading]], when: set[int]
) -> None:
    calm = run(SensorRoad(2), minutes, set())
    assert run(SensorRoad(2), minutes, {(minute, 2) for minute in when}).events == calm.events


@settings(max_examples=15, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(days(), st.sets(st.tuples(st.integers(30, 179), st.integers(0, 1)), max_size=6))
def test_crashes_of_sensing_change_no_alert_on_what_sensors_say(
    minutes: list[list[Reading]], crashes: set[tuple[int, int]]
) -> None:
    """A source that comes back wakes up the grid's clock: when silence is told may shift by the idle timeout."""
    calm, rough = run(SensorRoad(2), minutes, set()), run(SensorRoad(2), minutes, crashes)
    assert on_values(rough) == on_values(calm)


def on_values(road: SensorRoad) -> dict[tuple[str, int], tuple[str, str | None, int]]:
    """Return the events of alerts on sensors that are stuck or broken, without the time and offset of the decision."""
    return {
        key: (event.kind, event.subject, event.starts_at)
        for key, event in road.events.items()
        if event.kind in ("sensor_stuck", "sensor_out_of_range")
    }
