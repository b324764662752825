"""Records of ub.alerts: which of them are alerts that can be queued."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import msgspec
import pytest

from schemas import codec
from streams.brokers.kafka_login import PLAIN
from streams.notify import intake
from streams.notify.intake import Intake, decoded, escalated_from, escalations, read
from streams.notify.receivers import Escalation, Receiver
from streams.settings import Settings
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


def test_a_text_may_say_how_json_writes_the_character_that_postgresql_cannot_hold() -> None:
    assert read(Record(codec.encode(of(summary=r"\u0000")))) is not None


@pytest.mark.parametrize(
    "record",
    [
        Record(None),
        Record(b"{"),
        Record(json.dumps([1]).encode()),
        Record(codec.encode(of(summary="\x00"))),
        Record(codec.encode(of(summary="\\\x00"))),
        Record(codec.encode(of(sequence=2**31))),
        Record(codec.encode(of(sequence=-1))),
        Record(codec.encode(of(updated_at=10**17))),
        Record(codec.encode(msgspec.structs.replace(of(), alert_id="a" * 257))),
        Record(codec.encode(msgspec.structs.replace(of(), alert_id=""))),
        Record(codec.encode(msgspec.structs.replace(of(), alert_id="a\nb"))),  # it goes into a header
        Record(codec.encode(of()), timestamp=10**17),
    ],
)
def test_a_record_that_cannot_be_queued_is_no_event(record: Record) -> None:
    assert read(record) is None


def test_an_id_of_an_alert_may_have_256_characters() -> None:
    assert read(Record(codec.encode(msgspec.structs.replace(of(), alert_id="a" * 256)))) is not None


def test_an_open_alert_of_another_version_is_named_in_the_log_and_the_others_are_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    known = codec.encode(of())
    unknown = known.replace(b'"oversaturation"', b'"of_the_future"')
    assert (decoded(unknown), decoded(known)) == (None, of())
    assert "of_the_future" in caplog.text


def on_duty(name: str, to: str | None = None, minutes: int = 0) -> Receiver:
    escalate = None if to is None else Escalation(to, timedelta(minutes=minutes))
    return Receiver(name, "https://a.example", "cloudevents", escalate=escalate)


def test_escalations_go_on_each_after_the_one_before() -> None:
    chain = [on_duty("mayor"), on_duty("chief", "mayor", 30), on_duty("duty", "chief", 15), on_duty("other")]
    assert list(escalations(chain[2], chain)) == [
        ("chief", timedelta(minutes=15)),
        ("mayor", timedelta(minutes=45)),
    ]
    assert list(escalations(chain[1], chain)) == [("mayor", timedelta(minutes=30))]
    assert list(escalations(chain[3], chain)) == []
    assert escalated_from(chain[0], chain) == {"chief": timedelta(minutes=30), "duty": timedelta(minutes=45)}
    assert escalated_from(chain[2], chain) == {}


def test_escalations_in_a_circle_tell_everybody_once() -> None:
    circle = [on_duty("a", "b", 1), on_duty("b", "c", 2), on_duty("c", "b", 4)]
    minutes = {name: after // timedelta(minutes=1) for name, after in escalations(circle[0], circle)}
    assert minutes == {"b": 1, "c": 3}
    assert [name for name, _ in escalations(circle[1], circle)] == ["c"]
    back = [on_duty("a", "b", 1), on_duty("b", "a", 2)]
    assert [name for name, _ in escalations(back[0], back)] == ["b"]


def test_only_what_is_queued_is_confirmed_to_kafka_and_who_never_confirmed_anything_reads_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By itself the client would confirm what it has handed out, and a new group would begin at the end."""
    asked: dict[str, object] = {}
    monkeypatch.setattr(intake, "AIOKafkaConsumer", lambda **options: asked.update(options))
    nobody = cast("Any", None)
    Intake(Settings(), (), nobody, nobody, nobody, nobody, nobody)._consumer(PLAIN)
    assert asked["enable_auto_commit"] is False
    assert asked["auto_offset_reset"] == "earliest"
    assert asked["group_id"] == intake.GROUP
