"""The labels of an alert."""

import msgspec

from streams.alerts.labels import labels, labels_of
from tests.unit.alerts.events import alert


def test_labels_are_the_same_in_whichever_order_operators_come() -> None:
    one = alert("raised")
    found = labels(one, lambda _lat, _lon: "Pudong", cell=one.cell, operators=["ofo", "hello", "mobike"])
    assert found["operator"] == ("hello", "mobike", "ofo")
    again = msgspec.structs.replace(
        one, evidence=msgspec.structs.replace(one.evidence, by_operator={"ofo": 1, "mobike": 1, "hello": 1})
    )
    assert labels_of(again, lambda _lat, _lon: "Pudong") == found
