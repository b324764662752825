"""A real, small HTTP server of feeds, that can misbehave."""

import gzip
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, bytes, dict[str, str]]


def answer(body: Any, status: int = 200, *, packed: bool = False, **headers: str) -> Answer:
    """Return an answer: JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    if packed:
        content, headers = gzip.compress(content), {**headers, "Content-Encoding": "gzip"}
    return status, content, headers


@dataclass
class FeedServer:
    """Answers of each path, one after the other; the last one for ever. `{server}` in a body: its address.

    hanging  paths whose answers do not come until the server ends
    tls      who we are, if we speak TLS
    """

    answers: dict[str, list[Answer]]
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    address: str = ""
    hanging: frozenset[str] = frozenset()
    tls: ssl.SSLContext | None = None
    ended: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return self.address + path

    def times(self, path: str) -> int:
        """Return how often a path was asked for, whatever its query."""
        return sum(asked.partition("?")[0] == path for asked in self.asked)

    @contextmanager
    def running(self) -> Iterator["FeedServer"]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                number = served.times(path)
                served.asked.append(self.path)
                served.headers.append(dict(self.headers))
                if path in served.hanging:
                    served.ended.wait()
                    return
                listed = served.answers.get(self.path) or served.answers.get(path)
                status, body, headers = (
                    listed[min(number, len(listed) - 1)] if listed else (404, b"404 Not Found", {})
                )
                body = body.replace(b"{server}", served.address.encode())
                self.send_response_only(status)  # no Date but that of the answer
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            if self.tls is not None:
                server.socket = self.tls.wrap_socket(server.socket, server_side=True)
            self.address = f"{'https' if self.tls else 'http'}://127.0.0.1:{server.server_port}"
            thread = threading.Thread(
                target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
            )
            thread.start()
            try:
                yield self
            finally:
                self.ended.set()
                server.shutdown()
                thread.join(5)
