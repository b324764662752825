"""Kinds of values that commands take, and options that several have."""

import getpass
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from streams import durations
from streams.alerts import matchers
from streams.errors import MatcherError

MOST_TEXT = 4_000
MOST_NAME = 128


class Cell(click.ParamType):
    """An H3 cell as 15 hexadecimal digits."""

    name = "HEX"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the cell in lower case."""
        text = str(value).lower()
        if not matchers.CELL.fullmatch(text):
            self.fail(
                f"{value!r} is not an H3 cell: 15 hexadecimal digits, such as 8930994a553ffff (`hex` in the tables)",
                param,
                ctx,
            )
        return text


class Moment(click.ParamType):
    """A duration from now, or with `back` before now, by this machine's clock; or a time."""

    name = "TIME"

    def __init__(self, *, back: bool = False) -> None:
        self._back = back

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Return the moment."""
        if isinstance(value, datetime):
            return value
        try:
            return durations.moment(str(value), datetime.now(UTC), back=self._back)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Ahead(click.ParamType):
    """A duration from now, or a time. A duration stays one: streams/commands/clock.py says by which clock it counts."""

    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta | datetime:
        """Return the duration or the time."""
        if isinstance(value, timedelta | datetime):
            return value
        try:
            return durations.ahead(str(value), datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Text(click.ParamType):
    """Words of a person: something, not endless, without control characters; `lines`: of several lines, if wanted."""

    def __init__(self, most: int, name: str = "TEXT", *, lines: bool = False) -> None:
        self.most = most
        self.name = name
        self._allowed = "\n\t" if lines else ""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the words without spaces around them."""
        text = str(value).strip()
        if not text or len(text) > self.most:
            self.fail(f"1 to {self.most} characters are expected, and these are {len(text)}", param, ctx)
        if fault := _fault(text, self._allowed):
            self.fail(fault, param, ctx)
        return text


class MatcherType(click.ParamType):
    """A matcher, such as severity=major."""

    name = "MATCHER"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> matchers.Matcher:
        """Return the matcher."""
        if fault := _fault(str(value)):
            self.fail(fault, param, ctx)
        try:
            return matchers.parse(str(value))
        except MatcherError as error:
            self.fail(str(error), param, ctx)


def _fault(text: str, allowed: str = "") -> str:
    """Return what is wrong with a text that others are shown; nothing if all of it may be."""
    for letter in text:
        # control characters would move the terminal of whoever reads it, half a surrogate pair is no UTF-8
        if unicodedata.category(letter) in ("Cc", "Cs") and letter not in allowed:
            return f"the character {letter!r} cannot be shown; leave it out"
    return ""


def by_option[F: Callable[..., Any]](command: F) -> F:
    """Add --by: who acts."""
    return click.option(
        "--by",
        type=Text(MOST_NAME, "NAME"),
        default=_user,
        show_default="your user name on this system",
        help="Who does this.",
    )(command)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        raise click.UsageError(
            "this system does not know your name: say who you are with --by NAME"
        ) from None
