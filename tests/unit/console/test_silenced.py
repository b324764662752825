"""Open alerts say until when they are silenced: by the silence that ends last of those that match."""

from dataclasses import replace
from datetime import datetime, timedelta

from streams.console.silenced import Silenced
from streams.fold.outlines import no_district
from streams.store.alert_desk import SilenceRow
from tests.unit.console.rows import T0, alert


def silence(name: str, ends_at: datetime, began: datetime = T0, **wanted: str) -> SilenceRow:
    matchers = [
        {"name": label, "value": value, "isRegex": False, "isEqual": True} for label, value in wanted.items()
    ]
    return SilenceRow(name, matchers, began, ends_at, "anna", "", "active")


def hour(number: int) -> datetime:
    return T0 + timedelta(hours=number)


def test_of_several_silences_the_one_that_ends_last_counts_and_others_are_left_as_they_are() -> None:
    first, second = alert("a", kind="oversaturation"), alert("b", kind="anomaly")
    holding = [
        silence("s1", hour(3), kind="oversaturation"),
        silence("s2", hour(9), began=hour(2), severity="minor", kind="oversaturation"),
        silence("s3", hour(8), operator="hello", kind="oversaturation"),
        silence("s4", hour(8), severity="critical"),
    ]
    silenced = Silenced(no_district)
    assert silenced([first, second], holding) == [replace(first, silenced_until=hour(9)), second]
    assert silenced([first, second], holding[:1]) == [replace(first, silenced_until=hour(3)), second]
    assert silenced([first, second], []) == [first, second]


def test_silences_may_ask_for_operators_and_for_districts() -> None:
    one = alert("a")
    silenced = Silenced(lambda lat, lon: "浦东" if (lat, lon) == (one.lat, one.lon) else None)
    assert silenced([one], [silence("s", hour(1), district="浦东")])[0].silenced_until == hour(1)
    assert silenced([one], [silence("s", hour(1), operator="hello")])[0].silenced_until == hour(1)
    assert (
        silenced([replace(one, lat=0.0)], [silence("s", hour(1), district="浦东")])[0].silenced_until is None
    )
    assert silenced([one], [silence("s", hour(1), operator="didi")])[0].silenced_until is None
