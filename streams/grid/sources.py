"""The sources of one kind in one region: how far each has come, and which of them are awake.

A source is one partition of the stage that counts. Watermark of the region = the least watermark of the active
sources: one that said nothing for `idle_ms` of wall time does not hold windows open, but what it says later still
counts. Only one that was silent for `forget_ms` is not waited for before windows leave memory (see bygone.py).

Live counts are of one time while the sources go on together. Of partitions that are read one after the other, as in a
long backlog, they are not, until all have come to where the first was when they were furthest apart (`ahead`); then
they are looked at once, though the first may be ahead again:

    source 0      #########################        ######    event time that was read, from left to right
    source 1      ##########                       ######
                  as_of ---|          ahead |

Silence of those whom sources hear is judged more patiently, by what was told for sure (`told`):

    wall time     0 s            40 s      70 s         the database was away, or a broker, or this worker
    source 0      #######        ###############
    source 1      #######            ###########
    told          -------|       held ...|------        who resumes first speaks for nobody else
"""

_STALLS = 6
"""A source that said nothing for so many idle times is silent, and not only held up on its way: what is fast forwarded
cannot be told from what is silent any sooner.
"""
_TAKEN_OVER = 24
"""Idle times after which a source that nobody folds has a new owner: Kafka gives a worker that was killed a minute."""

TOGETHER_MS = 300_000
"""Sources that are no further apart go on together: at 60 times real time a pause of two seconds is two minutes."""


class Source:
    """How far one source has come, by its newest word; `heard_at` is wall time in milliseconds, 0: not yet known."""

    def __init__(self) -> None:
        self.newest_ts = 0
        self.watermark = 0
        self.heard_at = 0


class Sources:
    """Sources by number. `expected` is how many there are to be."""

    def __init__(self, idle_ms: int, forget_ms: int, wall_ms: int) -> None:
        self.by_number: dict[int, Source] = {}
        self.expected = 0
        self.unsaved: set[int] = set()
        self._idle_ms, self._forget_ms = idle_ms, forget_ms
        self._wall = self._since = wall_ms
        self._moved_at = wall_ms
        self._resumed_at, self._stood = -self._patience_ms - 1, 0
        """When any watermark moved again after none had for long, and the least of them before."""
        self._ahead = self._apart = 0
        self._parted_at = wall_ms
        """When all had come to where the first was."""

    @property
    def _patience_ms(self) -> int:
        return _STALLS * self._idle_ms

    @property
    def _takeover_ms(self) -> int:
        return _TAKEN_OVER * self._idle_ms

    def hear(self, number: int, expected: int, newest_ts: int, watermark: int) -> None:
        """Take note of a word: a source never goes back in time."""
        source = self.by_number.get(number)
        if source is None:
            source = self.by_number[number] = Source()
        if watermark > source.watermark:
            self._go_on()
        source.newest_ts = max(source.newest_ts, newest_ts)
        source.watermark = max(source.watermark, watermark)
        source.heard_at = self._wall
        self.expected = expected
        self.unsaved.add(number)

    def _go_on(self) -> None:
        """A watermark is about to move."""
        if self._wall - self._moved_at > self._patience_ms:
            self._resumed_at = self._wall
            self._stood = min((source.watermark for source in self.by_number.values()), default=0)
        self._moved_at = self._wall

    def restore(self, number: int, expected: int, newest_ts: int, watermark: int) -> None:
        """Put a source back."""
        self.hear(number, expected, newest_ts, watermark)
        self.unsaved.discard(number)

    def tick(self, wall_ms: int) -> None:
        """Let wall time go on; silence of the sources that were just restored is counted from here."""
        self._wall = wall_ms
        self._since = self._since or wall_ms
        for source in self.by_number.values():
            source.heard_at = source.heard_at or wall_ms

    def watermark(self, if_all_idle: int) -> int:
        """Return the event time up to which all active sources have told their windows."""
        return min((source.watermark for source in self._active()), default=if_all_idle)

    def told(self) -> int | None:
        """Return the event time up to which all have told all who spoke lately; None: nobody did.

        That is their watermark: what is newer was heard, but while nothing can be stored much of it is not told. Where
        it stood still for long it goes on after as long again: those who were held up, too, have come by then. At the
        beginning it waits as long for those that were never heard of: they may have as much of a backlog to tell.
        """
        awake = [s for s in self.by_number.values() if not self._silent(s.heard_at, self._patience_ms)]
        if (self._held and awake) or self._gather:
            return self._stood
        return min((source.watermark for source in awake), default=None)

    def whole(self, closed_before: int) -> int:
        """Return the event time up to which closed windows are whole: nobody who spoke lately is behind.

        While some go on that is told with more patience still: a source whose worker was killed is not silent.
        """
        told = self.told()
        if told is None:
            return closed_before
        lately = [s for s in self.by_number.values() if not self._silent(s.heard_at, self._takeover_ms)]
        return min(told, closed_before, *(source.watermark for source in lately))

    def carries(self) -> int:
        """Return the event time to which they carry on the clock of others, who say nothing."""
        return self._stood if self._held else self._told_last()

    @property
    def _held(self) -> bool:
        return self._wall - self._resumed_at <= self._patience_ms

    @property
    def _gather(self) -> bool:
        some_missing = len(self.by_number) < self.expected or not self.by_number
        return some_missing and not self._silent(self._since, self._patience_ms)

    def _told_last(self) -> int:
        """Return the event time up to which all active sources have told all; of all idle ones the newest."""
        return self.watermark(max((s.watermark for s in self.by_number.values()), default=0))

    def as_of(self) -> int:
        """Return the event time to which all active sources have reported; of all idle ones the newest."""
        active = [source.newest_ts for source in self._active()]
        return min(active) if active else self._newest()

    def look(self) -> int:
        """Return the event time that as_of is to reach until live counts are of one time; as_of where they are.

        To be asked for each look that is told: when all have come to where the first was, the next one counts, even
        where that is ahead again. Who is behind for long is not waited for: it may never come.
        """
        as_of, newest = self.as_of(), self._newest()
        come = self._ahead <= as_of
        met = come and self._apart > TOGETHER_MS
        if come:
            self._parted_at = self._wall
        if come or newest - as_of > self._apart:
            self._ahead, self._apart = newest, newest - as_of
        if met or self._apart <= TOGETHER_MS or self._silent(self._parted_at, self._patience_ms):
            return as_of
        return self._ahead

    def _newest(self) -> int:
        return max((source.newest_ts for source in self.by_number.values()), default=0)

    def reach(self) -> int | None:
        """Return the watermark that no source is behind, or None as long as that cannot be known.

        A source never heard of may come with anything: it is waited for.
        """
        all_known = len(self.by_number) == self.expected or self._silent(self._since, self._forget_ms)
        if not all_known:
            return None
        heard = (s for s in self.by_number.values() if not self._silent(s.heard_at, self._forget_ms))
        return min((source.watermark for source in heard), default=None)

    def settled_before(self, amend_horizon_ms: int) -> dict[int, int]:
        """Return up to where windows end that a source has said its last word on, by source.

        What it says of them again repeats what it said before a crash.
        """
        return {number: source.watermark - amend_horizon_ms for number, source in self.by_number.items()}

    def active(self) -> set[int]:
        """Return the numbers of the sources that hold windows open."""
        return {n for n, s in self.by_number.items() if not self._silent(s.heard_at, self._idle_ms)}

    def _active(self) -> list[Source]:
        return [s for s in self.by_number.values() if not self._silent(s.heard_at, self._idle_ms)]

    def _silent(self, since: int, limit: int) -> bool:
        return self._wall - since > limit
