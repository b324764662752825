"""What commands take is text that may be shown: others read it on their terminals, and in their logs."""

import pytest
from click.testing import CliRunner

from streams.cli import main


@pytest.mark.parametrize(
    "arguments",
    [
        ["alerts", "silence", "add", "--until", "1h", "--reason", "fair", "zone=a\x1b[2Jb"],
        ["alerts", "list", "zone=a\x9b31m"],
        ["alerts", "replay", "\udcff"],
        ["incidents", "show", "\udcff"],
    ],
)
def test_what_would_move_a_terminal_or_is_no_text_is_refused(arguments: list[str]) -> None:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "cannot be shown; leave it out" in done.stderr


def test_a_value_of_two_lines_is_matched_as_it_is_written() -> None:
    done = CliRunner().invoke(main, ["alerts", "list", r"zone=a\nb"], env={"UB_WINDOW_S": "0"})
    assert "wrong setting" in done.stderr
