"""Whether Kafka answers: said once when it stops, and once when it is back."""

import logging

import pytest
from faust.types import TP

from streams.brokers.hearing import SILENT_S, Hearing
from tests.work import lines_run

ONE, TWO = TP("ub.vehicles", 0), TP("ub.vehicles", 1)


class Kafka:
    """Answers at the times that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.answered: dict[TP, float | None] = {}
        self.hearing = Hearing("broker:9092", self.answered.get, lambda: self.now)

    def both(self) -> list[bool]:
        return [self.hearing.hears(tp) for tp in (ONE, TWO)]


def test_a_broker_that_hangs_is_told_once_and_so_is_that_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    kafka = Kafka()
    kafka.answered |= {ONE: 999.0, TWO: 1_000.5}
    assert kafka.both() == [True, True]
    kafka.now += SILENT_S
    assert kafka.both() == [False, True]
    kafka.now += SILENT_S
    assert kafka.both() == [False, False]
    kafka.now += SILENT_S
    assert kafka.both() == [False, False]
    kafka.answered[TWO] = kafka.now
    assert kafka.both() == [False, True]
    kafka.answered[ONE] = kafka.now
    assert kafka.both() == [True, True]
    assert caplog.messages == [
        "Kafka at broker:9092 has not answered for 21 s: nothing is read until it does",
        "Kafka at broker:9092 answers again",
    ]


def test_who_stood_still_or_whose_clock_was_set_blames_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """What is asked for first then may be older than any answer: the next one is on its way."""
    kafka = Kafka()
    for _ in range(3):
        kafka.answered |= {ONE: kafka.now, TWO: kafka.now}
        assert kafka.both() == [True, True]
        kafka.now += 3_600
        kafka.both()
    assert caplog.messages == []


def test_of_a_partition_that_was_not_read_yet_or_is_another_workers_nothing_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kafka = Kafka()
    assert kafka.both() == [False, False]
    assert caplog.messages == []
    kafka.answered |= {ONE: kafka.now - SILENT_S, TWO: kafka.now}
    assert kafka.both() == kafka.both() == [False, True]
    kafka.answered[ONE] = None  # another worker has it
    assert kafka.hearing.hears(TWO)
    assert [line.endswith("again") for line in caplog.messages] == [False, True]


def test_a_clock_that_is_set_forward_twice_blames_nobody(caplog: pytest.LogCaptureFixture) -> None:
    kafka = Kafka()
    kafka.answered[ONE] = kafka.now
    for _ in range(2):
        kafka.now += SILENT_S
        assert not kafka.hearing.hears(ONE)
        kafka.now -= SILENT_S
        assert kafka.hearing.hears(ONE)
    assert caplog.messages == []


def test_a_partition_that_was_late_when_it_was_taken_away_counts_as_late_once_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    kafka = Kafka()
    kafka.answered[ONE] = kafka.now - SILENT_S
    assert not kafka.hearing.hears(ONE)
    kafka.answered[ONE] = None  # another worker has it: nobody asks
    kafka.now += 3_600
    kafka.answered[ONE] = kafka.now - SILENT_S  # it is back, and was read once
    assert not kafka.hearing.hears(ONE)
    assert caplog.messages == []
    kafka.now += SILENT_S
    assert not kafka.hearing.hears(ONE)
    assert len(caplog.messages) == 1


def test_answers_that_come_too_late_each_time_are_no_silence(caplog: pytest.LogCaptureFixture) -> None:
    kafka = Kafka()
    for _ in range(3):
        kafka.now += 2 * SILENT_S
        kafka.answered[ONE] = kafka.now - SILENT_S
        assert not kafka.hearing.hears(ONE)
    assert caplog.messages == []


def test_a_look_takes_little_however_many_partitions_are_silent() -> None:
    kafka = Kafka()
    many = [TP("ub.vehicles", number) for number in range(100)]
    kafka.answered |= dict.fromkeys(many, kafka.now - SILENT_S)

    def look() -> None:
        for tp in many:
            assert not kafka.hearing.hears(tp)

    look()
    look()
    assert lines_run(look) < 3_000
