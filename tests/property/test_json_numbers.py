"""the_nearest_double: what compiled code reads of a number in JSON is what `float` makes of it, to the last bit."""

import math
import struct
from fractions import Fraction

from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from streams.columnar.json_text import NOT_READ, decimal, text_of

MANY = settings(max_examples=1_000)


def assert_nearest(text: str) -> bool:
    """Compare; returns whether it was read."""
    found, end = decimal(text_of(text.encode()), 0)
    if end == NOT_READ:
        return False
    assert end == len(text)
    assert struct.pack("d", found) == struct.pack("d", float(text)), text
    return True


def written(number: Fraction, places: int) -> str:
    """Return a number, rounded to so many decimal places."""
    rounded = round(number * 10**places)
    sign, digits = "-" if rounded < 0 else "", str(abs(rounded)).rjust(places + 1, "0")
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


@MANY
@given(st.floats(1e-4, 1e6), st.integers(0, 18), st.integers(-2, 2))
@example(9007199254740993.0, 0, 0)
@example(0.00010000000000000002, 3, -1)
def test_a_number_half_way_between_two_doubles(number: float, places: int, off: int) -> None:
    half_way = (Fraction(number) + Fraction(math.nextafter(number, math.inf))) / 2
    event("read" if assert_nearest(written(half_way + Fraction(off, 10**places), places)) else "left alone")


@MANY
@given(st.integers(-6, 40), st.integers(-4, 4), st.integers(10, 18))
def test_a_number_next_to_a_power_of_two(power: int, off: int, places: int) -> None:
    assert_nearest(written(Fraction(2) ** power * (1 + Fraction(off, 2**54)), places))


@MANY
@given(st.integers(0, 10**18 - 1), st.integers(0, 18))
@example(2**53 + 1, 0)
@example(2**53 + 1, 1)
@example(2**60 + 2**7, 3)
def test_any_digits(digits: int, places: int) -> None:
    assert_nearest(written(Fraction(digits, 10**places), places))


@MANY
@given(st.floats(-180, 180))
def test_degrees_as_python_writes_them_are_read(degrees: float) -> None:
    text = repr(degrees)
    assume("e" not in text and text != "-0.0")
    is_power_of_two = abs(math.frexp(degrees)[0]) == 0.5
    assert assert_nearest(text) or is_power_of_two or len(text.partition(".")[2]) > 18
