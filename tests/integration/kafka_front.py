"""A Tansu behind a listener that speaks TLS, and asks for a login (SASL): Tansu 0.6 itself can do neither.

It advertises the listener, so that every connection of a client goes through it. What is said by SASL is read and
written with kafka-python's messages; who may log in is judged here, by RFC 4616 (PLAIN) and RFC 5802 (SCRAM).
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from kafka.protocol.sasl import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

from deploy.native.directory import private_directory
from deploy.native.ports import LOOPBACK, free_port
from deploy.native.tansu import Tansu
from tests import certificates
from tests.certificates import Certificates

API_VERSIONS, HANDSHAKE, AUTHENTICATE = 18, 17, 36
UNSUPPORTED_MECHANISM, AUTHENTICATION_FAILED = 33, 58
ITERATIONS = 4096


@dataclass(frozen=True, slots=True)
class Account:
    """The one that may log in, and by what."""

    mechanism: str
    username: str = "hello"
    password: str = "hush"

    def settings(self) -> dict[str, object]:
        return {
            "kafka_sasl_mechanism": self.mechanism,
            "kafka_username": self.username,
            "kafka_password": self.password,
        }


class Refused(Exception):
    """Of a login."""


class Listener:
    """Hands what it takes to a broker on `behind`. It may be stopped, given another certificate, and started again."""

    def __init__(
        self, behind: int, port: int, *, tls: Certificates | None, strict: bool, account: Account | None
    ) -> None:
        self.port = port
        self.tls = tls
        self.account = account
        self.logins = 0
        self._behind = behind
        self._strict = strict
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(60)

    def stop(self) -> None:
        """Close the listener and all connections."""
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(60)
            assert not self._thread.is_alive()
            self._loop = None

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda *_: None)  # clients that break off
        self._connections: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connected, LOOPBACK, self.port, ssl=self._context())
        ready.set()
        await self._end.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _context(self) -> ssl.SSLContext | None:
        if self.tls is None:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls.server, self.tls.key)
        if self._strict:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.tls.ca)
        return context

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError, EOFError, ssl.SSLError):
                await self._hand_over(reader, writer)
        finally:
            self._connections.discard(task)
            writer.transport.abort()

    async def _hand_over(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(LOOPBACK, self._behind)
        try:
            if self.account is not None:
                await Login(self.account, reader, writer, inner_reader, inner_writer).run()
                self.logins += 1
            async with asyncio.TaskGroup() as both:
                both.create_task(_pump(reader, inner_writer))
                both.create_task(_pump(inner_reader, writer))
        except (Refused, ExceptionGroup):
            return
        finally:
            inner_writer.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    raise EOFError


class Login:
    """What Kafka does before a connection is let in: versions, the mechanism, and tokens of it."""

    def __init__(
        self,
        account: Account,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inner_reader: asyncio.StreamReader,
        inner_writer: asyncio.StreamWriter,
    ) -> None:
        self._account = account
        self._reader, self._writer = reader, writer
        self._inner_reader, self._inner_writer = inner_reader, inner_writer

    async def run(self) -> None:
        """Return once the client is let in; raises Refused."""
        server = self._tokens()
        next(server)
        while True:
            frame = await _frame(self._reader)
            key, version = struct.unpack(">hh", frame[:4])
            if key == API_VERSIONS:
                self._inner_writer.write(struct.pack(">i", len(frame)) + frame)
                answer = await _frame(self._inner_reader)
                self._writer.write(struct.pack(">i", len(answer)) + answer)
            elif key == HANDSHAKE:
                asked = SaslHandshakeRequest.decode(frame, version=version, header=True)
                code = 0 if asked.mechanism == self._account.mechanism else UNSUPPORTED_MECHANISM
                self._answer(
                    asked, SaslHandshakeResponse, error_code=code, mechanisms=[self._account.mechanism]
                )
            elif key == AUTHENTICATE:
                asked = SaslAuthenticateRequest.decode(frame, version=version, header=True)
                try:
                    token, done = server.send(bytes(asked.auth_bytes))
                except Refused:
                    said = {"error_message": "Authentication failed: Invalid username or password"}
                    self._answer(
                        asked,
                        SaslAuthenticateResponse,
                        error_code=AUTHENTICATION_FAILED,
                        auth_bytes=b"",
                        **said,
                    )
                    await self._writer.drain()
                    raise
                self._answer(asked, SaslAuthenticateResponse, error_code=0, auth_bytes=token)
                if done:
                    return
            else:
                raise Refused  # Kafka ends the connection, too

    def _answer(self, asked: Any, kind: Any, **fields: object) -> None:
        answer = kind(version=asked.API_VERSION, **fields)
        answer.with_header(asked.header.correlation_id)
        self._writer.write(answer.encode(header=True, framed=True))

    def _tokens(self) -> Iterator[tuple[bytes, bool]]:
        account = self._account
        if account.mechanism == "PLAIN":
            given = yield b"", False
            if given != f"{account.username}\0{account.username}\0{account.password}".encode():
                raise Refused
            yield b"", True
            return
        name = account.mechanism.removeprefix("SCRAM-").replace("-", "").lower()
        first = (yield b"", False).decode().removeprefix("n,,")
        said = dict(pair.split("=", 1) for pair in first.split(","))
        salt, nonce = secrets.token_bytes(16), said["r"] + secrets.token_hex(8)
        challenge = f"r={nonce},s={base64.b64encode(salt).decode()},i={ITERATIONS}"
        last, _, proof = (yield challenge.encode(), False).decode().rpartition(",p=")
        salted = hashlib.pbkdf2_hmac(name, account.password.encode(), salt, ITERATIONS)
        client_key = hmac.digest(salted, b"Client Key", name)
        everything = f"{first},{challenge},{last}".encode()
        signature = hmac.digest(hashlib.new(name, client_key).digest(), everything, name)
        expected = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        if said["n"] != account.username or base64.b64decode(proof) != expected:
            raise Refused
        ours = hmac.digest(hmac.digest(salted, b"Server Key", name), everything, name)
        yield b"v=" + base64.b64encode(ours), True


async def _frame(reader: asyncio.StreamReader) -> bytes:
    (size,) = struct.unpack(">i", await reader.readexactly(4))
    return await reader.readexactly(size)


@dataclass(frozen=True, slots=True)
class TlsKafka:
    """Where it listens, and how to get in."""

    tansu: Tansu
    listener: Listener
    made: Certificates
    others: Certificates
    """Of an authority that has nothing to do with it."""
    plain: int
    """A port of the same broker without TLS and without login."""

    @property
    def bootstrap(self) -> str:
        return self.tansu.bootstrap

    def settings(self, **more: object) -> dict[str, object]:
        """Settings of a client that is let in."""
        values: dict[str, object] = {"kafka_bootstrap": self.bootstrap, "kafka_flavor": "tansu"}
        if self.listener.tls is not None:
            values |= {"kafka_tls": True, "kafka_ca_file": self.made.ca}
        if self.listener.account is not None:
            values |= self.listener.account.settings()
        return values | more


@contextmanager
def tls_kafka(
    *, tls: bool = True, strict: bool = False, account: Account | None = None, names: str = "IP:127.0.0.1"
) -> Iterator[TlsKafka]:
    """Run one while the context lasts; its certificate is for `names`."""
    with private_directory() as home:
        made, others = certificates.made(home / "tls", names), certificates.made(home / "others")
        port = free_port()
        tansu = Tansu(home, advertised_port=port)
        listener = Listener(tansu.port, port, tls=made if tls else None, strict=strict, account=account)
        try:
            tansu.start()
            listener.start()
            yield TlsKafka(tansu, listener, made, others, tansu.port)
        finally:
            listener.stop()
            tansu.stop()
