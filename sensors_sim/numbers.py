"""Numbers as people write them: in plain digits, finite, and nothing that only Python takes for a number.

Python reads `1_0` as 10, `nan` as a number that is in every range, and the digits of all scripts. The pipeline, which
shares no code with the simulator, has the same rule: streams/numbers.py.
"""

import math
import re
from typing import Any

import click

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def number(text: str) -> float:
    """Return the number that a text is, blanks around it aside; ValueError if it is none."""
    found = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
    if not math.isfinite(found):
        raise ValueError(f"{text!r:.100} is not a finite number in plain digits, such as 10 or 0.5")
    return found


class Whole(click.IntRange):
    """A whole number of a range, for an option."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        return super().convert(_plain(self, value, param, ctx), param, ctx)


class Real(click.FloatRange):
    """A number of a range, for an option."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number."""
        return super().convert(_plain(self, value, param, ctx), param, ctx)


def _plain(
    kind: click.ParamType, value: Any, param: click.Parameter | None, ctx: click.Context | None
) -> Any:
    try:
        if isinstance(value, str):
            number(value)
    except ValueError as error:
        kind.fail(str(error), param, ctx)
    return value
