"""The feed of citizens' requests of one region: when anything was heard of it, and how long it is usually silent.

    closed windows     ########.##.....#..####.##########...........
    clock of others    ------------------------------------------->
    told                                                     ^ feed_silent

Citizens sleep, agencies close at weekends, and some deliver once a night. So two histograms are learned, as for
operators of vehicles: the gaps between windows with events, by event time, and the waits between deliveries, by the
clock of the other streams. The longer of both decides the patience. Silence is counted from the last delivery on,
however old its events were.
"""

from collections.abc import Iterator

import msgspec
import numpy as np

from schemas.alerts import Alert
from streams.fold import intervals
from streams.fold.contract import Record
from streams.incidents.health.cases import Cases, Key
from streams.incidents.health.config import HealthConfig
from streams.incidents.health.findings import REQUESTS, requests_silent
from streams.incidents.messages import Requests
from streams.incidents.showing import Seen, active
from streams.times import to_second

STEP_MS = 300_000
"""At most one gap and one wait is counted in this time: 2,016 in a week, so what comes once a week is usual."""
KNOWN_MS = 30 * 3_600_000
"""Silence means nothing until this much time is known: a night, and the second nightly delivery."""
YOUNG_MS, YOUNG_TIMES = 14 * 86_400_000, 4
"""Until two weekends are known, only a silence of four times the longest gap so far is unusual."""

_STRIDE_MS = 3_600_000
"""While no patience is known, a longer step of the clock does not count as silence of this feed: all were silent."""

_GAPS, _WAITS = np.array([0]), np.array([1])


class _State(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is known of the feed; nothing while `end` is 0.

    since    the clock when it was judged first, and
    lived    when it taught last: what was imported between two looks at the clock was not lived through
    counted  start of the newest window that taught: gaps are counted from here
    end      end of the newest window with events
    cell     that with the most events in this window
    awake    the clock when it was heard last: silence is counted from here
    heard    number of gaps and of waits, ever
    counts   both histograms
    """

    since: int = 0
    lived: int = 0
    counted: int = 0
    end: int = 0
    cell: str = ""
    awake: int = 0
    heard: tuple[int, int] = (0, 0)
    counts: bytes = bytes(2 * intervals.BINS * 2)


_state = msgspec.msgpack.Decoder(_State)


class RequestFeed:
    """The feed of a region."""

    def __init__(self, region: str, config: HealthConfig, cases: Cases) -> None:
        self._config = config
        self._cases = cases
        self._key: Key = ("feed_silent", region, f"{REQUESTS}:{REQUESTS}")
        self._unsaved = False
        self._take(_State())

    def _take(self, state: _State) -> None:
        self._state = state
        self._heard = np.array(state.heard, np.uint32)
        self._counts: intervals.Counts = np.frombuffer(state.counts, np.uint16).reshape(2, -1).copy()
        self._weigh()

    def hear(self, message: Requests, clock: int) -> None:
        """Take closed windows in, at a time of the clock; those that closed after a later one decide nothing."""
        state, taught = self._state, False
        newer = [one for one in _busiest(message) if one[0] + message.window_ms > state.end]
        for start, cell in newer:
            end = start + message.window_ms
            if not state.end:
                state.counted = start
            elif start // STEP_MS > state.counted // STEP_MS:
                intervals.learn(self._counts, self._heard, _GAPS, np.array([start - state.counted]))
                state.counted, taught = start, True
            state.end, state.cell = end, cell
        if taught:
            state.lived = max(state.lived, clock)
            if state.awake:  # nothing was waited for before the first delivery
                intervals.learn(self._counts, self._heard, _WAITS, np.array([max(clock - state.awake, 0)]))
            self._weigh()
        if newer:
            state.awake = max(state.awake, state.end, clock)
            self._unsaved = True

    def _weigh(self) -> None:
        """Find out how long a silence is usual; not yet known: 0."""
        expected, median, longest = intervals.usual(self._counts)
        waits = intervals.patience_ms(median, longest, self._config.silent_times, self._config.silent_ms)
        self._expected_ms = int(expected.max())
        self._patience_ms = int(waits.max())
        known = self._state.lived - self._state.since
        if known < YOUNG_MS:
            ever = int(intervals.longest_ms(self._counts).max())
            self._patience_ms = max(self._patience_ms, YOUNG_TIMES * ever)
        if known < KNOWN_MS or self._heard[0] < self._config.warm_windows:
            self._patience_ms = 0

    def judge(self, before: int, clock: int, record: Record) -> Iterator[Alert]:
        """Yield the events of alerts as the clock of the others goes on."""
        state = self._state
        if not state.end:
            return
        if not state.since:
            state.since = state.lived = clock
            self._unsaved = True
            self._weigh()
        open_alert, patience = self._cases.find(self._key), self._patience_ms
        stride = clock - max(before, state.since)
        if open_alert is not None and state.end > open_alert.starts_at:
            yield from self._cases.clear(self._key, "requests are heard again", clock, record)
        elif clock > self._config.forgotten_after(state.awake, state.awake + patience):
            yield from self._cases.clear(self._key, "taken as gone for good", clock, record)
            self._cases.forget(self._key)
            self._take(_State())
            self._unsaved = True
        elif open_alert is None and stride > (patience // 2 or _STRIDE_MS):
            # Nobody was heard meanwhile, or time was stepped over: that says nothing of this feed.
            state.awake, state.counted = max(state.awake, clock), max(state.counted, clock)
            state.since, state.lived = state.since + stride, state.lived + stride
            self._unsaved = True
        elif open_alert is None and patience and clock > state.awake + patience:
            finding = requests_silent(state.cell, state.end, self._expected_ms, patience, clock)
            yield from self._cases.raise_(self._key, finding, clock, record)

    def seen(self) -> Seen | None:
        """Return up to when requests were heard, and when that is too long ago; None where they never were."""
        state = self._state
        if not state.end:
            return None
        patience, limit = self._patience_ms, "not known yet how often they come"
        if patience:
            limit = f"silent from {to_second(state.awake + patience)} on"
        return Seen(f"last heard {to_second(state.end)}", limit, active(self._cases.find(self._key)))

    def take_part(self) -> bytes | None:
        """Return what is known of the feed, if it changed since the last call."""
        if not self._unsaved:
            return None
        self._unsaved = False
        gaps, waits = self._heard.tolist()
        self._state.heard, self._state.counts = (gaps, waits), self._counts.tobytes()
        return msgspec.msgpack.encode(self._state)

    def restore(self, data: bytes) -> None:
        """Take the feed back."""
        self._take(_state.decode(data))


def _busiest(message: Requests) -> list[tuple[int, str]]:
    """Return the windows in which anything was opened, closed, reopened or rated, and the cell with the most of it."""
    rows = message.rows
    events = zip(rows.opened, rows.closed, rows.reopened, rows.rated, strict=True)
    busiest: dict[int, tuple[int, str]] = {}
    for start, cell, counts in zip(rows.window_start, rows.cell, events, strict=True):
        n = sum(counts)
        if n > 0:
            busiest[start] = max(busiest.get(start, (0, "")), (n, cell))
    return [(start, cell) for start, (_, cell) in sorted(busiest.items())]
