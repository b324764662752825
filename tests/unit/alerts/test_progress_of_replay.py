"""How far a log was read that an alert is replayed from."""

from io import StringIO

import pytest
from rich.console import Console

from streams import topics
from streams.commands.through_time import through_log
from streams.fold.contract import Record


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_how_far_a_log_was_read_and_nothing_else_does(terminal: bool) -> None:
    records = [Record(topics.CELLS, 0, offset, b"", 0) for offset in range(5_000, 6_000)]
    console = Console(file=StringIO(), force_terminal=terminal, width=100)
    assert list(through_log(records, 5_000, 5_999, console)) == records
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert ("of 5,999" in shown) == terminal
