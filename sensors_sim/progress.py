"""One line about a run while it runs: on a terminal it is rewritten, in a log it comes every few seconds."""

from collections.abc import Callable
from datetime import UTC, tzinfo
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console

from sensors_sim.counted import counted
from sensors_sim.publish import Counts
from sensors_sim.rhythm import local
from sensors_sim.sources.contract import Report
from sensors_sim.zones import named_offset

TERMINAL_EVERY_S = 0.25
LOG_EVERY_S = 5.0
LIVE_EVERY_S = 60.0
"""What is polled goes on for days."""


class Sending(Protocol):
    """Who sends: a publisher to MQTT, or to Kafka."""

    counts: Counts

    @property
    def in_flight(self) -> int:
        """Messages that are not acknowledged yet."""
        ...

    @property
    def connected(self) -> bool:
        """Whether the broker answers at the moment."""
        ...


class Span(Protocol):
    """What is sent: from when to when, milliseconds since the epoch."""

    @property
    def start_ms(self) -> int | None:
        """Begin."""
        ...

    @property
    def end_ms(self) -> int | None:
        """End."""
        ...

    @property
    def report(self) -> Report:
        """What was skipped so far."""
        ...


class Progress:
    """Call `tick` as often as you like. `clock` names the time that passes, `zone` is that of times that are shown."""

    def __init__(
        self,
        publisher: Sending,
        source: Span,
        console: Console,
        wall: Callable[[], float],
        clock: str = "event time",
        zone: tzinfo = UTC,
    ) -> None:
        self._zone = zone
        self._clock = clock
        self._publisher = publisher
        self._source = source
        self._wall = wall
        self._console = console
        self._status = console.status("starting") if console.is_terminal else None
        log_every_s = LIVE_EVERY_S if source.end_ms is None else LOG_EVERY_S
        self._every_s = TERMINAL_EVERY_S if self._status else log_every_s
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

    def tick(self, ts: int | None, note: str = "") -> None:
        """Say where the run is, if it is time to; `ts` is the time of the newest reading sent, `note` is added."""
        now = self._wall()
        if now - self._last_at < self._every_s:
            return
        sent = self._publisher.counts.readings_sent
        rate = (sent - self._last_sent) / (now - self._last_at)
        self._last_at, self._last_sent = now, sent
        text = (
            f"{self._where(ts)} · {counted(sent, 'reading')} sent · {rate:,.0f}/s"
            f" · {counted(self._publisher.in_flight, 'message')} unacknowledged"
        )
        if again := self._publisher.counts.messages_repeated:
            text += f" · {counted(again, 'message')} sent again (more than the broker takes at a time)"
        if refused := self._publisher.counts.readings_refused:
            text += f" · {counted(refused, 'reading')} refused ({self._publisher.counts.refusal})"
        if note:
            text += f" · {note}"
        report = self._source.report
        skipped = report.skipped.total() - report.skipped["repeat"]  # most rows of a sound feed
        if skipped:
            text += f" · {counted(skipped, 'row')} skipped"
        if trouble := list(report.trouble.values()):
            text += f" · not heard: {trouble[0]}" + (
                f", and {counted(len(trouble) - 1, 'more feed')}" if trouble[1:] else ""
            )
        if not self._publisher.connected:
            why = getattr(self._publisher, "refused", "")
            text += f" · broker {f'refuses us ({why})' if why else 'unavailable'}, reconnecting"
        if self._status:
            self._status.update(text)
        else:
            self._console.print(text, highlight=False, soft_wrap=True)

    def _where(self, ts: int | None) -> str:
        start, end = self._source.start_ms, self._source.end_ms
        if ts is None or start is None:
            return "before the first reading"
        now = local(ts, self._zone)
        if end is None:
            return f"event time {now:%Y-%m-%d %H:%M:%S} {named_offset(now)}"
        share = (ts - start) / max(end - start, 1)
        return f"{self._clock} {now:%Y-%m-%d %H:%M:%S} {named_offset(now)} ({share:.0%})"
