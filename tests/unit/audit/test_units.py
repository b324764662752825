"""Units: the audit's own numbers, and those of the library, against figures from elsewhere."""

import pytest

from streams.audit.sensing.metrics import METRICS
from streams.audit.sensing.units import conversion


def converted(metric: str, value: float, unit: str | None) -> float:
    found = conversion(metric, unit, METRICS[metric][1])
    assert found is not None
    return value * found[0] + found[1]


@pytest.mark.parametrize(
    ("metric", "value", "unit", "canonical"),
    [
        ("flow", 2, "{vehicle}/min", 120),
        ("flow", 12, "/h", 12),
        ("flow", 48, "/d", 2),
        ("speed", 10, "m/s", 36),
        ("speed", 100, "[mi_i]/h", 160.9344),
        ("occupancy", 0.25, "1", 25),
        ("pm25", 0.035, "mg/m3", 35),
        ("no2", 100, "[ppb]", 188.0410418),
        ("o3", 0.1, "[ppm]", 196.1831515),
        ("co", 9, "umol/mol", 10303.93788),
        ("laeq", 6.5, "B[SPL]", 65),
        ("people_count", 1.5, "10*3", 1500),
        ("water_level", 12, "[ft_i]", 3.6576),
        ("pipe_temperature", 353.15, "K", 80),
        ("temperature", 14, "[degF]", -10),
        ("pipe_pressure", 6, "bar", 600),
        ("pressure", 29.92, "[in_i'Hg]", 1013.20748),
        ("pressure", 407.2, "[in_i'H2O]", 1014.29004),
        ("wind_speed", 36, "km/h", 10),
        ("rain", 1, "[in_i]", 25.4),
        ("rain", 7, "L/m2", 7),
        ("power", 0.15, "kW", 150),
    ],
)
def test_a_value_is_converted(metric: str, value: float, unit: str, canonical: float) -> None:
    assert converted(metric, value, unit) == pytest.approx(canonical, rel=1e-7)


def test_without_a_unit_a_value_is_in_the_canonical_one() -> None:
    assert all(converted(metric, 7.25, None) == 7.25 for metric in METRICS)


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("flow", "km/h"),
        ("speed", "m"),
        ("pm25", "[ppb]"),
        ("laeq", "Pa"),
        ("free_spaces", "%"),
        ("temperature", "x" * 65),
        ("temperature", ""),
        ("temperature", "degrees"),
    ],
)
def test_what_is_no_unit_of_the_metric_has_no_conversion(metric: str, unit: str) -> None:
    assert conversion(metric, unit, METRICS[metric][1]) is None
