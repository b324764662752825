"""Lists in a terminal of any width, and in none."""

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from streams.commands.listed import fitted, show, table

ID = "93c58aed-0e2b-5db0-ae8b-f9e2b6d4b3a8"
SUMMARY = "20 bikes in a cell for 60, +3.5 a minute: 60 expected in 11 min (7 to 24)"


def alerts() -> Table:
    listed = table("since (UTC)", "severity", "cell", "what", "zone", "handled", "alert")
    listed.add_row("2026-03-01 23:36:00", "warning", "8930994a553ffff", SUMMARY, "default", "", ID)
    listed.add_row("2026-03-01 23:37:00", "minor", "8930994a543ffff", SUMMARY, "default", "to bob", ID)
    return listed


def printed(width: int) -> list[str]:
    console = Console(width=width, markup=False)
    with console.capture() as captured:
        console.print(fitted(alerts(), width), soft_wrap=isinstance(fitted(alerts(), width), str))
    return captured.get().splitlines()


def test_in_a_wide_terminal_each_row_is_a_line() -> None:
    lines = printed(220)
    assert len(lines) == 6
    assert all(ID in line and SUMMARY in line for line in lines[3:5])


def test_in_a_narrower_one_only_the_longest_column_is_folded() -> None:
    lines = printed(170)
    assert max(map(cell_len, lines)) <= 170
    (first,) = (line for line in lines if "23:36:00" in line)
    assert all(text in first for text in ("2026-03-01 23:36:00", "warning", "8930994a553ffff", ID))


@pytest.mark.parametrize("width", [20, 40, 80])
def test_in_one_that_is_too_narrow_nothing_is_cut_and_each_field_has_a_line(width: int) -> None:
    assert printed(width) == [
        "since (UTC)  2026-03-01 23:36:00",
        "severity     warning",
        "cell         8930994a553ffff",
        f"what         {SUMMARY}",
        "zone         default",
        f"alert        {ID}",
        "",
        "since (UTC)  2026-03-01 23:37:00",
        "severity     minor",
        "cell         8930994a543ffff",
        f"what         {SUMMARY}",
        "zone         default",
        "handled      to bob",
        f"alert        {ID}",
    ]


def test_where_there_is_no_terminal_each_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    show(alerts())
    assert sum(ID in line and SUMMARY in line for line in capsys.readouterr().out.splitlines()) == 2


def test_what_a_publisher_named_moves_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    listed = table("what", "alert")
    listed.add_row("a\x9b31m\u202e\x1b[2J", ID)
    show(listed)
    assert r" a\x9b31m\u202e\x1b[2J " in capsys.readouterr().out


def test_a_list_without_rows_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    show(table("since (UTC)", "alert"), none="no alert is active")
    assert capsys.readouterr().out == "no alert is active\n"
