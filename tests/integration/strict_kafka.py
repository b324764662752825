"""A Tansu behind a listener that does what Kafka does and Tansu 0.6 cannot: it refuses records, members of groups,
their offsets and whoever reads, adds partitions, and names leaders that are down.

The listener looks into the answers, and is the address that Tansu advertises. Each partition that is to be "added"
exists from the start and is hidden until then.
"""

import asyncio
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from kafka.protocol.consumer import (
    FetchResponse,
    HeartbeatRequest,
    HeartbeatResponse,
    JoinGroupRequest,
    JoinGroupResponse,
    OffsetCommitResponse,
    OffsetFetchResponse,
)
from kafka.protocol.metadata import MetadataResponse
from kafka.protocol.producer import ProduceRequest, ProduceResponse

from deploy.native.directory import private_directory
from deploy.native.ports import LOOPBACK, free_port
from deploy.native.tansu import Tansu

NOT_LEADER, MESSAGE_TOO_LARGE, INVALID_RECORD = 6, 10, 87
_DOWN = 9
"""The number of a broker that nobody can connect to."""
UNKNOWN_SERVER_ERROR, REBALANCE_IN_PROGRESS = -1, 27
TOPIC_AUTHORIZATION_FAILED, GROUP_AUTHORIZATION_FAILED = 29, 30
_PRODUCE, _FETCH, _METADATA = 0, 1, 3
_OFFSET_COMMIT, _OFFSET_FETCH, _JOIN_GROUP, _HEARTBEAT = 8, 9, 11, 12

Judge = Callable[[str, bytes], int]
"""Of (topic, batch of records): the code of the error that it is refused with, or 0."""


@dataclass(slots=True)
class StrictKafka:
    """What it refuses, and how many partitions of each topic can be seen; all of it may change while it runs.

    `members` is the code of the error with which those are refused who join a group or say that they are in it, or 0;
    `alive` is how often somebody said that he is in it, and it was so.
    `commits` is that for the offsets that a group commits, `offsets` that for whoever asks for them, and `reads` that
    for whoever reads a topic. While `leader_is_down`, a broker leads all partitions that is not in the list of brokers;
    `named` is set once a client was told so.
    """

    tansu: Tansu
    judge: Judge = lambda _topic, _batch: 0
    shown: dict[str, int] = field(default_factory=dict)
    members: int = 0
    alive: int = 0
    commits: int = 0
    offsets: int = 0
    reads: dict[str, int] = field(default_factory=dict)
    leader_is_down: bool = False
    named: threading.Event = field(default_factory=threading.Event)
    _connections: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def bootstrap(self) -> str:
        """Where it listens."""
        return self.tansu.bootstrap

    async def serve(self, port: int, ready: threading.Event, end: asyncio.Event) -> None:
        """Listen until `end` is set."""
        server = await asyncio.start_server(self._connected, LOOPBACK, port)
        ready.set()
        await end.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError, EOFError):
                await self._hand_over(reader, writer)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _hand_over(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client: one request after the other, as Kafka does."""
        behind_reader, behind_writer = await asyncio.open_connection(LOOPBACK, self.tansu.port)
        try:
            while True:
                if answer := await self._answer(await _read(reader), behind_reader, behind_writer):
                    writer.write(answer)
                    await writer.drain()
        finally:
            behind_writer.transport.abort()

    async def _answer(
        self, frame: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes | None:
        async def ask(asked: bytes) -> bytes:
            writer.write(asked)
            return await _read(reader)

        key, version = struct.unpack(">hh", frame[:4])
        if key == _PRODUCE:
            asked = ProduceRequest.decode(frame, version=version, header=True)
            refused = self._refused(asked)
            if refused:
                left = _encoded(asked) if asked.topic_data else None
                found = ProduceResponse(version=version, responses=[], throttle_time_ms=0)
                if left is not None:
                    found = ProduceResponse.decode(await ask(left), version=version, header=True)
                return _framed_answer(_with(found, refused), version, asked.header.correlation_id)
        if key in (_JOIN_GROUP, _HEARTBEAT) and self.members:
            return _not_taken(self.members, key, version, frame)
        answer = await ask(_size(frame))
        if key == _HEARTBEAT:
            told = HeartbeatResponse.decode(answer, version=version, header=True)
            self.alive += told.error_code == 0
        if (key == _OFFSET_COMMIT and self.commits) or (key == _OFFSET_FETCH and self.offsets):
            kind = OffsetCommitResponse if key == _OFFSET_COMMIT else OffsetFetchResponse
            told = kind.decode(answer, version=version, header=True)
            _put_codes(told.topics, lambda _: self.commits if key == _OFFSET_COMMIT else self.offsets)
            return _framed_answer(told, version, told.header.correlation_id)
        if key == _FETCH and self.reads:
            told = FetchResponse.decode(answer, version=version, header=True)
            _put_codes(told.responses, lambda one: self.reads.get(one.topic, 0))
            return _framed_answer(told, version, told.header.correlation_id)
        if key == _METADATA and (self.shown or self.leader_is_down):
            told = MetadataResponse.decode(answer, version=version, header=True)
            for topic in told.topics:
                topic.partitions = topic.partitions[: self.shown.get(topic.name)]
                for partition in topic.partitions if self.leader_is_down else ():
                    partition.leader_id = _DOWN
                    self.named.set()
            return _framed_answer(told, version, told.header.correlation_id)
        return _size(answer)

    def _refused(self, asked: Any) -> dict[tuple[str, int], int]:
        """Take the batches that are refused out of a request; return the code for each topic and partition."""
        refused: dict[tuple[str, int], int] = {}
        for topic in asked.topic_data:
            for partition in topic.partition_data:
                if code := self.judge(topic.name, bytes(partition.records)):
                    refused[topic.name, partition.index] = code
            topic.partition_data = [
                one for one in topic.partition_data if (topic.name, one.index) not in refused
            ]
        asked.topic_data = [topic for topic in asked.topic_data if topic.partition_data]
        return refused


def _with(found: Any, refused: dict[tuple[str, int], int]) -> Any:
    of_topic = ProduceResponse.TopicProduceResponse
    found.responses = [
        *found.responses,
        *(
            of_topic(
                name=topic,
                partition_responses=[
                    of_topic.PartitionProduceResponse(
                        index=partition,
                        error_code=code,
                        base_offset=-1,
                        log_append_time_ms=-1,
                        log_start_offset=-1,
                        record_errors=[],
                        error_message=None,
                    )
                ],
            )
            for (topic, partition), code in refused.items()
        ),
    ]
    return found


def _not_taken(code: int, key: int, version: int, frame: bytes) -> bytes:
    """What Kafka says to whom it does not let into a group, or not any more."""
    answer: Any
    if key == _JOIN_GROUP:
        asked = JoinGroupRequest.decode(frame, version=version, header=True)
        answer = JoinGroupResponse(
            version=version,
            throttle_time_ms=0,
            error_code=code,
            generation_id=-1,
            protocol_name="",
            leader="",
            member_id="",
            members=[],
        )
    else:
        asked = HeartbeatRequest.decode(frame, version=version, header=True)
        answer = HeartbeatResponse(version=version, throttle_time_ms=0, error_code=code)
    return _framed_answer(answer, version, asked.header.correlation_id)


def _put_codes(told: Any, code_of: Callable[[Any], int]) -> None:
    """Put the code of an error, where a topic has one, in the place of what was said of its partitions."""
    for topic in told:
        if code := code_of(topic):
            for partition in topic.partitions:
                partition.error_code = code
                if hasattr(partition, "records"):
                    partition.records = b""


def _framed_answer(message: Any, version: int, correlation_id: int) -> bytes:
    message.with_header(correlation_id)
    return _encoded(message)


def _encoded(message: Any) -> bytes:
    return bytes(message.encode(header=True, framed=True))


def _size(frame: bytes) -> bytes:
    return struct.pack(">i", len(frame)) + frame


async def _read(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


@contextmanager
def strict_kafka() -> Iterator[StrictKafka]:
    """Run one while the context lasts."""
    with private_directory() as home:
        port, ready = free_port(), threading.Event()
        kafka = StrictKafka(Tansu(home, advertised_port=port))
        loop, end = asyncio.new_event_loop(), asyncio.Event()
        serving = threading.Thread(
            target=lambda: loop.run_until_complete(kafka.serve(port, ready, end)), daemon=True
        )
        try:
            kafka.tansu.start()
            serving.start()
            assert ready.wait(60)
            yield kafka
        finally:
            loop.call_soon_threadsafe(end.set)
            serving.join(60)
            loop.close()
            kafka.tansu.stop()
