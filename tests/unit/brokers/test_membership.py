"""A group that refuses a worker, as long as it does, and when it takes it."""

import logging

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, UnknownError

from streams.brokers.membership import Membership


class Consumer:
    """aiokafka's, with its coordinator and the task of that in one: `trouble` is what the group says now."""

    def __init__(self) -> None:
        self.trouble: KafkaError | None = None
        self.given_up = False
        self.partitions: set[int] = set()
        self.joins = 0
        self._coordinator = self._coordination_task = self

    def check_errors(self) -> None:
        if self.trouble is not None:
            raise self.trouble

    def done(self) -> bool:
        return self.given_up

    def request_rejoin(self) -> None:
        self.joins += 1

    def assignment(self) -> set[int]:
        return self.partitions


def said(caplog: pytest.LogCaptureFixture) -> int:
    return len([one for one in caplog.records if one.levelno == logging.WARNING])


def test_it_is_asked_again_and_again_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    membership, consumer = Membership("urbanbrain", "this worker"), Consumer()
    membership.look(consumer)
    assert (consumer.joins, said(caplog)) == (0, 0)
    consumer.trouble = GroupAuthorizationFailedError("urbanbrain")
    membership.look(consumer)
    consumer.trouble = None  # tried, but not answered yet
    membership.look(consumer)
    consumer.trouble = GroupAuthorizationFailedError("urbanbrain")
    membership.look(consumer)
    assert (consumer.joins, said(caplog)) == (2, 1)
    assert "let its account read the group" in caplog.text


def test_it_is_said_again_after_the_worker_was_in(caplog: pytest.LogCaptureFixture) -> None:
    membership, consumer = Membership("urbanbrain", "this worker"), Consumer()
    for trouble, partitions in [(UnknownError(), set[int]()), (None, {3}), (UnknownError(), {3})]:
        consumer.trouble, consumer.partitions = trouble, partitions
        membership.look(consumer)
    assert (consumer.joins, said(caplog)) == (2, 2)


def test_what_aiokafka_has_given_up_ends_the_worker() -> None:
    consumer = Consumer()
    consumer.trouble, consumer.given_up = KafkaError("Unexpected error during coordination"), True
    with pytest.raises(KafkaError):
        Membership("urbanbrain", "this worker").look(consumer)
