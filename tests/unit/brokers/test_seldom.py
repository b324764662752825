"""What a library says again and again is said now and then."""

import logging
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Thread

import pytest
from aiokafka import client
from aiokafka.consumer import group_coordinator
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError

from streams.brokers.seldom import Seldom


def record(name: str, message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "x.py", 1, message, values, None)


@pytest.fixture
def impatient() -> Iterator[None]:
    """Threads that take turns after some microseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def test_aiokafka_says_the_same_once_a_minute_and_all_else_as_ever() -> None:
    """A worker whose password is wrong wrote forty lines a second, and filled the disk over a weekend."""
    now = 0.0
    seldom = Seldom(lambda: now)
    refused = ("aiokafka", "Unable connect to node with id %s: %s", 1, "refused")
    assert seldom.filter(record(*refused))
    assert not seldom.filter(record(*refused))
    assert seldom.filter(record("aiokafka", "Unable connect to node with id %s: %s", 2, "refused"))
    assert seldom.filter(record("aiokafka.consumer.fetcher", "Failed fetch messages from %s", 1))
    assert not seldom.filter(record("aiokafka.consumer.fetcher", "Failed fetch messages from %s", 1))
    assert all(seldom.filter(record("streams.fleet", "the same")) for _ in range(2))
    now = 59.9
    assert not seldom.filter(record(*refused))
    now = 60.0
    assert seldom.filter(record(*refused))


def test_what_was_said_long_ago_is_not_remembered() -> None:
    now = 0.0
    seldom = Seldom(lambda: now)
    for number in range(5_000):
        now += 1.0
        assert seldom.filter(record("aiokafka", "message %d", number))
    assert len(seldom) <= 61


@pytest.mark.usefixtures("impatient")
def test_threads_that_say_something_at_once_do_not_trip_over_each_other() -> None:
    """Consumers have a thread of their own; an error here would be raised where aiokafka logs, and end it."""
    ticks = count()
    seldom = Seldom(lambda: next(ticks) / 20)

    def say(who: int) -> int:
        return sum(seldom.filter(record("aiokafka", "%d: message %d", who, one)) for one in range(3_000))

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(say, range(2))) == [3_000, 3_000]


def test_while_one_thread_looks_through_what_was_said_another_adds_nothing_to_it() -> None:
    others: list[Thread] = []

    class Moment(float):
        def __sub__(self, other: float) -> float:  # as it looks
            if not others:
                others.append(Thread(target=seldom.filter, args=(record("aiokafka", "of another thread"),)))
                others[0].start()
                others[0].join(0.2)
            return float(self) - other

    seldom = Seldom(lambda: Moment(1.0))
    assert seldom.filter(record("aiokafka", "one"))
    assert seldom.filter(record("aiokafka", "two"))
    others[0].join(60)
    assert len(seldom) == 3


def test_a_commit_that_is_refused_is_the_same_at_any_offset() -> None:
    seldom = Seldom()
    refused = "OffsetCommit failed for group urbanbrain on partition %s with offset OffsetAndMetadata(offset=%d): %s"
    said = [
        seldom.filter(record("aiokafka.consumer.group_coordinator", refused, place, offset, "UnknownError"))
        for place, offset in [("ub.cells", 8), ("ub.cells", 9), ("ub.partials", 9)]
    ]
    assert said == [True, False, True]


def test_what_aiokafka_does_about_a_fault_is_left_out_and_the_fault_is_not() -> None:
    """Its words are those of its source: another version may have others, which are written."""
    source = "".join(Path(module.__file__).read_text() for module in (group_coordinator, client))
    seldom = Seldom()
    for message, values in [
        ("Heartbeat failed for group %s because it is rebalancing", ["urbanbrain"]),
        ("Heartbeat send request failed: %s. Will retry.", ["[Error 7] RequestTimedOutError"]),
        ("Heartbeat session expired - marking coordinator dead", []),
        ("Marking the coordinator dead (node %s)for group %s.", [111, "urbanbrain"]),
        ("Unable to update metadata from %s", [[111]]),
    ]:
        assert not seldom.filter(record("aiokafka.consumer.group_coordinator", message, *values))
        assert message in re.sub(r'"\s+"', "", source)
    failed = ("aiokafka.consumer.fetcher", "Failed fetch messages from %s: %s", 111)
    assert not seldom.filter(record(*failed, NodeNotReadyError("Attempt to send a request to a node")))
    assert seldom.filter(record(*failed, KafkaConnectionError("Connection at broker:9092 closed")))
    assert seldom.filter(record("aiokafka", "Unable connect to node with id %s: %s", 111, "refused"))
    why = "Error sending %s to node %s [%s] -- marking coordinator dead"
    assert seldom.filter(record("aiokafka.consumer.group_coordinator", why, "HeartbeatRequest", 111, "late"))
