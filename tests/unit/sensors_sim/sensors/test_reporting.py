import numpy as np
import pytest

from sensors_sim.sensors.contract import Measured, Sensors
from sensors_sim.sensors.moment import MINUTE_MS
from sensors_sim.sensors.reporting import CABINET, Reporting
from tests.unit.sensors_sim.lived import city, when

T0 = when(2026, 3, 2)


def sensors(n: int, every_s: int) -> Sensors:
    x = np.arange(n) * 100.0
    return Sensors.at(city().plane, x, x, kind="water", owner="o", metrics=("level", "flow"), every_s=every_s)


@pytest.mark.parametrize("every_s", [60, 300, 900])
def test_every_sensor_reports_each_metric_once_a_period_and_always_at_the_same_second(every_s: int) -> None:
    table = sensors(100, every_s)
    reporting = Reporting(table, np.random.default_rng(1))
    periods = 3
    times: dict[tuple[int, int], list[int]] = {}
    for minute in range(periods * every_s // 60):
        measured = Measured.sound(np.full(100, float(minute)), np.full(100, -float(minute)))
        told = reporting.report(measured, T0 + minute * MINUTE_MS)
        assert (np.diff(told.ts) >= 0).all()
        assert ((told.ts >= T0 + minute * MINUTE_MS) & (told.ts < T0 + (minute + 1) * MINUTE_MS)).all()
        assert np.array_equal(told.value, np.where(told.metric == 0, minute, -minute))
        for sensor, metric, ts in zip(
            told.sensor.tolist(), told.metric.tolist(), told.ts.tolist(), strict=True
        ):
            times.setdefault((sensor, metric), []).append(ts)
    assert len(times) == 200
    for reported in times.values():
        assert np.diff(reported).tolist() == [every_s * 1000] * (periods - 1)


def test_the_sensors_of_a_cabinet_report_together_and_cabinets_spread_over_the_period() -> None:
    table = sensors(60 * CABINET, 600)
    reporting = Reporting(table, np.random.default_rng(1))
    by_minute = [
        reporting.report(Measured.sound(np.zeros(len(table)), np.zeros(len(table))), T0 + m * MINUTE_MS)
        for m in range(10)
    ]
    assert [len(told) for told in by_minute] == [6 * CABINET * 2] * 10
    for told in by_minute:
        cabinets = told.sensor // CABINET
        for cabinet in np.unique(cabinets):
            assert len(set(told.ts[cabinets == cabinet].tolist())) == 1
        assert len(set(told.ts.tolist())) == 6


def test_a_value_and_its_status_belong_to_the_sensor_that_reports() -> None:
    table = sensors(40, 60)
    status = (np.arange(40) % 2).astype(np.uint8)
    measured = Measured(np.stack([np.arange(40.0), 100 + np.arange(40.0)]), status)
    told = Reporting(table, np.random.default_rng(2)).report(measured, T0)
    assert np.array_equal(told.value, told.sensor + 100.0 * told.metric)
    assert np.array_equal(told.status, told.sensor % 2)
