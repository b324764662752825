"""Units of readings, converted: value x factor + offset is in the canonical unit of the metric.

The usual units stand here as plain numbers. Any other UCUM code is asked of the library ucumvert.
"""

import math
import re
from functools import cache
from typing import Any

Conversion = tuple[float, float]
"""Factor and offset."""

_MOST_CHARACTERS = 64
_ANNOTATION = re.compile(r"\{[^{}]*\}")

_LITRES_A_MOLE = 8.314462618 * 298.15 / 101_325 * 1000
"""Molar volume of an ideal gas at 25 C and 1013.25 hPa; R is CODATA's of 2018."""
_GRAMS_A_MOLE = {
    "no2": 14.007 + 2 * 15.999,
    "o3": 3 * 15.999,
    "so2": 32.06 + 2 * 15.999,
    "co": 12.011 + 15.999,
}
"""By the abridged standard atomic weights of IUPAC, 2021."""
_MIXING_RATIOS = {
    "[ppb]": 1.0,
    "nmol/mol": 1.0,
    "[ppm]": 1e3,
    "umol/mol": 1e3,
    "[ppth]": 1e6,
    "%": 1e7,
    "1": 1e9,
}
"""In parts per billion."""

_PER_TIME = {
    "/h": 1.0,
    "1/h": 1.0,
    "h-1": 1.0,
    "/min": 60.0,
    "1/min": 60.0,
    "/s": 3600.0,
    "1/s": 3600.0,
    "Hz": 3600.0,
}
_PERCENT = {"%": 1.0, "1": 100.0, "10*-2": 1.0}
_LENGTHS = {"m": 1.0, "cm": 0.01, "mm": 0.001, "km": 1000.0, "dm": 0.1, "[ft_i]": 0.3048, "[in_i]": 0.0254}
_PASCALS = {"Pa": 1.0, "hPa": 100.0, "kPa": 1e3, "MPa": 1e6, "bar": 1e5, "mbar": 100.0, "atm": 101_325.0}
_PASCALS |= {"[in_i'Hg]": 133_322.387415 * 0.0254, "[in_i'H2O]": 9_806.65 * 0.0254}
_METRES_A_SECOND = {
    "m/s": (1, 1),
    "km/h": (1000, 3600),
    "[mi_i]/h": (1609.344, 3600),
    "[kn_i]": (1852, 3600),
    "cm/s": (1, 100),
}
_USUAL: dict[str, dict[str, Conversion]] = {
    "/h": {unit: (factor, 0.0) for unit, factor in _PER_TIME.items()},
    "%": {unit: (factor, 0.0) for unit, factor in _PERCENT.items()},
    "1": {unit: (factor, 0.0) for unit, factor in {"1": 1.0, "10*3": 1000.0}.items()},
    "km/h": {unit: (a * 3600 / (b * 1000), 0.0) for unit, (a, b) in _METRES_A_SECOND.items()},
    "m/s": {unit: (a / b, 0.0) for unit, (a, b) in _METRES_A_SECOND.items()},
    "ug/m3": {
        unit: (factor, 0.0)
        for unit, factor in {
            "ug/m3": 1.0,
            "mg/m3": 1e3,
            "ng/m3": 1e-3,
            "g/m3": 1e6,
            "ng/L": 1.0,
            "ug/L": 1e3,
        }.items()
    },
    "m": {unit: (factor, 0.0) for unit, factor in _LENGTHS.items()},
    "mm": {
        **{unit: (round(factor * 1000, 9), 0.0) for unit, factor in _LENGTHS.items()},
        "L/m2": (1.0, 0.0),
        "l/m2": (1.0, 0.0),
    },
    "kPa": {unit: (factor / 1e3, 0.0) for unit, factor in _PASCALS.items()},
    "hPa": {unit: (factor / 100, 0.0) for unit, factor in _PASCALS.items()},
    "W": {"W": (1.0, 0.0), "kW": (1e3, 0.0), "mW": (1e-3, 0.0), "J/s": (1.0, 0.0)},
    "Cel": {"Cel": (1.0, 0.0), "K": (1.0, -273.15), "[degF]": (5 / 9, -160 / 9)},
}
_LEVELS = {"dB": 1.0, "dB[SPL]": 1.0, "B": 10.0, "B[SPL]": 10.0}


@cache
def conversion(metric: str, unit: str | None, canonical: str) -> Conversion | None:
    """Return how values of a metric in `unit` become those in its canonical unit; None where they cannot."""
    if unit is None or unit == canonical:
        return 1.0, 0.0
    if len(unit) > _MOST_CHARACTERS:
        return None
    bare = _ANNOTATION.sub("", unit) or (unit and "1")  # nothing but an annotation is a number
    if canonical == "dB":  # logarithms are not proportions: nothing else is converted to it
        return (_LEVELS[bare], 0.0) if bare in _LEVELS else None
    if metric in _GRAMS_A_MOLE and bare in _MIXING_RATIOS:
        return _MIXING_RATIOS[bare] * _GRAMS_A_MOLE[metric] / _LITRES_A_MOLE, 0.0
    usual = _USUAL[canonical].get(bare)
    return usual if usual is not None else _asked(metric, unit, canonical)


def _asked(metric: str, unit: str, canonical: str) -> Conversion | None:
    """Ask the library: two values say factor and offset, a third whether the units are proportional at all."""
    try:
        zero, one, two = (_converted(metric, unit, canonical, value) for value in (0.0, 1.0, 2.0))
    except Exception:  # whatever a strange code does to the parser: it cannot be converted
        return None
    factor = one - zero
    proportional = math.isfinite(two) and factor > 0 and math.isclose(two - one, factor, rel_tol=1e-9)
    whole = canonical != "1" or math.isclose(factor, round(factor), rel_tol=1e-13)
    return (factor, zero) if proportional and whole else None


def _converted(metric: str, unit: str, canonical: str, value: float) -> float:
    given, wanted = (_registry().from_ucum(code) for code in (unit, canonical))
    quantity = _registry().Quantity(value * given.magnitude, given.units)
    if metric in _GRAMS_A_MOLE and quantity.dimensionless:
        parts = quantity.to("dimensionless").magnitude
        return float(parts * 1e9 * _GRAMS_A_MOLE[metric] / _LITRES_A_MOLE)
    return float(quantity.to(wanted.units).magnitude / wanted.magnitude)


@cache
def _registry() -> Any:
    from ucumvert import PintUcumRegistry  # noqa: PLC0415 - half a second, for a unit that is not a usual one

    return PintUcumRegistry()
