"""TOML files of people: read as a table, and refused with every mistake in them, a line each."""

import tomllib
from collections.abc import Sequence
from typing import Any

from sensors_sim.errors import ScenarioError


def table_of(text: bytes, source: str) -> dict[str, Any]:
    """Return what a file says; ScenarioError if it is no TOML. `source` is its name."""
    try:
        return tomllib.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{source} is not UTF-8 ({error}); TOML files are") from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, lists in lists in lists
        raise ScenarioError(f"{source} is not TOML: {error}") from None


def wrong(source: str, lines: Sequence[str]) -> ScenarioError:
    """Return the error that lists what is wrong with a file."""
    if len(lines) == 1:
        return ScenarioError(f"{source}: {lines[0]}")
    return ScenarioError(f"{source} has {len(lines)} mistakes:\n" + "\n".join(f"  {line}" for line in lines))
