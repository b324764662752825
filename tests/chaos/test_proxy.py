"""The proxy between two processes: what each trouble does to a connection through it."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.proxy import Proxies, Proxy


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(4096):
            self.request.sendall(data)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with _Server(("127.0.0.1", 0), _Echo) as server, Proxies() as proxies:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield proxies.between(server.server_address[1], label=lambda start: start[:3].decode())
        finally:
            server.shutdown()


def client(proxy: Proxy, name: bytes) -> socket.socket:
    """Connect and say one's name."""
    connection = socket.create_connection(("127.0.0.1", proxy.port), 60)
    connection.settimeout(60)
    connection.sendall(name)
    assert connection.recv(100) == name
    return connection


def test_what_is_sent_comes_through_both_ways(proxy: Proxy) -> None:
    with client(proxy, b"one") as one:
        one.sendall(b"hello")
        assert one.recv(100) == b"hello"


def test_a_cut_resets_the_connections_of_the_one_that_was_named_and_refuses_new_ones(proxy: Proxy) -> None:
    with client(proxy, b"one") as one, client(proxy, b"two") as two:
        proxy.trouble("cut", "one")
        with pytest.raises(ConnectionResetError):
            one.recv(100)
        with pytest.raises((ConnectionResetError, AssertionError)):
            client(proxy, b"one")
        two.sendall(b"hello")
        assert two.recv(100) == b"hello"
        proxy.trouble("none", "one")
        client(proxy, b"one").close()


def test_silence_holds_everything_back_and_loses_nothing(proxy: Proxy) -> None:
    with client(proxy, b"one") as one:
        proxy.trouble("silent")
        one.sendall(b"hello")
        one.settimeout(0.3)
        with pytest.raises(TimeoutError):
            one.recv(100)
        proxy.trouble("none")
        one.settimeout(60)
        assert one.recv(100) == b"hello"


def test_a_slow_link_takes_its_time_each_way(proxy: Proxy) -> None:
    with client(proxy, b"one") as one:
        proxy.trouble("slow")
        began = time.monotonic()
        one.sendall(b"hello")
        assert one.recv(100) == b"hello"
        assert time.monotonic() - began >= 0.2
