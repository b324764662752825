"""The sources of one kind in one region: how far each has come, and which of them are awake.

A source is one partition of the stage that counts. The watermark of the region is the least watermark of the active
sources. A source that said nothing for `idle_ms` of wall time is not active: it does not hold windows open, but what it
says later still counts. Windows stay in memory for it until it said nothing new for `forget_ms` (see bygone.py).

After all were idle, as before a delivery once a night, one of them is the first to speak, perhaps of a whole day. For
`idle_ms` it does not speak for the others, nor after a restart. In a region that is new they are all waited for, for
longer:

    wall time     0 s          5 s
    source 0       ####### all of a day
    source 1          ########
    watermark     -|  waits  |-----      else half of the day would be amended, and judged by the other half

While the sources advance together, all live counts are of one time. In a long backlog partitions are read one after the
other, and counts are of several times. They are judged again once all sources have reached the point where the first
was when they were furthest apart (`ahead`); judged once then, even if the first is ahead again:

    source 0      #########################        ######    event time that was read, from left to right
    source 1      ##########                       ######
                  as_of ---|          ahead |

The silence of sensors, vehicles and feeds is judged by a more patient clock (`told`), which also waits for sources that
are held up:

    wall time     0 s            40 s      70 s         the database was away, or a broker, or this worker
    source 0      #######        ###############
    source 1      #######            ###########
    told          -------|       held ...|------        the source that resumes first does not speak for the others

After a restart it waits as well, where those that were not silent had come. How long a source was silent is saved, for
a worker that is killed every half a minute could not tell otherwise that anybody is.
"""

import msgspec

_STALLS = 6
"""Idle times without a word after which a source counts as silent, not merely held up on its way. In a log that is
replayed fast the two cannot be told apart any sooner.
"""
_TAKEN_OVER = 24
"""Idle times after which a source without an owner has a new one: Kafka notices a killed worker after a minute."""

TOGETHER_MS = 300_000
"""Sources that are at most this far apart count as advancing together: at 60 times real time, a pause of two seconds is
two minutes."""


class Source:
    """How far one source has come, by its newest word. Milliseconds of wall time; 0: not yet known.

    heard_at   when it said anything
    news_at    when it said anything new: what it says after a restart of its own may be what it had said before
    read       grows with what it has read; None: not known since a restart
    silent_ms  for how long it had said nothing new when this worker was restarted
    """

    def __init__(self) -> None:
        self.newest_ts = 0
        self.watermark = 0
        self.heard_at = self.news_at = 0
        self.read: int | None = None
        self.silent_ms = 0


class Waits(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """For how long sources were waited for: milliseconds of wall time, in few steps.

    never_heard  those that were never heard of
    silent       by number, those that said nothing new
    held         those that are to catch up, since the first went on; -1: the clock does not wait for such
    stood        the event time at which it waits
    """

    never_heard: int = 0
    silent: dict[int, int] = {}
    held: int = -1
    stood: int = 0


class Sources:
    """Sources by number. `expected` is how many there are to be."""

    def __init__(self, idle_ms: int, forget_ms: int, wall_ms: int) -> None:
        self.by_number: dict[int, Source] = {}
        self.expected = 0
        self.unsaved: set[int] = set()
        self._idle_ms, self._forget_ms = idle_ms, forget_ms
        self._wall = self._since = wall_ms
        self.saved_waits = Waits()
        self._waited_before = 0
        """For how long sources that were never heard of had been waited for before the last restart."""
        self._restored = False
        """Whether no watermark has moved since a restart, or not after wall time began to be known."""
        self._held_before = 0
        """For how long the clock had waited before a restart that came while it did."""
        self._moved_at = wall_ms
        self._resumed_at, self._stood = -self._patience_ms - 1, 0
        """When any watermark moved again after none had for long, or after a restart; and where the clock stood."""
        self._woke_at = -idle_ms - 1
        """When one spoke, after all had been idle."""
        self._ahead = self._apart = 0
        self._parted_at = wall_ms
        """When all had come to where the first was."""

    @property
    def _patience_ms(self) -> int:
        return _STALLS * self._idle_ms

    @property
    def _takeover_ms(self) -> int:
        return _TAKEN_OVER * self._idle_ms

    def hear(self, number: int, expected: int, newest_ts: int, watermark: int, read: int) -> None:
        """Take note of what a source said; `read` grows with what it has read. It never goes back in time."""
        self._wake()
        source = self.by_number.get(number)
        if source is None:
            source = self.by_number[number] = Source()
        if watermark > source.watermark:
            self._go_on()
        has_read = source.read is not None and read > source.read
        if has_read or watermark > source.watermark or newest_ts > source.newest_ts:
            source.news_at, source.silent_ms = self._wall, 0
        source.read = max(read, source.read or 0)
        source.newest_ts = max(source.newest_ts, newest_ts)
        source.watermark = max(source.watermark, watermark)
        source.heard_at = self._wall
        self.expected = expected
        self.unsaved.add(number)

    def _wake(self) -> None:
        """One is about to speak: if it is the first after all were idle, or since a restart, others may be to come."""
        active = self._active()
        if not active:
            self._woke_at = self._wall
        elif all(source.read is None for source in active):
            for source in active:
                source.heard_at = self._wall

    def _go_on(self) -> None:
        """A watermark is about to move."""
        if self._restored:
            self._resumed_at = self._wall - self._held_before
            self._restored = not self._wall
        elif self._wall - self._moved_at > self._patience_ms:
            self._resumed_at = self._wall
            self._stood = self._least()
        self._moved_at = self._wall

    def _least(self) -> int:
        """Return the least watermark of the sources that are awake; where none is, of all."""
        some = self._awake() or self.by_number.values()
        return min((source.watermark for source in some), default=0)

    def restore(self, number: int, expected: int, newest_ts: int, watermark: int) -> None:
        """Put a source back."""
        source = self.by_number[number] = Source()
        source.newest_ts, source.watermark = newest_ts, watermark
        self.expected = expected
        self._restored, self._stood = True, self._least()

    def restore_waits(self, waits: Waits) -> None:
        """Put back for how long sources were waited for. Call it after all `restore`."""
        self.saved_waits = waits
        self._waited_before = waits.never_heard
        for number, silent_ms in waits.silent.items():
            self.by_number[number].silent_ms = silent_ms
        self._held_before = max(waits.held, 0)
        self._stood = self._least() if waits.held < 0 else waits.stood

    def waits(self) -> Waits:
        """Return for how long sources were waited for, in few steps, so that little is to be saved."""
        silent = {number: self._in_steps(self._silence(source)) for number, source in self.by_number.items()}
        never_heard = self._in_steps(self._waited()) if self._some_missing else 0
        waits = Waits(never_heard, {number: ms for number, ms in sorted(silent.items()) if ms})
        if not self._held or self._least() - self._stood <= TOGETHER_MS:
            return waits  # nobody is far behind: after a restart the clock waits where it is
        held = self._held_before if self._restored else self._wall - self._resumed_at
        return msgspec.structs.replace(waits, held=self._in_steps(held), stood=self._stood)

    def _in_steps(self, wait_ms: int) -> int:
        """Return a wait in whole steps: no more of them than anybody is waited for, and one.

        Two of the short ones are silence; where that is long over, steps are as long as the wait for a new owner.
        """
        short = self._patience_ms // 2 + 1
        long = (self._takeover_ms // short + 1) * short
        if wait_ms < long:
            return wait_ms // short * short
        return min(wait_ms // long, self._forget_ms // long + 1) * long

    def _silence(self, source: Source) -> int:
        return source.silent_ms + self._wall - source.news_at

    def _waited(self) -> int:
        return self._waited_before + self._wall - self._since

    def tick(self, wall_ms: int) -> None:
        """Let wall time go on; silence of the sources that were just restored is counted from here."""
        self._wall = wall_ms
        self._since = self._since or wall_ms
        for source in self.by_number.values():
            source.heard_at = source.heard_at or wall_ms
            source.news_at = source.news_at or wall_ms

    def watermark(self, if_all_idle: int) -> int:
        """Return the event time up to which all active sources have told their windows.

        Who is the first to speak, in a new region or after all were idle, does not speak for the others.
        """
        least = min((source.watermark for source in self._active()), default=if_all_idle)
        if self._gather or not self._silent(self._woke_at, self._idle_ms):
            return min(least, self.told() or 0)
        return least

    def told(self) -> int | None:
        """Return the event time up to which all sources that spoke lately have told everything; None: none spoke.

        It is their least watermark, as readings beyond the watermark may not be published yet. After it stood still for
        long it waits for as long again, so that sources that were held up can catch up. At the start it waits as long
        for sources that were never heard of: they may have a backlog.
        """
        if self._gather:
            return 0
        awake = self._awake()
        if self._held and awake:
            return self._stood
        return min((source.watermark for source in awake), default=None)

    def _awake(self) -> list[Source]:
        return [source for source in self.by_number.values() if self._silence(source) <= self._patience_ms]

    def whole(self, closed_before: int) -> int:
        """Return the event time up to which closed windows are whole: no source that spoke lately is behind.

        This waits longer than `told` does, as a source whose worker was killed is not silent: it will have a new owner.
        """
        told = self.told()
        if told is None:
            return closed_before
        lately = [s for s in self.by_number.values() if self._silence(s) <= self._takeover_ms]
        return min(told, closed_before, *(source.watermark for source in lately))

    def carries(self) -> int:
        """Return the event time to which these sources move the clock of another stream that says nothing."""
        return self._stood if self._held else self._told_last()

    @property
    def _held(self) -> bool:
        return self._restored or self._wall - self._resumed_at <= self._patience_ms

    @property
    def _gather(self) -> bool:
        return self._some_missing and self._waited() <= self._patience_ms

    @property
    def _some_missing(self) -> bool:
        return len(self.by_number) < self.expected or not self.by_number

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
        all_known = len(self.by_number) == self.expected or self._waited() > self._forget_ms
        if not all_known:
            return None
        heard = (s for s in self.by_number.values() if self._silence(s) <= self._forget_ms)
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
