"""A GBFS system polled live: from its gbfs.json, or from the address of one feed.

gbfs.json lists the feeds, until 2.3 by language, in 3.0 once. Next to the address of a single feed, what it refers to
is looked for under the usual names.
"""

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any
from urllib.parse import urljoin, urlsplit

from sensors_sim.columns import Mixed
from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import Report
from sensors_sim.sources.fetch import FetchFailed, GivenUp, is_url
from sensors_sim.sources.gbfs import REFERENCE, GbfsReader
from sensors_sim.sources.gbfs_reference import objects
from sensors_sim.sources.gbfs_zones import Feature
from sensors_sim.sources.live import Clocks, LivePolls, Pace, in_trouble, is_there, read_one
from sensors_sim.sources.memory import Kept, Memory
from sensors_sim.sources.polls import Poll

STATUSES = ("free_bike_status", "vehicle_status", "station_status")
SLOW = (*REFERENCE, "geofencing_zones")
_NAME = "system_information"
_NEEDED = ("station_information", "vehicle_types")
"""Without these a vehicle at a station has no place, and a moped is a bicycle."""


class GbfsUrl:
    """A system, for as long as it is listened to. Raises SourceError where there is no feed at the address."""

    def __init__(
        self,
        url: str,
        owner: str | None,
        get: Callable[[str], bytes],
        clocks: Clocks,
        random: Random,
        pace: Pace | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.report = Report()
        self.start_ms: int | None = None
        self.end_ms: int | None = None
        addresses = _addresses(url, get)
        self._url, self._get = url, get
        self._clocks, self._random, self._pace = clocks, random, pace or Pace()
        self._listed_at = float("-inf")
        self._reader = GbfsReader(self.report, owner)
        if owner is None and _NAME in addresses:
            self._reader.reference.learn(_named(addresses[_NAME], get), addresses[_NAME])
        self._memory, self._kept_at = memory, 0
        if memory is not None:
            self._recall(memory.read())
        self._listen(addresses)

    @property
    def zones(self) -> list[Feature]:
        """The geofencing zones as last polled."""
        return self._reader.zones

    def batches(self) -> Iterator[Mixed]:
        """Yield what each poll says, and empty batches while there is none. Does not end by itself."""
        polls = None
        while polls is not self._polls:  # the feeds of another list
            polls = self._polls
            for found in polls.read():
                told = Mixed.of([]) if found is None or self._too_early(found) else self._reader.read(found)
                if len(told) and self.start_ms is None:
                    self.start_ms = int(told.ts[0])
                if len(told) or found is None:  # an empty batch says that there is nothing to get now
                    yield told
                self._keep()  # of what was told; before, a run that ends here would leave out who was gone
                if found is None and self._moved():
                    break

    def _listen(self, addresses: dict[str, str]) -> None:
        self._addresses = addresses
        self._missing = {addresses[name] for name in _NEEDED if name in addresses}
        urls = {address: name in SLOW for name, address in addresses.items()}
        self._statuses = {address for address, slow in urls.items() if not slow}
        self._polls = LivePolls(
            urls, self._get, self._clocks, self._random, self.report, self._pace, _has_data
        )

    def _moved(self) -> bool:
        """Whether gbfs.json lists other addresses now; it is read again while one of those it listed is not there."""
        gone = any(said.startswith(("http_404,", "http_410,")) for said in self.report.trouble.values())
        now = self._clocks.wall()
        if not gone or now < self._listed_at + self._pace.slow:
            return False
        self._listed_at = now
        try:
            addresses = _addresses(self._url, self._get)
        except (SourceError, GivenUp):
            return False
        if addresses == self._addresses:
            return False
        self.report.trouble.clear()
        self._listen(addresses)
        return True

    def _too_early(self, found: Poll) -> bool:
        """Whether a poll must wait for the next one, as what it refers to is there but has not answered yet.

        It is asked for first, so it has been read by now, or why not is known.
        """
        self._missing.discard(found.where)
        reasons = (self.report.trouble.get(url, "").partition(",")[0] for url in self._missing)
        return found.where in self._statuses and any(reason and in_trouble(reason) for reason in reasons)

    def _recall(self, kept: Kept | None) -> None:
        if kept is None:
            self._write()  # whether it can be written is known now
            return
        if kept.owner != self._reader.owner:
            raise SourceError(
                f"--memory holds vehicles of {kept.owner}, not of {self._reader.owner}; name a file for each system"
            )
        self._reader.vehicles.recall(kept.at, kept.vehicles)

    def _keep(self) -> None:
        if self._memory is not None and self._reader.vehicles.polled_at not in (None, self._kept_at):
            try:
                self._write()
            except SourceError as failed:
                self.report.note("memory_not_kept", str(failed))

    def _write(self) -> None:
        seen = self._reader.vehicles
        self._kept_at = seen.polled_at or 0
        try:
            assert self._memory is not None
            self._memory.write(Kept(self._reader.owner, self._kept_at, seen.said()))
        except OSError as error:
            raise SourceError(f"--memory cannot be written ({error})") from None


def _has_data(body: Mapping[str, Any]) -> bool:
    return isinstance(body.get("data"), dict)


def _addresses(url: str, get: Callable[[str], bytes]) -> dict[str, str]:
    """Return what to poll by name, in this order."""
    try:
        data = read_one(url, get, _has_data, undated=1).body["data"]
    except FetchFailed as failed:
        raise SourceError(
            f"no feed at {url} ({failed.reason}, {failed.detail}); it must be GBFS, in JSON: "
            "check the address in a browser"
        ) from None
    feeds = _listed(data, url)
    if not feeds:
        beside = _beside(url).items()
        return {name: there for name, there in beside if is_there(there, get, _has_data)} | {"": url}
    wanted = {name: feeds[name] for name in SLOW if name in feeds}
    statuses = {name: feeds[name] for name in STATUSES if name in feeds}
    if not statuses:
        raise SourceError(
            f"{url} lists no feed that can be published: {', '.join(STATUSES)} expected, {', '.join(feeds)} found"
        )
    return wanted | statuses


def _named(address: str, get: Callable[[str], bytes]) -> dict[str, Any]:
    """Return who the system is. Without that nothing may be told: under another name all would stand there twice."""
    try:
        data: dict[str, Any] = read_one(address, get, _has_data, undated=1).body["data"]
    except FetchFailed as failed:
        raise SourceError(
            f"the system does not say its name at {address} ({failed.reason}, {failed.detail}); "
            "try again, or give --owner"
        ) from None
    return data


def _listed(data: dict[str, Any], url: str) -> dict[str, str]:
    """Return the addresses of a gbfs.json by name; of several languages that list a feed the first will do."""
    lists = [data.get("feeds"), *(part.get("feeds") for part in data.values() if isinstance(part, dict))]
    named: dict[str, str] = {}
    for feed in (feed for found in lists for feed in objects(found)):
        name, address = feed.get("name"), feed.get("url")
        if isinstance(name, str) and isinstance(address, str) and is_url(absolute := _absolute(url, address)):
            named.setdefault(name, absolute)
    return named


def _absolute(url: str, address: str) -> str:
    try:
        return urljoin(url, address)
    except ValueError:  # of brackets that are none of an IPv6 address
        return ""


def _beside(url: str) -> dict[str, str]:
    """Return where the documents that a feed refers to would be, in the same folder under the same kind of name."""
    last = urlsplit(url).path.rpartition("/")[2]
    status = next((name for name in STATUSES if name in last), None)
    return {} if status is None else {name: url.replace(status, name) for name in REFERENCE}
