"""A partition is read to its end, however long a reader takes; one that ends before is another log."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from kafka import TopicPartition

from streams import topics
from streams.alerts import log
from streams.alerts.log import LogPart
from streams.errors import CannotReplay

AT = TopicPartition(topics.CELLS, 0)


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Consumer:
    """Kafka's consumer as it is asked here; each poll gives one of `polls`, then nothing, and takes a second."""

    def __init__(self, clock: Clock, polls: list[list[int]], begins: int = 0) -> None:
        self._clock, self._polls, self._begins = clock, iter(polls), begins
        self.sought: list[int] = []

    def beginning_offsets(self, _partitions: object) -> dict[TopicPartition, int]:
        return {AT: self._begins}

    def assign(self, _partitions: object) -> None: ...

    def seek(self, _at: object, offset: int) -> None:
        self.sought.append(offset)

    def poll(self, **_options: object) -> dict[TopicPartition, list[Any]]:
        self._clock.now += 1
        found = next(self._polls, [])
        return {AT: [SimpleNamespace(offset=n, value=b"{}", timestamp=0) for n in found]} if found else {}


def read(
    polls: list[list[int]], last: int, monkeypatch: pytest.MonkeyPatch, each_takes_s: float
) -> Iterator[int]:
    clock = Clock()
    monkeypatch.setattr(log, "time", clock)
    for record in LogPart(cast(Any, Consumer(clock, polls)), AT).records(last):
        yield record.offset
        clock.now += each_takes_s


def test_a_reader_who_takes_long_waits_for_what_comes_next(monkeypatch: pytest.MonkeyPatch) -> None:
    polls = [[0, 1], [], [], [2]]
    assert list(read(polls, 2, monkeypatch, each_takes_s=60.0)) == [0, 1, 2]


def test_a_partition_that_ends_before_is_another_log(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CannotReplay, match="ends at offset 1, and offset 2 decided"):
        list(read([[0, 1]], 2, monkeypatch, each_takes_s=0.0))


def test_a_partition_whose_beginning_retention_took_is_read_from_where_it_begins_now() -> None:
    consumer = Consumer(Clock(), [[5, 6, 7]], begins=5)
    part = LogPart(cast(Any, consumer), AT)
    assert (part.begins, [record.offset for record in part.records(6)], consumer.sought) == (5, [5, 6], [5])
