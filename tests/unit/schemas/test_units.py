"""UCUM codes to canonical units."""

import pytest

from schemas.metrics import METRICS
from schemas.units import SAME, BadUnit, Conversion, conversion


def converted(metric: str, unit: str | None, value: float) -> float:
    how = conversion(metric, unit)
    assert isinstance(how, Conversion), how
    return value * how.factor + how.offset


@pytest.mark.parametrize("metric", METRICS)
def test_the_canonical_unit_is_a_ucum_code_that_stays_as_it_is(metric: str) -> None:
    unit = METRICS[metric].unit
    assert conversion(metric, unit) == conversion(metric, None) == SAME
    assert conversion(metric, unit + "{x}") == SAME  # goes through the library


@pytest.mark.parametrize(
    ("metric", "unit", "value", "canonical"),
    [
        ("flow", "{vehicle}/h", 120, 120),
        ("flow", "{vehicle}.h-1", 120, 120),
        ("flow", "{vehicles}/(5.min)", 10, 120),
        ("flow", "Hz", 0.5, 1800),
        ("speed", "m/s", 10, 36),
        ("speed", "[mi_i]/h", 30, 48.28032),
        ("occupancy", "1", 0.25, 25),
        ("humidity", "%{RH}", 40, 40),
        ("pm25", "mg/m3", 0.05, 50),
        ("free_spaces", "{space}", 17, 17),
        ("people_count", "10*3", 2, 2000),
        ("temperature", "[degF]", 32, 0),
        ("temperature", "K", 273.15, 0),
        ("pressure", "mm[Hg]", 760, 1013.2501),
        ("pressure", "[in_i'Hg]", 29.92, 1013.20748),
        ("pressure", "[in_i'H2O]", 407.2, 1014.29004),
        ("pipe_pressure", "bar", 6, 600),
        ("water_level", "[ft_i]", 10, 3.048),
        ("rain", "L/m2", 12, 12),
        ("laeq", "dB{A}", 55, 55),
        ("laeq", "dB[SPL]", 55, 55),
        ("laeq", "B", 5.5, 55),
    ],
)
def test_a_value_is_converted(metric: str, unit: str, value: float, canonical: float) -> None:
    assert converted(metric, unit, value) == pytest.approx(canonical, abs=1e-4)


@pytest.mark.parametrize(
    ("gas", "micrograms"),
    # 100 ppb at 25 C and 1013.25 hPa; the factors are those of the United Kingdom's air quality archive for 25 C
    [("no2", 188.0), ("o3", 196.2), ("so2", 261.9), ("co", 114.5)],
)
def test_parts_per_billion_of_a_gas_become_a_mass_per_volume(gas: str, micrograms: float) -> None:
    assert converted(gas, "[ppb]", 100) == pytest.approx(micrograms, rel=1e-3)
    assert converted(gas, "nmol/mol", 100) == converted(gas, "[ppb]", 100)
    assert converted(gas, "[ppm]", 0.1) == pytest.approx(converted(gas, "[ppb]", 100))


@pytest.mark.parametrize(
    ("metric", "unit", "why"),
    [
        ("flow", "{vehicle}", "Cannot convert"),
        ("flow", "km/h", "Cannot convert"),
        ("pm25", "[ppb]", "Cannot convert"),
        ("pm25", "µg/m3", "not a valid UCUM unit"),
        ("pm25", "", "not a valid UCUM unit"),
        ("speed", "mph", "no UCUM code"),
        ("temperature", "Cel/h", "temperature is measured in Cel"),
        ("temperature", "degC", "not a valid UCUM unit"),
        ("laeq", "dB(A)", "dB[SPL]"),
        ("laeq", "1", "dB[SPL]"),
        ("occupancy", "dB", "not proportional"),
        ("free_spaces", "%", "not a share"),
    ],
)
def test_a_unit_that_cannot_be_converted_says_why(metric: str, unit: str, why: str) -> None:
    how = conversion(metric, unit)
    assert isinstance(how, BadUnit)
    assert why in how.detail


@pytest.mark.parametrize(
    "unit", ["10*999999999.h-1", "h999999998/d999999999", "9" * 60, "x" * 10_000, "(" * 60, "10*9999.h-1"]
)
def test_a_unit_made_to_keep_the_fold_busy_is_refused_at_once(unit: str) -> None:
    how = conversion("flow", unit)
    assert isinstance(how, BadUnit)
    assert len(how.detail) < 1000
