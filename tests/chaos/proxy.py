"""A TCP proxy between two processes that can cut, silence or slow down what passes through it.

Every link has a port of its own. Kafka is the exception: its clients follow the one address that the broker
advertises, so connections are told apart by the client id in their first request.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

Trouble = Literal["none", "cut", "silent", "slow"]
"""cut: open connections are reset, new ones too. silent: nothing passes, nothing is closed.
slow: what passes is delayed, and its rate limited."""
TROUBLES: tuple[Trouble, ...] = ("cut", "silent", "slow")

_CHUNK = 65_536
_SLOW_DELAY_S = 0.1
_SLOW_BYTES_PER_S = 2_000_000

Label = Callable[[bytes], str]


def kafka_client_id(start: bytes) -> str:
    """Return the client id in the first bytes of a Kafka request: size, key, version, correlation, client id."""
    if len(start) < 14:
        return ""
    (length,) = struct.unpack(">h", start[12:14])
    return start[14 : 14 + max(0, length)].decode(errors="replace")


@dataclass(slots=True, eq=False)
class _Connection:
    label: str
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def reset(self) -> None:
        for writer in self.writers:
            sock: socket.socket = writer.get_extra_info("socket")
            with suppress(OSError):  # closed already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, not FIN
            writer.transport.abort()


class Proxy:
    """One listening port in front of one server. Made by `Proxies`; `trouble` may be called from any thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int, label: Label | None) -> None:
        self._loop = loop
        self._target = target
        self._label = label
        self._troubles: dict[str, Trouble] = {}
        self._connections: set[_Connection] = set()
        self._changed = asyncio.Condition()
        self.port = 0

    async def listen(self, port: int) -> None:
        """Accept connections on the loopback interface."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        self.port = server.sockets[0].getsockname()[1]

    def trouble(self, trouble: Trouble, prefix: str = "") -> None:
        """From now on treat the connections whose label begins with `prefix` so; "none" heals."""
        asyncio.run_coroutine_threadsafe(self._set(trouble, prefix), self._loop).result(60)

    async def _set(self, trouble: Trouble, prefix: str) -> None:
        async with self._changed:
            self._troubles[prefix] = trouble
            self._changed.notify_all()
        if trouble == "cut":
            for connection in [c for c in self._connections if c.label.startswith(prefix)]:
                connection.reset()

    def _trouble_of(self, label: str) -> Trouble:
        for prefix, trouble in self._troubles.items():
            if trouble != "none" and label.startswith(prefix):
                return trouble
        return "none"

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection("", [writer])
        try:
            start = await reader.read(_CHUNK) if self._label is not None else b""
            connection.label = self._label(start) if self._label is not None else ""
            if self._trouble_of(connection.label) == "cut":
                connection.reset()
                return
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target)
            connection.writers.append(server_writer)
            self._connections.add(connection)
            await asyncio.gather(
                self._pump(connection, reader, server_writer, start),
                self._pump(connection, server_reader, writer, b""),
            )
        except OSError:
            connection.reset()
        finally:
            self._connections.discard(connection)
            for each in connection.writers:
                each.close()

    async def _pump(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes
    ) -> None:
        while True:
            if data:
                await self._pass(connection, len(data))
                writer.write(data)
                await writer.drain()
            data = await reader.read(_CHUNK)
            if not data:
                writer.close()
                return

    async def _pass(self, connection: _Connection, size: int) -> None:
        if self._trouble_of(connection.label) == "slow":
            await asyncio.sleep(_SLOW_DELAY_S + size / _SLOW_BYTES_PER_S)
        async with self._changed:
            await self._changed.wait_for(lambda: self._trouble_of(connection.label) != "silent")


class Proxies:
    """The event loop of all proxies of a city, in a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def between(self, target: int, *, port: int = 0, label: Label | None = None) -> Proxy:
        """Return a proxy in front of port `target`, listening on `port` (0: a free one)."""
        proxy = Proxy(self._loop, target, label)
        self._wait(proxy.listen(port))
        return proxy

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    @staticmethod
    async def _end() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
