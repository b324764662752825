"""What is refused of a frame, and why."""

from typing import Any

import pytest

from schemas.metrics import METRICS
from tests.unit.sensing.station import T0, Station, reading


def refused(*readings: dict[str, Any]) -> list[tuple[str, str]]:
    station = Station()
    station.feed(*readings)
    station.checkpoint()
    assert station.books()[2] == len(station.refused)
    return [(station.refused[key].reason, station.refused[key].detail) for key in sorted(station.refused)]


def spaces(value: float, **fields: Any) -> dict[str, Any]:
    return reading(value, 0, "free_spaces", **fields)


@pytest.mark.parametrize(
    ("bad", "reason", "detail"),
    [
        (reading(1, lat=91), "coordinate_out_of_range", "lat 91"),
        (reading(1, lon=-181), "coordinate_out_of_range", "lon -181"),
        (reading(1, ts=1_700_000_000), "time_out_of_range", "ts 1700000000"),
        (reading(1, ts=9_000_000_000_000), "time_out_of_range", "ts 9"),
        (reading(1, status="broken"), "wrong_type", "ok, degraded, fault, maintenance"),
        (reading(1, metric="mood"), "unknown_metric", "metric is none of flow"),
        (reading(1, kind="air"), "unknown_metric", "metric of kind weather, the reading says kind air"),
        (reading(1, kind="mood"), "unknown_metric", "an unknown kind"),
        (reading(1, unit="m"), "bad_unit", "temperature is measured in Cel"),
        (reading(200), "value_out_of_range", "temperature 200 Cel: -90 to 65 expected"),
        (reading(200, unit="[degF]"), "value_out_of_range", "93.3333 Cel"),
        (reading(1e308), "value_out_of_range", "1e+308"),
        (reading(-1e308, 0, "flow", unit="Hz"), "value_out_of_range", "-inf"),
        (reading(-0.5, 0, "flow"), "value_out_of_range", "flow -0.5 /h"),
        (spaces(-1), "value_out_of_range", "free_spaces -1: 0 to 100000 expected"),
        (spaces(41, capacity=40), "value_out_of_range", "41 free spaces of a capacity of 40"),
        (reading(1, sensor_id="no id"), "bad_id", "sensor_id"),
        (reading(1, sensor_id="x" * 65), "bad_id", "sensor_id"),
        (reading(1, owner="no id"), "bad_id", "owner"),
    ],
)
def test_a_reading_is_refused_with_its_reason(bad: dict[str, Any], reason: str, detail: str) -> None:
    assert [found for found, _ in refused(bad)] == [reason]
    [(found, why)] = refused(reading(5, 1), bad, reading(6, 2))
    assert found == reason
    assert detail in why


@pytest.mark.parametrize("metric", METRICS)
def test_the_bounds_of_a_metric_are_within_it(metric: str) -> None:
    m = METRICS[metric]
    bounds = [m.lowest, m.highest]
    assert not refused(*(reading(value, 0, metric, kind=m.kind) for value in bounds))
    beyond = [m.lowest - 0.001, m.highest + 0.001]
    found = refused(*(reading(value, 0, metric, kind=m.kind) for value in beyond))
    assert [reason for reason, _ in found] == ["value_out_of_range"] * 2


def test_cars_may_park_beside_the_bays() -> None:
    assert not refused(reading(45, 0, "occupied_spaces", capacity=40), spaces(40, capacity=40))


def test_noise_of_a_conversion_is_not_beyond_the_bounds() -> None:
    assert not refused(reading(1.0, 0, "humidity", unit="1"), reading(-1e-9, 0, "humidity", unit="%{RH}"))


def test_units_of_one_frame_are_converted_each_for_itself() -> None:
    station = Station()
    station.feed(
        reading(10, 0, unit="Cel"),
        reading(283.15, 1, unit="K"),
        reading(50, 2, unit="[degF]"),
        reading(7, 3, unit="furlong"),
        reading(2, 4, "flow", unit="/min"),
        reading(130, 5, "flow"),
    )
    station.checkpoint()
    assert station.reasons() == ["bad_unit"]
    warm = station.window()
    assert (warm["readings"], warm["least"], warm["most"]) == (3, 10_000_000, 10_000_000)
    assert station.window(metric="flow")["total"] == 250_000_000


def test_what_cannot_be_used_moves_no_clock() -> None:
    station = Station()
    station.feed(reading(1, 0), reading(999, 3000), reading(1, 3000, unit="m"), reading(1, 3000, kind="air"))
    station.feed(reading(2, 1))
    station.checkpoint()
    assert station.books() == (2, 0, 3)
    assert station.partials[-1].watermark == T0 + 1000 - 10_000
