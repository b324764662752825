"""Texts of others as they are shown: names of scripts that are written with joiners stay what they are."""

import pytest

from streams.printable import is_printable, printable, quoted

PERSIAN = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"


@pytest.mark.parametrize(
    "text", ["", "park", "it's", 'a "b"', "both ' and \"", "C:\\u200c", "\\", "\x1b[2J", "\u2028"]
)
def test_what_has_no_joiners_is_quoted_as_python_does(text: str) -> None:
    assert quoted(text) == repr(text)


@pytest.mark.parametrize("text", [PERSIAN, "\u200d", "a\\\u200cb"])
def test_joiners_are_quoted_as_they_are(text: str) -> None:
    assert quoted(text) == "'" + text.replace("\\", "\\\\") + "'"


def test_a_name_with_joiners_is_printable_and_what_would_move_a_terminal_is_not() -> None:
    assert is_printable(PERSIAN)
    assert printable(PERSIAN) == PERSIAN
    assert printable("\x1b\n", allowed="\n") == "\\x1b\n"
    assert printable("\x1b" + PERSIAN) == r"\x1b" + PERSIAN
