"""Texts of others as a terminal may show them: what would move or colour it, or turn the text around, as an escape."""

import re

_JOINERS = "\u200c\u200d"
"""Persian, Hindi and others are written with them; to Python they are not printable, as nothing invisible is."""
_ESCAPED = re.compile(r"\\(?:\\|u200[cd])")


def is_printable(text: str) -> bool:
    """Return whether a text may be shown as it is: a name of ours, or of the world's."""
    return all(one.isprintable() or one in _JOINERS for one in text)


def quoted(text: str) -> str:
    """Return a text in quotes as `repr` does, but with its joiners, as people write it."""
    return _ESCAPED.sub(lambda one: one[0] if one[0] == r"\\" else chr(int(one[0][2:], 16)), repr(text))


def printable(text: str, allowed: str = "") -> str:
    r"""Return a text in which all that is not printable is an escape such as \x1b, but for what is `allowed`."""
    if text.isprintable():
        return text
    return "".join(
        one if is_printable(one) or one in allowed else one.encode("unicode_escape").decode() for one in text
    )
