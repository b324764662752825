"""A client of the live stream that stays: it connects again whenever it is cut off, and keeps what it was told."""

import http.client
import json
import threading
import time
from contextlib import suppress
from datetime import datetime
from typing import Any

from deploy.native.ports import LOOPBACK

Row = dict[str, Any]

_QUIET_S = 25.0
"""The console says something every 10 s; a frozen one does not, and then a browser connects again, too."""
_AGAIN_S = 1.0


class Seen:
    """What a client knows from the events of one or several streams (docs/console.md)."""

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str], Row] = {}
        self.alerts: dict[str, Row] = {}
        self.snapshots = 0
        self.changes = 0
        self.status: Row = {}
        self.newest_ms = 0
        """The newest event time that any cell was told to be as of."""

    def take(self, event: str, data: Row) -> None:
        """Take one event."""
        if event == "status":
            self.status = data
            return
        if event == "snapshot":
            self.snapshots += 1
            self.cells, self.alerts = {}, {}
        else:
            self.changes += 1
        self.cells |= {(row["cell"], row["operator"]): row for row in data["cells"]}
        as_of = max((datetime.fromisoformat(row["as_of"]).timestamp() for row in data["cells"]), default=0.0)
        self.newest_ms = max(self.newest_ms, round(as_of * 1000))
        self.alerts |= {alert["alert_id"]: alert for alert in data["alerts"]}
        for cell, operator in data.get("gone", ()):
            del self.cells[cell, operator]
        for alert_id in data.get("over", ()):
            del self.alerts[alert_id]


class Onlooker:
    """Follows in a thread from `start` to `stop`. `seen` may be read under `lock`."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.seen = Seen()
        self.lock = threading.Lock()
        self.failure: Exception | None = None
        """An event that did not fit what was known: a row that is gone was never told, for one."""
        self.moments: list[tuple[float, int]] = []
        """When (`time.time()`) something was told, and the newest event time (ms) by then."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="onlooker", daemon=True)

    def start(self) -> None:
        """Begin to follow, whether the console answers yet or not."""
        self._thread.start()

    def stop(self) -> None:
        """End; the stream is left within its next heartbeat."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except (OSError, http.client.HTTPException):
                pass  # killed, frozen or not there yet
            except Exception as failure:
                self.failure = failure
                return
            self._stop.wait(_AGAIN_S)

    def _follow(self) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=_QUIET_S)
        try:
            connection.request("GET", "/api/v1/live")
            response = connection.getresponse()
            if response.status != http.client.OK:
                return
            event = ""
            while (line := response.readline()) and not self._stop.is_set():
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    with self.lock:
                        self.seen.take(event, json.loads(value))
                        self.moments.append((time.time(), self.seen.newest_ms))
        finally:
            with suppress(OSError):
                connection.close()


def asked(port: int, path: str) -> Row:
    """Return the JSON that the console answers; OSError or HTTPException while it does not."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10.0)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body: Row = json.loads(response.read())
        if response.status != http.client.OK:
            raise http.client.HTTPException(f"{path}: {response.status} {body}")
        return body
    finally:
        connection.close()
