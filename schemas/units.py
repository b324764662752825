"""Units of readings: from a UCUM code to what turns a value into the metric's canonical unit.

UCUM: https://ucum.org/ucum. The codes are read by the library ucumvert, the arithmetic is pint's. An annotation in
braces means nothing, as UCUM says: `{vehicle}/h` is `/h`. Two things are beyond dimensions and stand here:

- Gases. A mixing ratio (`[ppb]`, `nmol/mol`) becomes a mass per volume by the gas's molar mass and the molar volume
  of an ideal gas at 25 C and 1013.25 hPa, R T / p = 24.465 L/mol (R from CODATA 2018; masses from the IUPAC's
  standard atomic weights, 2021).
- Levels. A sound level in `dB` is one re 20 micropascals, as `dB[SPL]` says outright; no other unit is converted to
  it, since logarithms are not proportions.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from schemas.metrics import METRICS, Metric
from schemas.sensors import MAX_CODE

_REMEMBERED = 4096
_MANY = 1000.0
"""So many units apart, what an offset takes away of a factor's digits is little."""
_DIGITS = 14
"""Significant digits of a factor: the rest is noise of pint's floating point (L/m2 would be 1.0000000000000002 mm)."""

_MOLAR_VOLUME = 8.314462618 * 298.15 / 101_325 * 1000  # litres per mole
_MOLAR_MASS: Mapping[str, float] = {
    "no2": 46.005,
    "o3": 47.997,
    "so2": 64.058,
    "co": 28.010,
}  # grams per mole

_LARGE = re.compile(r"\d{5}")
"""Numbers that no unit has: pint would try to work out a power like `10*999999999` to the last digit."""
_ANNOTATION = re.compile(r"\{[^{}]*\}")
_INCHES_OF = re.compile(r"\[in_i'(Hg|H2O)\]")
"""UCUM defines them by a metre of it and the inch; the library takes those of pint, at 60 degrees Fahrenheit."""
_LEVELS: Mapping[str, float] = {"dB": 1.0, "dB[SPL]": 1.0, "B": 10.0, "B[SPL]": 10.0}


@dataclass(frozen=True, slots=True)
class Conversion:
    """A value in the canonical unit is value x factor + offset."""

    factor: float
    offset: float


@dataclass(frozen=True, slots=True)
class BadUnit:
    """The unit cannot be converted; `detail` says why, for people."""

    detail: str


SAME = Conversion(1.0, 0.0)


def conversion(metric: str, unit: str | None) -> Conversion | BadUnit:
    """Return how values of a metric (one of METRICS) in `unit` become canonical; no unit means the canonical one."""
    if unit is None or unit == METRICS[metric].unit:
        return SAME
    if len(unit) > MAX_CODE:
        return BadUnit(f"unit of {len(unit)} characters; {MAX_CODE} at most")
    return _conversion(METRICS[metric], unit)


@lru_cache(_REMEMBERED)
def _conversion(metric: Metric, unit: str) -> Conversion | BadUnit:
    wanted = f"{metric.name} is measured in {metric.unit}"
    if metric.unit in _LEVELS:
        level = _LEVELS.get(_ANNOTATION.sub("", unit))
        if level is None:
            return BadUnit(f"unit {unit!r}: {wanted}; {' or '.join(_LEVELS)} expected")
        return Conversion(level, 0.0)
    if _LARGE.search(_ANNOTATION.sub("", unit)):
        return BadUnit(f"unit {unit!r}: numbers of 4 digits at most expected")
    try:
        zero, one, many = (_converted(metric, unit, value) for value in (0.0, 1.0, _MANY))
    except Exception as error:
        # What strange codes do to parser and registry is beyond a list; all of it means that the unit is no good.
        return BadUnit(f"unit {unit!r}: {wanted}; {_first_line(error)}")
    factor, offset = _rounded((many - zero) / _MANY), _rounded(zero)
    if not (math.isfinite(many) and factor > 0 and math.isclose(one - zero, factor, rel_tol=1e-9)):
        return BadUnit(f"unit {unit!r}: {wanted}; the two are not proportional")
    if metric.unit == "1" and not factor.is_integer():
        return BadUnit(f"unit {unit!r}: {metric.name} is a number of things, not a share")
    return Conversion(factor, offset)


def _converted(metric: Metric, unit: str, value: float) -> float:
    given, canonical = _parsed(unit), _parsed(metric.unit)
    quantity = _registry().Quantity(value * given.magnitude, given.units)
    if metric.name in _MOLAR_MASS and given.dimensionless:
        parts_per_billion = quantity.to("dimensionless").magnitude * 1e9
        return float(parts_per_billion * _MOLAR_MASS[metric.name] / _MOLAR_VOLUME)
    return float(quantity.to(canonical.units).magnitude / canonical.magnitude)


def _parsed(unit: str) -> Any:
    """Return a code as a pint quantity; ucumvert answers with a token or a number where only annotations stand."""
    parsed = _registry().from_ucum(_INCHES_OF.sub(r"(m[\1].[in_i]/m)", unit))
    return parsed if hasattr(parsed, "magnitude") else _registry().Quantity(1.0, "dimensionless")


@cache
def _registry() -> Any:
    """Return the registry of units; to load and make it takes a second, which waits until a unit must be converted."""
    from ucumvert import PintUcumRegistry  # noqa: PLC0415

    return PintUcumRegistry()


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig_exc", error)  # lark wraps what its visitors raise
    return str(cause).partition("\n")[0] or "it is no UCUM code"  # the parser asserts without a word
