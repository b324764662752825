"""What commands write to: texts stay as they are, and who writes is told that nobody reads on."""

import errno
import os
import re
from pathlib import Path

import pytest
from rich.table import Table

import deploy
import streams
from streams.terminal import Terminal

NAME = "urn:ngsi-ld:AirQuality:100:no2"


def test_a_name_with_the_code_of_an_emoji_in_it_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("name")
    table.add_row(NAME)
    console = Terminal(width=80)
    console.print(NAME)
    console.print(table)
    assert capsys.readouterr().out.count(NAME) == 2


def test_who_writes_is_told_that_nobody_reads_on() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w", closefd=False) as file:
        with pytest.raises(BrokenPipeError) as told:
            Terminal(file=file).print("a line")
        os.dup2(os.open(os.devnull, os.O_WRONLY), writes)
    assert told.value.errno == errno.EPIPE  # which click knows


@pytest.mark.parametrize("package", [streams, deploy])
def test_no_command_writes_to_another_console(package: object) -> None:
    (root,) = package.__path__  # type: ignore[attr-defined]
    assert not [path for path in Path(root).rglob("*.py") if re.search(r"\bConsole\(", path.read_text())]
