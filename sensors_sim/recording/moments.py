"""Moments and spans of time as people write them on a command line."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from sensors_sim.recording.rounds import Shift, ShiftBy, ShiftTo

_SPAN = re.compile(r"([+-]?)([0-9]{1,11}(?:\.[0-9]+)?)(ms|s|m|h|d)")
_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def span_ms(text: str) -> int | None:
    """Return a span such as 90s, +5m or -1.5h in milliseconds, or None where it is none."""
    found = _SPAN.fullmatch(text)
    if found is None:
        return None
    ms = round(float(found[2]) * _MS[found[3]])
    return -ms if found[1] == "-" else ms


def moment_ms(text: str) -> int | None:
    """Return ISO 8601 (UTC where no zone is given) or milliseconds since the epoch, or None where it is neither.

    Of milliseconds 12 to 15 digits are taken: fewer would be seconds, more microseconds.
    """
    if text.isascii() and text.isdecimal() and len(text) >= 12:
        return int(text) if len(text) <= 15 else None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in a recording: since the epoch, or since its beginning."""

    ms: int
    since_beginning: bool

    def us(self, beginning_us: int | None) -> int:
        """Return microseconds since the epoch."""
        return self.ms * 1000 + ((beginning_us or 0) if self.since_beginning else 0)


class MomentIn(click.ParamType):
    """A moment in a recording."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Moment:
        """Return the moment."""
        if isinstance(value, Moment):
            return value
        span = span_ms(value)
        if span is not None and span >= 0:
            return Moment(span, since_beginning=True)
        moment = moment_ms(value)
        if moment is None:
            self.fail(
                f"{value!r:.100} is not a moment: a time since the beginning such as 90s, 5m or 1h, ISO 8601 such as "
                "2026-03-01T12:00:00Z (UTC without a zone), or milliseconds since the epoch (12 to 15 digits)",
                param,
                ctx,
            )
        return Moment(moment, since_beginning=False)


class ShiftText(click.ParamType):
    """Where event time is moved to, or by how much."""

    name = "now|TIME|±SPAN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shift:
        """Return the shift."""
        if isinstance(value, ShiftTo | ShiftBy):
            return value
        if value.casefold() == "now":
            return ShiftTo(None)
        if value.startswith(("+", "-")) and (span := span_ms(value)) is not None:
            return ShiftBy(span)
        moment = moment_ms(value)
        if moment is None:
            self.fail(
                f"{value!r:.100} is not a shift: now, a time at which the play begins such as 2026-03-01T12:00:00Z, or "
                "a span with its sign such as -1h or +90s",
                param,
                ctx,
            )
        return ShiftTo(moment)
