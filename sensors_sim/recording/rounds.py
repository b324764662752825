"""What a replay sends, and when: the messages of a range, round after round, with their time stamps moved."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from statistics import median

from schemas.owners import OWN_LEVELS
from sensors_sim.recording.reader import Recording
from sensors_sim.recording.record import Recorded
from sensors_sim.recording.shift import shifted, times
from sensors_sim.sources.contract import Report

ANCHOR_US = 1_000_000
"""Readings of the first second say which event time becomes the one asked for."""

Timed = tuple[int, Recorded]


@dataclass(frozen=True, slots=True)
class ShiftTo:
    """Move time stamps so that the play begins at this event time, ms since the epoch; None: at the present one."""

    ms: int | None


@dataclass(frozen=True, slots=True)
class ShiftBy:
    """Move time stamps by so many milliseconds."""

    ms: int


Shift = ShiftTo | ShiftBy


@dataclass(frozen=True, slots=True)
class Selection:
    """Which messages: arrival from `first` up to before `until` (microseconds), on topics that match one of `only`."""

    first: int | None = None
    until: int | None = None
    only: tuple[str, ...] = ()

    def wants(self, topic: str) -> bool:
        """Say whether a topic is wanted; `*` in a pattern stands for anything, slashes too."""
        return not self.only or any(fnmatchcase(topic, pattern) for pattern in self.only)

    def leaves_out(self, topic: str) -> bool:
        """Say whether a topic is one of the system's own on MQTT, and no pattern that it matches names its level."""
        level = _level(topic)
        return (
            topic.startswith("ub/v1/")
            and level in OWN_LEVELS
            and not any(_level(pattern) == level and fnmatchcase(topic, pattern) for pattern in self.only)
        )


class Rounds:
    """A source of timed messages. With `loop` it begins again after its end; a round without messages is the last.

    What the system itself published is left out unless it is named: it would stand beside what a running one publishes,
    and nobody would take it back. `now_ms` gives the present time when a round begins.
    """

    def __init__(
        self,
        recording: Recording,
        selection: Selection,
        shift: Shift | None,
        loop: bool,
        now_ms: Callable[[], int],
    ) -> None:
        self._recording = recording
        self._selection = selection
        self._shift = shift
        self._loop = loop
        self._now_ms = now_ms
        self.report = Report()
        self.rounds = 0
        self.left_out = 0
        """Messages of the first round that are the system's own, and not named."""
        self.offset = 0
        """Microseconds by which the present round's times are later than the recorded ones."""

    def __iter__(self) -> Iterator[Timed]:
        while True:
            first: int | None = None
            last = sent = 0
            for message in self._read(self.rounds == 0):
                if first is None:
                    first = message.at
                    shift_ms = self._shift_ms(first)
                    self.rounds += 1
                last, sent = message.at, sent + 1
                yield message.at + self.offset, _moved(message, shift_ms) if shift_ms else message
            if not self._loop or first is None:
                return
            # The next round follows as messages follow one another, and never at once.
            self.offset += last - first + max((last - first) // max(sent - 1, 1), 1_000)

    def _read(self, is_first: bool) -> Iterator[Recorded]:
        selected, report = self._selection, self.report if is_first else Report()
        for message in self._recording.read(report, selected.first, selected.until, selected.wants):
            if not selected.leaves_out(message.topic):
                yield message
            elif is_first:
                self.left_out += 1

    def _shift_ms(self, first: int) -> int:
        match self._shift:
            case None:
                return 0
            case ShiftBy(ms):
                return ms
            case ShiftTo(ms):
                target = self._now_ms() if ms is None else ms
                return target - self._anchor_ms(first)

    def _anchor_ms(self, first: int) -> int:
        """Return the event time at which the play begins: the median of its first second, or when that arrived.

        The median, because clocks of single devices may be wrong by years.
        """
        selected = self._selection
        end = first + ANCHOR_US if selected.until is None else min(first + ANCHOR_US, selected.until)
        found = [
            ts
            for message in self._recording.read(Report(), first, end, selected.wants)
            if not selected.leaves_out(message.topic)
            for ts in times(message.payload or b"")
        ]
        return int(median(found)) if found else first // 1000


def _level(name: str) -> str:
    """Return the third level of a topic or a pattern, where an owner stands; empty: it has none."""
    return "".join(name.split("/")[2:3])


def _moved(message: Recorded, by_ms: int) -> Recorded:
    payload = None if message.payload is None else shifted(message.payload, by_ms)
    timestamp = None if message.timestamp is None else message.timestamp + by_ms
    return replace(message, payload=payload, timestamp=timestamp)
