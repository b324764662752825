"""Lists as tables for people, and as a JSON object a line for scripts."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click
from rich.cells import cell_len
from rich.table import Column, Table

from streams import output
from streams.printable import printable
from streams.terminal import Terminal

_NO_TERMINAL = 10_000
"""Columns: what reads a table there can find the end of a line by itself."""

_FOLDED = 36
"""Columns that the longest field has at the least where it is folded into several lines."""


class _Listed(Table):
    """A table of texts, some of which others wrote."""

    def add_row(self, *texts: Any, **how: Any) -> None:
        """Add a row of texts, none of which moves a terminal."""
        super().add_row(*(printable(text, "\n\t") for text in texts), **how)


def table(*columns: str) -> Table:
    """Return a table whose last column, the ids, is never cut."""
    return _Listed(*columns[:-1], Column(columns[-1], no_wrap=True))


def show(listed: Table, *, none: str = "") -> None:
    """Print a table, in a terminal or for what reads it; `none` is said where it has no row."""
    if none and not listed.row_count:
        click.echo(none)
        return
    console = Terminal(markup=False, highlight=False)
    in_terminal = sys.stdout is not None and sys.stdout.isatty()  # None: it is closed
    shown = fitted(listed, console.width if in_terminal else _NO_TERMINAL)
    if not in_terminal:
        console.width = _NO_TERMINAL
    console.print(shown, soft_wrap=isinstance(shown, str))


def fitted(listed: Table, width: int) -> Table | str:
    """Return a table of which only the longest column is folded; where that is not enough, a line for each field."""
    widths = [max(map(cell_len, _texts(column))) for column in listed.columns]
    foldable = [n for n, column in enumerate(listed.columns) if not column.no_wrap]
    longest = max(foldable, key=lambda n: widths[n], default=-1)
    spare = max(0, widths[longest] - _FOLDED) if foldable else 0
    borders = 3 * len(widths) + 1  # a border and two spaces for each, and the last border
    if sum(widths) - spare + borders > width:
        return _by_fields(listed)
    for number, column in enumerate(listed.columns):
        column.no_wrap, column.overflow = number != longest, "fold"
    return listed


def _by_fields(listed: Table) -> str:
    names = [str(column.header) for column in listed.columns]
    left = max(map(cell_len, names))
    rows = zip(*(map(str, column.cells) for column in listed.columns), strict=True)
    return "\n\n".join(
        "\n".join(f"{name:<{left}}  {text}" for name, text in zip(names, row, strict=True) if text)
        for row in rows
    )


def _texts(column: Column) -> list[str]:
    return [str(column.header), *map(str, column.cells)]


def show_as_json(row: Any, **more: Any) -> None:
    """Print a row (a dataclass) as one JSON object; times are ISO 8601 in UTC."""
    from streams.alerts.shown import plain  # noqa: PLC0415

    echo_json({**plain(asdict(row)), **more})


def echo_json(value: Any) -> None:
    """Print a JSON value on one line, with escapes where the output is not in UTF-8."""
    output.echo_json_text(json.dumps(value, ensure_ascii=False))
