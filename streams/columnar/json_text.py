"""Strings of JSON, eight characters at a time, and its numbers, digit by digit, in compiled code.

A `Text` is a text as overlapping integers: element p holds the characters p to p + 7, the first in the lowest byte.
Whether a byte of such a word is zero, or less than a number, is asked of all eight at once (S. E. Anderson, "Bit
twiddling hacks"). Places are made unsigned where a text is read: a signed one might count from its end, and each time
that would be asked.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from streams.columnar.compiled import compiled, int64

Text = NDArray[np.uint64]
Words = NDArray[np.uint64]
"""Strings of plain characters as integers of eight, (n, width / 8), padded with zeros."""

NOT_READ = -1
QUOTE, COMMA, POINT, COLON = 34, 44, 46, 58
OPEN_LIST, CLOSE_LIST, OPEN, CLOSE = 91, 93, 123, 125
_SPACE, _MINUS, _ZERO = 32, 45, 48
_WHITE = sum(1 << character for character in b" \t\n\r")
_BEYOND = 96  # bytes after the text that may be looked at: a string of 64, in its words, and one more
_DIGITS = 18  # fit into 63 bits
_EXACT = 2**53
_LARGEST = 2**63 - 1
_TENS = np.array([10**power for power in range(_DIGITS + 1)], np.int64)
_MOST = _LARGEST // _TENS - 1


def _eight(byte: int) -> np.uint64:
    return np.uint64(byte * 0x0101_0101_0101_0101)


_ONES, _HIGH = _eight(0x01), _eight(0x80)
_SPACES, _QUOTES, _ESCAPES, _LETTERS = _eight(_SPACE), _eight(QUOTE), _eight(92), _eight(97)
_ONE, _7, _56 = np.uint64(1), np.uint64(7), np.uint64(56)
_FOUR, _NULL = np.uint64(0xFFFF_FFFF), np.uint64(int.from_bytes(b"null", "little"))
_ID_LETTERS = np.zeros(256, np.bool_)
for _letter in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-":
    _ID_LETTERS[_letter] = True


Patterns = NDArray[np.uint64]
"""Values as they stand in JSON, strings with their quotes, (n, 1 + 2 w): the length of each, its characters in w words,
and masks of those words."""


def patterns_of(strings: Sequence[str]) -> Patterns:
    """Return strings of plain ASCII characters as they stand in JSON."""
    return literals_of([f'"{string}"'.encode() for string in strings])


def literals_of(values: Sequence[bytes]) -> Patterns:
    """Return JSON of any values but numbers (one begins like another) as patterns; 88 characters at most."""
    width = -(-max(map(len, values), default=1) // 8)
    words = np.array(values, f"S{8 * width}").view(np.uint64).reshape(-1, width)
    masks = np.array([b"\xff" * len(value) for value in values], f"S{8 * width}")
    sizes = np.array([[len(value)] for value in values], np.uint64).reshape(-1, 1)
    return np.concatenate((sizes, words, masks.view(np.uint64).reshape(-1, width)), axis=1)


class Buffer:
    """Takes one text after the other and gives it as a `Text`, followed by zeros."""

    def __init__(self) -> None:
        self._bytes = np.zeros(0, np.uint8)
        self.text: Text = overlapping(self._bytes)

    def take(self, value: bytes) -> Text:
        """Return a text; it holds until the next one is taken."""
        end = len(value)
        if end + _BEYOND > len(self._bytes):
            self._bytes = np.zeros(2 * end + _BEYOND, np.uint8)
            self.text = overlapping(self._bytes)
        self._bytes[:end] = np.frombuffer(value, np.uint8)
        self._bytes[end : end + _BEYOND] = 0
        return self.text


def text_of(value: bytes) -> Text:
    """Return a text that holds for as long as it is wanted."""
    return overlapping(np.frombuffer(value + bytes(_BEYOND), np.uint8))


def overlapping(characters: NDArray[np.uint8]) -> Text:
    """Return a view of characters as a `Text`."""
    return np.ndarray(max(0, len(characters) - 7), np.uint64, characters, strides=(1,))


@compiled
def letter(text: Text, p: int) -> int:
    """Return the character at a place."""
    return int64(text[np.uint64(p)] & np.uint64(0xFF))


@compiled
def skip(text: Text, p: int) -> int:
    """Return the first place from p on that is no white space."""
    found = letter(text, p)
    while found <= _SPACE and _WHITE >> found & 1:
        p += 1
        found = letter(text, p)
    return p


@compiled
def _bytes_below(mark: np.uint64) -> tuple[np.uint64, int]:
    """Return a mask of the bytes below the lowest one whose high bit is set in `mark`, and their number."""
    mask = ((mark & (~mark + _ONE)) >> _7) - _ONE
    return mask, int64(((mask & _ONES) * _ONES) >> _56)


@compiled
def string(text: Text, p: int, found: Words) -> int:
    """Read a string of plain ASCII characters, at least one, into words; returns the place after it.

    NOT_READ where it is none, has an escape, or does not fit.
    """
    if letter(text, p) != QUOTE:
        return NOT_READ
    p += 1
    begin, place = p, 0
    while True:
        word = text[np.uint64(p)]
        quote = word ^ _QUOTES
        quote = (quote - _ONES) & ~quote & _HIGH
        if quote:
            mask, size = _bytes_below(quote)
            word &= mask
        else:
            mask, size = ~np.uint64(0), 8
        plain = word | (_LETTERS & ~mask)
        escape = plain ^ _ESCAPES
        if (plain | ((plain - _SPACES) & ~plain) | ((escape - _ONES) & ~escape)) & _HIGH:
            return NOT_READ
        if size:
            if place == len(found):
                return NOT_READ
            found[place] = word
            place += 1
        p += size
        if quote:
            break
    if p == begin:
        return NOT_READ
    while place < len(found):
        found[place] = 0
        place += 1
    return p + 1


@compiled
def known_string(text: Text, p: int, known: Patterns, guess: int) -> tuple[int, int]:
    """Return which of the known strings stands here, and the place after it; NOT_READ if none of them does."""
    width = known.shape[1] // 2
    for step in range(len(known)):
        at = guess + step
        if at >= len(known):
            at -= len(known)
        differs = np.uint64(0)
        for place in range(width):
            differs |= (text[np.uint64(p + 8 * place)] & known[at, 1 + width + place]) ^ known[at, 1 + place]
        if differs == 0:
            return at, p + int64(known[at, 0])
    return NOT_READ, NOT_READ


@compiled
def is_null(text: Text, p: int) -> bool:
    """Return whether `null` stands here."""
    return bool(text[np.uint64(p)] & _FOUR == _NULL)


@compiled
def member(text: Text, p: int, names: Patterns, guess: int) -> tuple[int, int]:
    """Read the name of a member of an object; returns which it is, and the place of its value or NOT_READ."""
    name, p = known_string(text, p, names, guess if guess < len(names) else 0)
    if p < 0:
        return 0, NOT_READ
    p = skip(text, p)
    if letter(text, p) != COLON:
        return 0, NOT_READ
    return name, skip(text, p + 1)


@compiled
def has_more(text: Text, p: int) -> tuple[bool, int]:
    """Return whether an object goes on after a value, and the place of the next member or after the object's end.

    The place is NOT_READ where the object does neither, or p was.
    """
    if p < 0:
        return False, NOT_READ
    p = skip(text, p)
    if letter(text, p) == COMMA:
        return True, skip(text, p + 1)
    return False, p + 1 if letter(text, p) == CLOSE else NOT_READ


@compiled
def is_id(words: Words, at: int) -> bool:
    """Return whether a string of 8 characters a word is an id: 1 to 64 letters, digits or _ . : - (ID_PATTERN)."""
    ended = False
    for place in range(words.shape[1]):
        word = words[at, place]
        if word == 0:
            ended = True
            continue
        for _ in range(8):
            character = word & np.uint64(0xFF)
            if character == 0:
                ended = True
            elif ended or not _ID_LETTERS[character]:
                return False
            word >>= np.uint64(8)
    return bool(words[at, 0] != 0)


@compiled
def _digits(text: Text, p: int) -> tuple[int, int]:
    """Return the number that the digits from p on are, and how many they are: 19 where they are too many."""
    number, count = 0, 0
    while True:
        digit = letter(text, p + count) - _ZERO
        if digit < 0 or digit > 9:
            return number, count
        number = number * 10 + digit
        count += 1
        if count > _DIGITS:
            return 0, count


@compiled
def integer(text: Text, p: int) -> tuple[int, int]:
    """Return an integer of at most 18 digits, not negative, and the place after it; NOT_READ if it is none."""
    number, count = _digits(text, p)
    if count == 0 or count > _DIGITS or (count > 1 and letter(text, p) == _ZERO):
        return 0, NOT_READ
    return number, p + count


@compiled
def decimal(text: Text, p: int) -> tuple[float, int]:
    """Read a number; returns the double nearest to it and the place after it, NOT_READ if that is not certain here.

    At most 18 digits before the point and as many after it, without the point less than 2^63; no exponent.
    """
    negative = letter(text, p) == _MINUS
    if negative:
        p += 1
    number, p = integer(text, p)
    if p < 0:
        return 0.0, NOT_READ
    power = 0
    if letter(text, p) == POINT:
        fraction, power = _digits(text, p + 1)
        if power == 0 or power > _DIGITS or number > _MOST[power]:
            return 0.0, NOT_READ
        number = number * _TENS[power] + fraction
        p += 1 + power
    if negative and number == 0:
        return 0.0, NOT_READ
    # Up to 2^53 both are doubles, and one division rounds once.
    found = number / _TENS[power] if number <= _EXACT else _nearest(number, power)
    if found < 0.0:
        return 0.0, NOT_READ
    return (-found if negative else found), p


@compiled
def _nearest(number: int, power: int) -> float:
    """Return the double nearest to number / 10^power, 2^53 < number < 2^63; -1 if that is not certain here.

    The quotient of the doubles is c / 2^k; it errs by less than 1.5 of its last places. So what it leaves,
    number 2^k - c 10^power, is less than 1.5 10^power: it is right although computed modulo 2^64, and says which
    neighbour of c is nearest (W. D. Clinger, "How to read floating point numbers accurately", 1990, AlgorithmR).
    """
    ten = _TENS[power]
    part, exponent = math.frexp(number / ten)
    c, k = int64(part * _EXACT), 53 - exponent
    if k < 0 or 2 * c == _EXACT:  # below a power of two doubles lie closer
        return -1.0
    left = 2 * int64((np.uint64(number) << np.uint64(k)) - np.uint64(c) * np.uint64(ten))
    if left > ten or (left == ten and c & 1):
        c += 1
    elif left < -ten or (left == -ten and c & 1):
        c -= 1
    return math.ldexp(float(c), -k)


@compiled
def goes_on(text: Text, p: int) -> tuple[bool, int]:
    """Return whether a list goes on after a value, and the place of the next one or after the list's end.

    The place is NOT_READ where the list does neither, or p was.
    """
    if p < 0:
        return False, NOT_READ
    p = skip(text, p)
    if letter(text, p) == COMMA:
        return True, skip(text, p + 1)
    return False, p + 1 if letter(text, p) == CLOSE_LIST else NOT_READ
