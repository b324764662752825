"""Operators of vehicles in one region: when anything was heard of them, and how long it usually is between."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.alerts import Alert
from streams.fold import intervals
from streams.fold.contract import Record
from streams.incidents.health.cases import Cases, Key
from streams.incidents.health.config import HealthConfig
from streams.incidents.health.findings import VEHICLES, operator_silent
from streams.incidents.messages import Windows
from streams.incidents.showing import Seen, active
from streams.times import to_second


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    last: int
    end: int
    cell: str
    heard: int
    gaps: bytes
    gone: bool = False
    back: int = 0
    behind: int = 0


_saved = msgspec.msgpack.Decoder(_Saved)


@dataclass(slots=True)
class _Operator:
    """The newest window with readings (`last` to `end`), and the cell with the most of them.

    gone  none of its vehicles was left in the region
    back  when some were there again: their window closes later
    behind  when what was heard again was last so old that it would be silent
    """

    last: int = 0
    end: int = 0
    cell: str = ""
    heard: NDArray[np.uint32] = field(default_factory=lambda: np.zeros(1, np.uint32))
    gaps: intervals.Counts = field(default_factory=lambda: np.zeros((1, intervals.BINS), np.uint16))
    expected_ms: int = 0
    patience_ms: int = 0
    gone: bool = False
    back: int = 0
    behind: int = 0

    @property
    def there(self) -> int:
        """The time up to which something was known of it."""
        return max(self.end, self.back)

    def weigh(self, config: HealthConfig) -> None:
        """Find out how long a silence is usual; not yet known: 0."""
        expected, median, longest = intervals.usual(self.gaps)
        waits = intervals.patience_ms(median, longest, config.silent_times, config.silent_ms)
        self.expected_ms = int(expected[0])
        self.patience_ms = int(waits[0]) if self.heard[0] >= config.warm_windows else 0


class Operators:
    """The operators of a region by name."""

    def __init__(self, region: str, config: HealthConfig, cases: Cases) -> None:
        self._region = region
        self._config = config
        self._cases = cases
        self.known: dict[str, _Operator] = {}
        self._unsaved: set[str] = set()
        self.silent: set[str] = set()
        """Those of which nothing is heard."""

    def hear(self, message: Windows) -> None:
        """Take closed windows in; those that closed after a later one decide nothing."""
        rows = message.rows
        busiest: dict[str, dict[int, tuple[int, str]]] = {}
        columns = zip(rows.window_start, rows.cell, rows.operator, rows.readings, strict=True)
        for start, cell, name, n in columns:
            if n > 0:
                cells = busiest.setdefault(name, {})
                cells[start] = max(cells.get(start, (0, "")), (n, cell))
        for name, cells in busiest.items():
            operator = self.known.setdefault(name, _Operator())
            starts = sorted(start for start in cells if start > operator.last)
            if not starts:
                continue
            away = operator.gone or operator.back > operator.end  # that was no pause
            gaps = np.diff([operator.last, *starts] if operator.last and not away else starts)
            if len(gaps):
                intervals.learn(operator.gaps, operator.heard, np.zeros(len(gaps), np.intp), gaps)
                operator.weigh(self._config)
            newest = starts[-1]
            operator.last, operator.end, operator.cell = newest, newest + message.window_ms, cells[newest][1]
            self._unsaved.add(name)

    def leave(self, name: str) -> None:
        """Note that the last of its vehicles left: they may be back before the next judgement."""
        operator = self.known.get(name)
        if operator is not None and not operator.gone:
            operator.gone = True
            self._unsaved.add(name)

    def judge(self, clock: int, has_left: Callable[[str], bool], record: Record) -> Iterator[Alert]:
        """Yield the events of alerts at an event time of the fleet.

        `has_left` says of an operator whether none of its vehicles is left in the region: nobody waits for them.
        """
        for name in sorted(self.known):
            operator, key = self.known[name], self._key(name)
            patience = operator.patience_ms
            quiet = bool(patience) and clock > operator.end + patience
            gone = (quiet or operator.gone) and has_left(name)
            if gone is not operator.gone:
                operator.gone = gone
                if quiet and not gone:
                    operator.back = clock
                self._unsaved.add(name)
            open_alert = self._cases.find(key)
            heard = open_alert is not None and operator.end > open_alert.starts_at
            if heard and quiet and operator.behind != clock:
                operator.behind = clock
                self._unsaved.add(name)
            # Before its partition has caught up well, it would be silent again at the next pause.
            caught_up = not quiet and operator.end > operator.behind - patience // 2
            if heard and (caught_up or gone):
                self.silent.discard(name)
                yield from self._cases.clear(key, "positions are heard again", clock, record)
            elif clock > self._config.forgotten_after(operator.end, operator.there + patience):
                yield from self._forget(name, clock, record)
            elif open_alert is None and quiet and not gone and clock > operator.back + patience:
                self.silent.add(name)
                finding = operator_silent(
                    name, operator.cell, operator.there, operator.expected_ms, patience, clock
                )
                yield from self._cases.raise_(key, finding, clock, record)

    def _forget(self, name: str, clock: int, record: Record) -> Iterator[Alert]:
        self.silent.discard(name)
        yield from self._cases.clear(self._key(name), "taken as gone for good", clock, record)
        self._cases.forget(self._key(name))
        del self.known[name]
        self._unsaved.add(name)

    def _key(self, name: str) -> Key:
        return "feed_silent", self._region, f"{VEHICLES}:{name}"

    def seen(self, name: str) -> Seen | None:
        """Return up to when an operator was heard, and when that is too long ago; None where it never was."""
        operator = self.known.get(name)
        if operator is None:
            return None
        limit = "not known yet how often it speaks"
        if operator.patience_ms:
            limit = f"silent from {to_second(operator.there + operator.patience_ms)} on"
        return Seen(f"last heard {to_second(operator.end)}", limit, active(self._cases.find(self._key(name))))

    def take_parts(self) -> Iterator[tuple[str, bytes | None]]:
        """Yield what changed since the last call, by operator."""
        for name in sorted(self._unsaved):
            o = self.known.get(name)
            if o is None:
                yield name, None
                continue
            saved = _Saved(
                *(o.last, o.end, o.cell, int(o.heard[0]), o.gaps.tobytes()), o.gone, o.back, o.behind
            )
            yield name, msgspec.msgpack.encode(saved)
        self._unsaved.clear()

    def restore(self, name: str, data: bytes) -> None:
        """Take back an operator."""
        saved = _saved.decode(data)
        gaps = np.frombuffer(saved.gaps, np.uint16).reshape(1, -1).copy()
        heard = np.array([saved.heard], np.uint32)
        operator = self.known[name] = _Operator(
            *(saved.last, saved.end, saved.cell, heard, gaps),
            gone=saved.gone,
            back=saved.back,
            behind=saved.behind,
        )
        operator.weigh(self._config)

    def restore_silence(self, name: str) -> None:
        """An alert of this operator is open."""
        self.silent.add(name)
