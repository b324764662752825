"""Which faults, how often and how bad: read from `--faults` or a [faults] table, checked before anything is sent."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Self

from sensors_sim.errors import FaultsError
from sensors_sim.numbers import number

_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_WHOLE = re.compile("[0-9]{1,20}")
_US = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_LONGEST_US = 24 * _US["h"]


@dataclass(frozen=True, slots=True)
class Within:
    """It happens to this share of the messages, for at most so long (microseconds)."""

    share: float
    most_us: int

    def __str__(self) -> str:
        return f"{self.share}:{_span_text(self.most_us)}" if self.most_us else f"{self.share}"


@dataclass(frozen=True, slots=True)
class Reorder:
    """It happens to this share of the messages: 1 to `most` later ones overtake."""

    share: float
    most: int

    def __str__(self) -> str:
        return f"{self.share}:{self.most}"


@dataclass(frozen=True, slots=True)
class Skew:
    """Of the devices, or publishers, such a share has a clock that is wrong by up to `most_us` either way."""

    share: float
    most_us: int
    by_publisher: bool

    def __str__(self) -> str:
        return f"{self.share}:{_span_text(self.most_us)}" + (":publisher" if self.by_publisher else "")


@dataclass(frozen=True, slots=True)
class Burst:
    """Once in `every_us` (on average) nothing passes for `lasts_us`, and then all at once."""

    every_us: int
    lasts_us: int

    def __str__(self) -> str:
        return f"{_span_text(self.every_us)}:{_span_text(self.lasts_us)}"


@dataclass(frozen=True, slots=True)
class Faults:
    """What happens on the way. None, or a share of 0: nothing of that kind. Everything is drawn from `seed`."""

    drop: float = 0.0
    duplicate: Within | None = None
    delay: Within | None = None
    reorder: Reorder | None = None
    skew: Skew | None = None
    corrupt: float = 0.0
    burst: Burst | None = None
    seed: int = 1

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self) if field.name != "seed")

    def __str__(self) -> str:
        """Return them as `--faults` takes them, in the forms of FORMS."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return ",".join(f"{name}={value}" for name, value in given if value != getattr(NO_FAULTS, name))

    @classmethod
    def parse(cls, table: Mapping[str, object]) -> Self:
        """Return the faults that a table names; FaultsError says what is wrong with it.

        Values are numbers or texts, in the forms of FORMS.
        """
        given: dict[str, object] = {}
        for name, value in table.items():
            if name not in _READERS:
                raise FaultsError(f"there is no fault {name!r}; there are: {', '.join(FORMS)}")
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise _wrong(name, value, "a number or a text")
            try:
                given[name] = _READERS[name](str(value).strip())
            except ValueError as error:
                raise _wrong(name, value, str(error)) from None
        return cls(**given)  # type: ignore[arg-type]

    @classmethod
    def parse_text(cls, text: str) -> Self:
        """Return the faults of `drop=0.01,delay=0.1:5s`."""
        table: dict[str, object] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, equals, value = part.partition("=")
            if not equals:
                raise FaultsError(
                    f"{part!r} is not a fault: name=value, such as drop=0.01; names: {', '.join(FORMS)}"
                )
            if name.strip() in table:
                raise FaultsError(f"the fault {name.strip()!r} is there twice: {text!r}; name each once")
            table[name.strip()] = value
        return cls.parse(table)


FORMS: Mapping[str, str] = {
    "drop": "drop=SHARE",
    "duplicate": "duplicate=SHARE or duplicate=SHARE:SPAN",
    "delay": "delay=SHARE:SPAN",
    "reorder": "reorder=SHARE or reorder=SHARE:MESSAGES",
    "skew": "skew=SHARE:SPAN or skew=SHARE:SPAN:publisher",
    "corrupt": "corrupt=SHARE",
    "burst": "burst=EVERY:SPAN",
    "seed": "seed=N",
}
"""How each fault is written. SHARE is a number from 0 to 1, SPAN and EVERY are times such as 200ms, 5s, 2m or 1h."""


def _wrong(name: str, value: object, rule: str) -> FaultsError:
    return FaultsError(
        f"fault {name} = {value!r}: {rule}; write it as {FORMS[name]}, times as 200ms, 5s, 2m or 1h"
    )


def _share(text: str) -> float:
    try:
        share = number(text)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 1:
        raise ValueError(f"{text!r} is not a share, a number from 0 to 1")
    return share


def _span(text: str) -> int:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not a time")
    span = float(found[1]) * _US[found[2]]
    if not 1_000 <= span <= _LONGEST_US:
        raise ValueError(f"{text!r} is not from 1ms to 24h")
    return round(span)


def _span_text(us: int) -> str:
    """Return a span as _span reads it, in the largest unit that is whole."""
    for unit in reversed(_US):
        if us % _US[unit] == 0:
            return f"{us // _US[unit]}{unit}"
    return f"{us / _US['ms']}ms"


def _whole(text: str, least: int, most: int) -> int:
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise ValueError(f"{text!r} is not a whole number from {least} to {most}")
    return int(text)


def _parts(text: str, least: int, most: int) -> list[str]:
    parts = text.split(":")
    if not least <= len(parts) <= most:
        wanted = f"{least}" if least == most else f"{least} to {most}"
        raise ValueError(f"{len(parts)} parts separated by colons instead of {wanted}")
    return parts


def _duplicate(text: str) -> Within:
    share, *span = _parts(text, 1, 2)
    return Within(_share(share), _span(span[0]) if span else 0)


def _delay(text: str) -> Within:
    share, span = _parts(text, 2, 2)
    return Within(_share(share), _span(span))


def _reorder(text: str) -> Reorder:
    share, *most = _parts(text, 1, 2)
    return Reorder(_share(share), _whole(most[0], 1, 10_000) if most else 1)


def _skew(text: str) -> Skew:
    share, span, *whose = _parts(text, 2, 3)
    if whose not in ([], ["device"], ["publisher"]):
        raise ValueError(f"{whose[0]!r} is neither device nor publisher")
    return Skew(_share(share), _span(span), whose == ["publisher"])


def _burst(text: str) -> Burst:
    every, lasts = _parts(text, 2, 2)
    burst = Burst(_span(every), _span(lasts))
    if burst.lasts_us >= burst.every_us:
        raise ValueError(f"nothing would pass for {lasts} once in {every}, that is never; let it last less")
    return burst


_READERS: Mapping[str, Callable[[str], object]] = {
    "drop": _share,
    "duplicate": _duplicate,
    "delay": _delay,
    "reorder": _reorder,
    "skew": _skew,
    "corrupt": _share,
    "burst": _burst,
    "seed": lambda text: _whole(text, 0, 2**63 - 1),
}

NO_FAULTS = Faults()
