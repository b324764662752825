"""One line about a run while it runs: on a terminal it is rewritten, in a log it comes every few seconds."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console

from sensors_sim.publish import Publisher
from sensors_sim.rhythm import local
from sensors_sim.sources.contract import Source

TERMINAL_EVERY_S = 0.25
LOG_EVERY_S = 5.0


class Progress:
    """Call `tick` as often as you like."""

    def __init__(
        self, publisher: Publisher, source: Source, console: Console, wall: Callable[[], float]
    ) -> None:
        self._publisher = publisher
        self._source = source
        self._wall = wall
        self._console = console
        self._status = console.status("starting") if console.is_terminal else None
        self._every_s = TERMINAL_EVERY_S if self._status else LOG_EVERY_S
        self._last_at = wall()
        self._last_sent = 0

    def __enter__(self) -> Self:
        if self._status:
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status:
            self._status.stop()

    def tick(self, ts: int | None) -> None:
        """Say where the run is, if it is time to; `ts` is the event time of the newest reading sent."""
        now = self._wall()
        if now - self._last_at < self._every_s:
            return
        sent = self._publisher.counts.readings_sent
        rate = (sent - self._last_sent) / (now - self._last_at)
        self._last_at, self._last_sent = now, sent
        text = (
            f"{self._where(ts)} · {sent:,} readings sent · {rate:,.0f}/s"
            f" · {self._publisher.in_flight} messages unacknowledged"
        )
        if not self._publisher.connected:
            text += " · broker away, reconnecting"
        if self._status:
            self._status.update(text)
        else:
            self._console.print(text, highlight=False, soft_wrap=True)

    def _where(self, ts: int | None) -> str:
        start, end = self._source.start_ms, self._source.end_ms
        if ts is None or start is None or end is None:
            return "before the first reading"
        share = (ts - start) / max(end - start, 1)
        return f"event time {local(ts):%Y-%m-%d %H:%M:%S} UTC+8 ({share:.0%})"
