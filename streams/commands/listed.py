"""Lists as tables for people, and as a JSON object a line for scripts."""

import json
import sys
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Column, Table

_NO_TERMINAL = 10_000
"""Columns: what reads a table there can find the end of a line by itself."""


def table(*columns: str) -> Table:
    """Return a table whose last column, the ids, is never cut."""
    return Table(*columns[:-1], Column(columns[-1], no_wrap=True, min_width=36))


def show(listed: Table) -> None:
    """Print a table as wide as the terminal; where there is none, as wide as it needs."""
    width = None if sys.stdout.isatty() else _NO_TERMINAL
    Console(markup=False, width=width).print(listed)


def show_as_json(row: Any, **more: Any) -> None:
    """Print a row (a dataclass) as one JSON object; times are ISO 8601 in UTC."""
    from streams.alerts.shown import plain  # noqa: PLC0415

    click.echo(json.dumps({**plain(asdict(row)), **more}, ensure_ascii=False))
