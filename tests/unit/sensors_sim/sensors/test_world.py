"""What holds for sensors of every kind."""

import re
from time import process_time

import numpy as np
import pytest

from schemas.metrics import METRICS, SENSOR_KINDS
from schemas.vehicles import ID_PATTERN
from sensors_sim.sensors.world import SHARES, World
from tests.unit.sensors_sim.lived import city, lived, monday, when

T0 = when(2026, 3, 2, 7)


def told(seed: int, minutes: int = 20) -> list[bytes]:
    world = World(city(), 300, T0, seed)
    world.settle(5)
    return [
        b"".join([part.ts.tobytes(), part.value.tobytes(), part.sensors.lat.tobytes()])
        for _ in range(minutes)
        for part in world.step()
    ]


def test_the_same_seed_tells_the_same_and_another_seed_something_else() -> None:
    assert told(1) == told(1)
    assert told(1) != told(2)


def test_there_are_sensors_of_every_kind_that_the_schema_knows_in_about_the_number_asked_for() -> None:
    assert sum(SHARES.values()) == pytest.approx(1.0)
    for n in (10, 600, 5_000):
        tables = [kind.sensors for kind in World(city(), n, T0, 1).kinds]
        assert {table.kind for table in tables} == set(SENSOR_KINDS)
        assert sum(len(table) for table in tables) == pytest.approx(n, abs=5)


def test_every_value_is_in_the_range_of_its_metric_and_every_metric_of_the_schema_but_one_is_told() -> None:
    seen = set()
    for part in monday().readings:
        for code, name in enumerate(part.sensors.metrics):
            metric = METRICS[name]
            values = part.value[part.metric == code]
            assert metric.kind == part.sensors.kind
            assert np.isfinite(values).all()
            assert len(values) == 0 or metric.lowest <= values.min() <= values.max() <= metric.highest, name
            seen.add(name)
    assert seen == set(METRICS) - {"occupied_spaces"}


def test_sensors_stand_in_the_city_under_ids_of_their_own() -> None:
    tables = [kind.sensors for kind in monday().world.kinds]
    names = [name for table in tables for name in table.sensor_id]
    assert len(set(names)) == len(names)
    assert all(re.match(ID_PATTERN, name) for name in names)
    lat, lon = (np.concatenate([getattr(table, column) for table in tables]) for column in ("lat", "lon"))
    assert ((lat > 31.03) & (lat < 31.38) & (lon > 121.45) & (lon < 121.83)).all()


def test_readings_are_in_order_of_time_and_in_their_minute() -> None:
    day = monday()
    per_minute = len(day.world.kinds)
    for index, part in enumerate(day.readings):
        begins = day.start + index // per_minute * 60_000
        assert (np.diff(part.ts) >= 0).all()
        assert len(part) == 0 or begins <= part.ts[0] <= part.ts[-1] < begins + 60_000


def test_the_stated_rate_is_what_is_told() -> None:
    day = monday()
    told = sum(len(part) for part in day.readings)
    stated = sum(kind.sensors.readings_per_s for kind in day.world.kinds)
    assert told == pytest.approx(stated * 86_400, rel=1e-6)


def test_a_core_makes_200_000_readings_a_second() -> None:
    """Some 3 million are measured; the bound leaves room for a busy machine."""
    world = World(city(), 5_000, T0, 1)
    world.settle(2)
    began, readings = process_time(), 0
    while readings < 300_000:
        readings += sum(len(part) for part in world.step())
    assert readings / (process_time() - began) > 200_000


def test_a_world_starts_warm() -> None:
    """The first hour after the start looks like the same hour of a world that has been running since long."""
    cold, long = lived(when(2026, 3, 2, 7), 1), monday()
    for metric in ("flow", "speed", "laeq", "people_count", "pipe_temperature"):
        first = cold.by_hour(metric)[0]
        assert first == pytest.approx(long.by_hour(metric)[7], rel=0.1), metric
