"""GBFS polls as a source: vehicles that stand free, and stations, each poll told at its own time.

GBFS 1.1, 2.x, 3.0 (https://gbfs.org/documentation/reference/), told apart by what a document holds, not by its name.
What a poll says becomes known when it is made: replayed or live, its rows are sent at `last_updated`, with the times at
which they were measured.
"""

from collections.abc import Iterator
from pathlib import Path

from sensors_sim.columns import Mixed
from sensors_sim.sources import gbfs_stations, gbfs_vehicles, gbfs_zones
from sensors_sim.sources.contract import Report
from sensors_sim.sources.files import UNREADABLE, documents
from sensors_sim.sources.gbfs_reference import Reference
from sensors_sim.sources.names import owner_name
from sensors_sim.sources.polls import Poll, RecordedPolls, poll
from sensors_sim.sources.seen import Seen
from sensors_sim.told import Told

REFERENCE = ("station_information", "vehicle_types", "system_information")
"""Documents, by what their file's name contains, that are needed before the first status."""


LISTS = ("bikes", "vehicles", "stations")
"""Lists that a document holds, whatever else it holds: null in place of one says nothing."""


class GbfsReader:
    """Turns polls, in the order in which they come, into what is new in them."""

    def __init__(self, report: Report, owner: str | None) -> None:
        self.reference = Reference(report)
        self.zones: list[gbfs_zones.Feature] = []
        self._report = report
        self._owner = owner
        self._told_at = 0
        self._made = {"vehicles": 0, "stations": 0}
        self.vehicles: Seen[gbfs_vehicles.Said] = Seen("vehicles", report)
        self._stations: Seen[gbfs_stations.Status] = Seen("stations", report)

    @property
    def owner(self) -> str:
        """By whom all is told."""
        return self._owner or owner_name(self.reference.system_id or "gbfs")

    def read(self, poll: Poll) -> Mixed:
        """Return what a poll says, at its time, or at that of the newest poll before it where it is dated earlier."""
        data = poll.body.get("data")
        if not isinstance(data, dict) or any(data.get(name, ()) is None for name in LISTS):
            self._report.rows += 1
            self._report.skip("not_a_feed", f"{poll.where}: data is {data!r:.60}")
            return Mixed.of([])
        self._told_at = max(self._told_at, poll.at)
        owner = self.owner
        vehicles, stations, zones = (
            gbfs_vehicles.rows(data), gbfs_stations.rows(data), gbfs_zones.features(data),
        )  # fmt: skip
        if vehicles is not None or stations is not None:
            self._owner = owner  # another name later would leave what was told where it stands
        parts: list[Told] = []
        if vehicles is not None and self._in_turn("vehicles", poll):
            found = gbfs_vehicles.positions(
                vehicles, poll, self.reference, owner, self.vehicles, self._report
            )
            parts.append(Told.of(owner, "vehicles", found, at=self._told_at))
        elif stations is not None and self._in_turn("stations", poll):
            measured = gbfs_stations.readings(
                stations, poll, self.reference, owner, self._stations, self._report
            )
            parts.append(Told.of(owner, "sensors", measured, at=self._told_at))
        elif zones is not None:
            self.zones = gbfs_zones.zones(zones, poll.where, self._report)
            self._report.figures["zones"] = len(self.zones)
        else:
            self.reference.learn(data, poll.where)
        return Mixed.of(parts)

    def _in_turn(self, what: str, poll: Poll) -> bool:
        """Say whether a poll is not older than the one before: caches behind one address disagree at times."""
        if poll.at < self._made[what]:
            self._report.rows += 1
            self._report.skip(
                "poll_older_than_the_one_before", f"{poll.where}: {self._made[what] - poll.at} ms older"
            )
            return False
        self._made[what] = poll.at
        self._report.figures["polls"] += 1
        return True


class GbfsFiles:
    """A poll, a folder of polls of one system, or JSON lines of them. Raises SourceError where there is no poll."""

    def __init__(self, where: Path, owner: str | None) -> None:
        self.report = Report()
        self.start_ms: int | None = None
        self._polls = RecordedPolls(where)
        self._reader = GbfsReader(self.report, owner)
        _refer(self._reader.reference, where)

    @property
    def end_ms(self) -> int | None:
        """Time of the last poll."""
        return self._polls.end_ms

    @property
    def zones(self) -> list[gbfs_zones.Feature]:
        """The geofencing zones of the newest poll of them that was read."""
        return self._reader.zones

    def batches(self) -> Iterator[Mixed]:
        """Yield what each poll says, where it says something new."""
        for found in self._polls.read(self.report):
            told = self._reader.read(found)
            if len(told):
                self.start_ms = int(told.ts[0]) if self.start_ms is None else self.start_ms
                yield told


def _refer(reference: Reference, where: Path) -> None:
    """Learn from the files in the folder, or beside the file, what statuses refer to: the first of each name counts,
    until the polls bring newer ones.
    """
    beside = sorted(where.rglob("*") if where.is_dir() else where.parent.glob("*"))
    for name in REFERENCE:
        for path in (path for path in beside if name in path.name.lower() and path.is_file()):
            if path.name.lower().removesuffix(".gz").endswith(".csv"):
                reference.learn_csv(path)
                break
            if _learn(reference, path):
                break


def _learn(reference: Reference, path: Path) -> bool:
    try:
        found = poll(next(documents(path, path.name)), Report())
    except (*UNREADABLE, StopIteration):
        return False
    if found is None or not isinstance(found.body.get("data"), dict):
        return False
    reference.learn(found.body["data"], path.name)
    return True
