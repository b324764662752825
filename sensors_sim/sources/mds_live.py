"""MDS 2.0 polled live: /vehicles/status as it stands, /events/recent from where the poll before ended.

Types are those of /vehicles beside them. The version must be asked for: without it an API answers as MDS 0.2
(https://github.com/openmobilityfoundation/mobility-data-specification/blob/main/general-information.md#versioning).
"""

from collections.abc import Callable, Iterator
from operator import itemgetter
from random import Random
from urllib.parse import urlsplit, urlunsplit

from msgspec.structs import replace

from sensors_sim.columns import Mixed
from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import Report
from sensors_sim.sources.fetch import FetchFailed
from sensors_sim.sources.files import Document
from sensors_sim.sources.live import Clocks, LivePolls, Pace, is_there
from sensors_sim.sources.mds import MdsReader, is_page, page
from sensors_sim.sources.polls import Poll
from sensors_sim.sources.seen import QUIET_MS
from sensors_sim.told import Position, Told

RECENT_MS, OVERLAP_MS = 3_600_000, 600_000
"""How far back /events/recent is asked first (the standard holds two weeks ready), and again: events come late."""
ACCEPT = "application/vnd.mds+json;version=2.0"
PACE = Pace(ttl_unit=0.001)  # MDS counts in milliseconds


class MdsUrl:
    """An address of either kind. What the poll before said already is left out.

    Raises SourceError where there is no page at the address.
    """

    def __init__(
        self,
        url: str,
        owner: str | None,
        get: Callable[[str], bytes],
        clocks: Clocks,
        random: Random,
    ) -> None:
        self.report = Report()
        self.start_ms: int | None = None
        self.end_ms: int | None = None
        self._url, self._get, self._clocks = url, get, clocks
        self._recent = urlsplit(url).path.rstrip("/").endswith("/events/recent")
        self._reader = MdsReader(self.report, owner)
        self._told_at = 0
        self._newest: int | None = None
        self._found: int | None = None
        self._require_page()
        types = _vehicles_beside(url)
        urls = {types: True, url: False} if types and is_there(types, get, is_page) else {url: False}
        self._polls = LivePolls(urls, self._fetch, clocks, random, self.report, PACE, is_page)
        self._before: set[Position] = set()
        self._now: set[Position] = set()
        self._last: tuple[int, str, Position] | None = None
        self._heard = clocks.now_ms()  # what a first answer says may be old
        self._round = 0
        self._said: dict[str, tuple[Position, int, int]] = {}
        """Of each device of a status what it said last, the time at which that was told, and in which round."""

    def batches(self) -> Iterator[Mixed]:
        """Yield what is new in each page, and empty batches while there is none. Does not end by itself."""
        for poll in self._polls.read():
            told = Mixed.of([] if poll is None else self._told(poll))
            if poll is None or not poll.more:
                self._round += 1
            if poll is None:
                # A round that broke off is asked for again.
                self._now, self._found = set(), self._newest
            elif not poll.more:
                self._end_round()
            if len(told) and self.start_ms is None:
                self.start_ms = int(told.ts[0])
            if len(told) or poll is None:  # an empty batch says that there is nothing to get now
                yield told

    def _end_round(self) -> None:
        """All pages are here. Before, newer events than some that are still to come may have been found."""
        self._newest, self._last = self._found, None
        if self._now:
            self._before, self._now = self._now, set()

    def _require_page(self) -> None:
        report = Report()
        try:
            found = page(Document(self._url, self._fetch(self._url)), report)
        except FetchFailed as failed:
            raise SourceError(
                f"no feed at {self._url} ({failed.reason}, {failed.detail}); check the address, and --token-file"
            ) from None
        if found is None:
            raise SourceError(
                f"no feed at {self._url} ({next(iter(report.examples.values()))}); it must be a page of MDS, in JSON"
            )

    def _told(self, poll: Poll) -> list[Told]:
        self._told_at = max(self._told_at, poll.at)
        rows: dict[str, list[Position]] = {}
        for operator, position in self._reader.read(poll.body, poll.where):
            if position in self._before or position in self._now or self._is_said(position):
                self.report.skip("repeat", f"{position.vehicle_id} at {position.ts}")
            else:
                rows.setdefault(operator, []).append(self._dated(position))
            self._now.add(position)
            self._found = max(position.ts, self._found or 0)
            self._last = max(
                self._last or (0, "", position), (position.ts, operator, position), key=itemgetter(0)
            )
        self._heard = max(self._heard, *(row.ts for found in rows.values() for row in found), 0)
        if not self._recent and not poll.more and self._last and self._told_at - self._heard >= QUIET_MS:
            _, operator, position = self._last
            rows.setdefault(operator, []).append(self._once_more(position))
        return [
            Told.of(operator, "vehicles", sorted(found, key=lambda row: row.ts), at=self._told_at)
            for operator, found in rows.items()
        ]

    def _once_more(self, position: Position) -> Position:
        """Return who was heard last, as standing there still: the feed goes on where nothing changes in it."""
        self.report.note("told_again", f"{position.vehicle_id}: nothing new since {self._heard}")
        self._heard = self._told_at
        self._said[position.vehicle_id] = position, self._told_at, self._round
        return replace(position, ts=self._told_at)

    def _is_said(self, position: Position) -> bool:
        """Whether it is what its device said last, in a round that broke off."""
        said = self._said.get(position.vehicle_id)
        return said is not None and said[0] == position

    def _dated(self, position: Position) -> Position:
        """Return what is new: of a status never with a time that was told in a round before, for the first one counts.

        Telemetry may come before the event of its time, and a device may have been told once more meanwhile.
        """
        id_, ts, now = position.vehicle_id, position.ts, self._clocks.now_ms()
        if ts > now:
            self.report.note("ahead_of_its_poll", f"{id_}: {(ts - now) / 1000:g} s ahead, set back")
            ts = now
        if not self._recent:
            _, told, round_ = self._said.get(id_, (None, 0, self._round))
            if ts <= told and round_ != self._round:
                self.report.note("dated_by_its_poll", f"{id_}: new, but its own time is {ts}")
                ts = max(self._told_at, told + 1)
            self._said[id_] = position, ts, self._round
        return replace(position, ts=ts)

    def _fetch(self, address: str) -> bytes:
        """Get a page; the first one of recent events is asked for by time, the ones that follow carry theirs."""
        if not self._recent or address != self._url:
            return self._get(address)
        until = self._clocks.now_ms()
        since = until - RECENT_MS if self._newest is None else min(self._newest, until) - OVERLAP_MS
        join = "&" if urlsplit(address).query else "?"
        return self._get(f"{address}{join}start_time={since}&end_time={until}")


def _vehicles_beside(url: str) -> str | None:
    """Return where /vehicles is, beside /vehicles/status or /events/recent."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    ends = next((end for end in ("/vehicles/status", "/events/recent") if path.endswith(end)), None)
    return None if ends is None else urlunsplit(parts._replace(path=path.removesuffix(ends) + "/vehicles"))
