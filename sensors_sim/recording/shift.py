"""Moves the time stamps inside payloads, and leaves every other byte as it is.

A pattern finds them, not a JSON decoder: number formats, order of fields and white space stay, and so does what is
no JSON. A quote within a JSON text is always escaped, so the pattern cannot match there.
"""

import re

STAMPS = ("ts", "expected_datetime", "received_at", "last_ts")
"""Fields that hold milliseconds since the epoch, in readings, events and frames (there as columns, too)."""

_FIELD = rb'(?<=[{,\s])"(?:%s)"\s*:\s*(-?\d{1,18}(?=\s*[,}])|\[[-\d,\s]*\])'
_FIELDS = re.compile(_FIELD % "|".join(STAMPS).encode())
_TS = re.compile(_FIELD % b"ts")
_NUMBER = re.compile(rb"(?<!\d)-?\d{1,18}(?!\d)")  # what has more digits is no time


def shifted(payload: bytes, by_ms: int) -> bytes:
    """Return the payload with its time stamps moved by so many milliseconds."""

    def move(field: re.Match[bytes]) -> bytes:
        before = field[0][: field.start(1) - field.start()]
        return before + _NUMBER.sub(lambda number: b"%d" % (int(number[0]) + by_ms), field[1])

    return _FIELDS.sub(move, payload) if by_ms else payload


def times(payload: bytes) -> list[int]:
    """Return the event times (`ts`) in a payload, in the order in which they stand there."""
    return [int(number) for field in _TS.finditer(payload) for number in _NUMBER.findall(field[1])]
