"""The file of thresholds as the settings have it, read from disk: TOML, a table [[threshold]] for each."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    model_validator,
)

from schemas.alerts import SEVERITIES, Severity
from schemas.metrics import METRICS
from streams.durations import duration
from streams.errors import PolicyError
from streams.incidents.thresholds.rules import Figure, Threshold
from streams.printable import is_printable

_USUAL: Severity = "minor"
_MOST = 1_000
_GREATEST = 1e12
_TABLES = "a table [[threshold]] for each is expected"
_SHOULD_BE = "Input should be "


def _milliseconds(value: object) -> int:
    try:
        return int(duration(value if isinstance(value, str) else "").total_seconds() * 1000)
    except ValueError:
        raise ValueError('a duration of up to ten years is expected, such as "30s", "15m" or "4h"') from None


def _metric(value: object) -> str:
    if not isinstance(value, str) or value not in METRICS:
        raise ValueError(f"no such metric; there are {', '.join(sorted(METRICS))}")
    return value


def _one_line(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not is_printable(value) or len(value) > 100:
        raise ValueError("one line of 1 to 100 printable characters is expected")
    return value


def _bounds(value: object) -> dict[Severity, float]:
    found: dict[Any, Any] = value if isinstance(value, dict) else {_USUAL: value}
    numbers = all(
        isinstance(one, int | float) and not isinstance(one, bool) and abs(one) <= _GREATEST
        for one in found.values()
    )
    if not found or not numbers or not set(found) <= set(SEVERITIES):
        raise ValueError(
            f"a number of up to {_GREATEST:g} is expected, or one for each severity ({', '.join(SEVERITIES)}), such as "
            "{warning = 35, major = 75}"
        )
    return {severity: float(found[severity]) for severity in SEVERITIES if severity in found}


_Bounds = Annotated[dict[Severity, FiniteFloat], BeforeValidator(_bounds)]
_Name = Annotated[str, BeforeValidator(_one_line)]


class _Entry(BaseModel):
    """One table of the file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: _Name
    metric: Annotated[str, BeforeValidator(_metric)]
    figure: Figure = "mean"
    at_least: _Bounds | None = None
    at_most: _Bounds | None = None
    hysteresis: FiniteFloat = Field(0.0, ge=0, le=_GREATEST)
    for_: Annotated[int, BeforeValidator(_milliseconds)] = Field(0, alias="for")
    zones: list[_Name] = Field([], min_length=1)

    @model_validator(mode="after")
    def _has_bounds_in_order(self) -> "_Entry":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("one of at_least and at_most is expected")
        limits = [limit for _, limit in self.bounds()]
        if limits != sorted(set(limits), reverse=self.at_most is not None):
            shown = ", ".join(f"{severity} {limit:g}" for severity, limit in self.bounds())
            other = "smaller" if self.at_most is not None else "greater"
            raise ValueError(
                f"bounds {shown}; a worse severity needs a {other} bound ({', '.join(SEVERITIES)})"
            )
        return self

    def bounds(self) -> tuple[tuple[Severity, float], ...]:
        """Return the bounds by severity, from the mildest on."""
        return tuple((self.at_least or self.at_most or {}).items())

    def threshold(self) -> Threshold:
        """Return what it says."""
        return Threshold(
            self.name,
            self.metric,
            self.bounds(),
            at_most=self.at_least is None,
            figure=self.figure,
            hysteresis=self.hysteresis,
            min_duration_ms=self.for_,
            zones=tuple(self.zones),
        )


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    threshold: list[_Entry] = Field(max_length=_MOST)


def read_thresholds(path: Path) -> tuple[Threshold, ...]:
    """Read a file of thresholds; PolicyError says all that is wrong with it."""
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise PolicyError(f"thresholds {path}: {error.strerror}; give a readable TOML file") from None
    except UnicodeDecodeError as error:
        raise PolicyError(f"thresholds {path}: not TOML ({error}); UTF-8 is expected") from None
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise PolicyError(f"thresholds {path}: not TOML ({error})") from None
    try:
        entries = _File.model_validate(document).threshold
    except ValidationError as error:
        wrong = "; ".join(dict.fromkeys(_sentence(item) for item in error.errors()))
        raise PolicyError(f"thresholds {path}: {wrong}") from None
    names = [entry.name for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PolicyError(
            f"thresholds {path}: more than one is named {', '.join(twice)}; each needs its own name"
        )
    return tuple(entry.threshold() for entry in entries)


def _sentence(item: Mapping[str, Any]) -> str:
    """Return one mistake: where, what stands there, and what is expected."""
    kind, place = item["type"], ".".join(_name(part) for part in item["loc"])
    if kind == "missing":
        return f"{place} is missing{'' if len(item['loc']) > 1 else f': {_TABLES}, or threshold = []'}"
    if kind == "extra_forbidden":
        keys = _Entry if len(item["loc"]) > 1 else _File
        named = ", ".join(sorted(field.alias or name for name, field in keys.model_fields.items()))
        text = f"no such key; there are {named}"
    elif kind in ("list_type", "model_type"):
        text = _TABLES if item["loc"][-1] != "zones" else "a list of names is expected"
    elif kind == "too_short":
        text = "at least one is expected; leave it out for all"
    else:
        text = str(item["msg"]).removeprefix("Value error, ")
        if text.startswith(_SHOULD_BE):
            text = f"{text.removeprefix(_SHOULD_BE)} is expected"
    of_table = kind == "value_error" and len(item["loc"]) == 2  # it says itself which of the values are wrong
    return f"{place}{'' if of_table else f' is {_shown(item["input"])}'}: {text}"


def _name(part: object) -> str:
    return f"{part}" if f"{part}".isprintable() else f"{part!r}"


def _shown(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except ValueError:  # TOML has hexadecimal numbers, which Python reads of any length and does not write
        return "a number of thousands of digits"
