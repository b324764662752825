"""The formats of feeds by name: how each is opened, as a file, a folder or an address."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from time import monotonic, sleep, time_ns

from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import Listener, Source, unheard
from sensors_sim.sources.fetch import ANYTHING, Http, is_url
from sensors_sim.sources.gbfs import GbfsFiles
from sensors_sim.sources.gbfs_live import GbfsUrl
from sensors_sim.sources.live import Clocks
from sensors_sim.sources.mapping import read_mapping
from sensors_sim.sources.mds import MdsFiles
from sensors_sim.sources.mds_live import ACCEPT, MdsUrl
from sensors_sim.sources.memory import Memory
from sensors_sim.sources.mobike_trips import MobikeTrips
from sensors_sim.sources.names import MAX_OWNER, OWNER_RULE, is_owner
from sensors_sim.sources.table import MappedCsv, Open311


@dataclass(frozen=True, slots=True)
class Feed:
    """What to open, and what the command line says about it.

    where     a path, or an address
    mapping   how to read a table
    owner     operator of vehicles or owner of sensors and requests, in place of the one that the feed names
    token     that logs in at an address; asked for at each request
    memory    where to keep what the last poll said, for the next run
    given_up  whether an answer that is waited for is wanted no more
    listener  hears how far a file is read
    """

    where: str
    mapping: Path | None = None
    owner: str | None = None
    token: Callable[[], str] | None = None
    memory: Path | None = None
    given_up: Callable[[], bool] = lambda: False
    listener: Listener = unheard

    @property
    def live(self) -> bool:
        """Whether it is polled."""
        return is_url(self.where)


def open_feed(format_: str, feed: Feed) -> Source:
    """Open a feed of one of FORMATS. Raises SourceError when it is not there, or of another form."""
    check_feed(format_, feed)
    return (_LIVE if feed.live else FORMATS)[format_](feed)


def check_feed(format_: str, feed: Feed) -> None:
    """Raise SourceError for what is wrong with a feed before anything of it is read."""
    if (format_ == "csv") != (feed.mapping is not None):
        raise SourceError(
            "--format csv needs --mapping FILE, which says what its columns mean (docs/feeds.md)"
            if format_ == "csv"
            else f"--mapping is for --format csv; the columns of {format_} are known"
        )
    if feed.owner is not None and not (is_owner(feed.owner) and len(feed.owner) <= MAX_OWNER):
        raise SourceError(f"--owner {feed.owner!r}: at most {MAX_OWNER} {OWNER_RULE}")
    if feed.owner is not None and format_ == "mobike-trips":
        raise SourceError("--owner is for other formats; bikes of mobike-trips are those of mobike")
    if feed.memory is not None and not (feed.live and format_ == "gbfs"):
        raise SourceError("--memory is for the address of a feed of --format gbfs")
    if feed.live and format_ not in _LIVE:
        raise SourceError(f"an address is polled for {' and '.join(_LIVE)} only; save it, and give the file")
    if not feed.live and not Path(feed.where).exists():
        raise SourceError(
            f"{feed.where} does not exist; give a file, a folder, or an http:// or https:// address"
        )


def _gbfs(feed: Feed) -> Source:
    return GbfsFiles(Path(feed.where), feed.owner)


def _mds(feed: Feed) -> Source:
    return MdsFiles(Path(feed.where), feed.owner, feed.listener)


def _open311(feed: Feed) -> Source:
    return Open311(Path(feed.where), feed.owner, feed.listener)


def _csv(feed: Feed) -> Source:
    if feed.mapping is None:
        raise SourceError("--format csv needs --mapping FILE")
    mapping = read_mapping(feed.mapping)
    return MappedCsv(Path(feed.where), replace(mapping, owner=feed.owner or mapping.owner), feed.listener)


def _mobike_trips(feed: Feed) -> Source:
    path = Path(feed.where)
    if not path.is_file():
        raise SourceError(f"{path} is a folder; give one file")
    return MobikeTrips(path)


FORMATS: Mapping[str, Callable[[Feed], Source]] = {
    "gbfs": _gbfs,
    "mds": _mds,
    "open311": _open311,
    "csv": _csv,
    "mobike-trips": _mobike_trips,
}
"""By the name that --format takes."""


def _clocks() -> Clocks:
    return Clocks(monotonic, lambda: time_ns() // 1_000_000, sleep)


def _http(feed: Feed, accept: str = ANYTHING) -> Http:
    return Http(feed.token, accept=accept, given_up=feed.given_up, home=feed.where)


def _gbfs_live(feed: Feed) -> Source:
    memory = None if feed.memory is None else Memory(feed.memory)
    return GbfsUrl(feed.where, feed.owner, _http(feed), _clocks(), Random(), memory=memory)


_LIVE: Mapping[str, Callable[[Feed], Source]] = {
    "gbfs": _gbfs_live,
    "mds": lambda feed: MdsUrl(feed.where, feed.owner, _http(feed, ACCEPT), _clocks(), Random()),
}
