"""Records of ub.alerts: which of them are alerts that can be queued."""

import json
from dataclasses import dataclass

import pytest

from schemas import codec
from streams.notify.intake import read
from tests.pipeline import T0
from tests.unit.notify.events import of


@dataclass(frozen=True)
class Record:
    value: bytes | None
    timestamp: int = T0
    topic: str = "ub.alerts"
    partition: int = 0
    offset: int = 7


def test_an_alert_is_read_with_the_time_of_its_record() -> None:
    event = read(Record(codec.encode(of())))
    assert event is not None
    assert (event.alert, event.body) == (of(), codec.encode(of()))
    assert event.at.timestamp() * 1000 == T0


def test_what_is_not_of_an_alert_does_not_reach_the_database() -> None:
    value = codec.encode(of()).replace(b"{", b'{"more": 1e999999, "text": "\xff", ', 1)
    event = read(Record(value))
    assert event is not None
    assert event.body == codec.encode(of())


@pytest.mark.parametrize(
    "record",
    [
        Record(None),
        Record(b"{"),
        Record(json.dumps([1]).encode()),
        Record(codec.encode(of(summary="\x00"))),
        Record(codec.encode(of(sequence=2**31))),
        Record(codec.encode(of(sequence=-1))),
        Record(codec.encode(of(updated_at=10**17))),
        Record(codec.encode(of()), timestamp=10**17),
    ],
)
def test_a_record_that_cannot_be_queued_is_no_event(record: Record) -> None:
    assert read(record) is None
