"""Polling feeds at their own pace: `ttl` with a floor, back-off after errors, pages followed to their end.

Time, sleep and the way to get a document are handed in. What is polled comes out as it comes in; while there is nothing
to get, None comes out every NAP_S, so that whoever listens can stop.
"""

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from sensors_sim.backoff import Backoff
from sensors_sim.sources.contract import Report
from sensors_sim.sources.fetch import FetchFailed, GivenUp, same_server
from sensors_sim.sources.files import Document
from sensors_sim.sources.gbfs_reference import number
from sensors_sim.sources.polls import Poll, count_no_poll, poll

NAP_S = 0.2
MOST_PAGES = 1_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to ask, in seconds.

    floor      never more often, whatever `ttl` says (0 means "always fresh")
    slow       the floor of what changes rarely: where the stations are
    most       at least so often
    most_wait  longest wait of our own after an error; a server may ask for as much as `most`
    ttl_unit   seconds that a `ttl` of 1 means
    """

    floor: float = 10.0
    slow: float = 300.0
    most: float = 3_600.0
    most_wait: float = 300.0
    ttl_unit: float = 1.0


@dataclass(slots=True)
class _Feed:
    """What is polled; `said` is its newest answer with the time that stood in it, `at` the time that it was given."""

    url: str
    floor: float
    backoff: Backoff
    due: float = 0.0
    said: tuple[int, Any] | None = None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Clocks:
    """monotonic seconds, milliseconds since the epoch, and how to wait."""

    wall: Callable[[], float]
    now_ms: Callable[[], int]
    sleep: Callable[[float], None]


class LivePolls:
    """Polls `urls` (with what is slow among them) for ever."""

    def __init__(
        self,
        urls: Mapping[str, bool],
        get: Callable[[str], bytes],
        clocks: Clocks,
        random: Random,
        report: Report,
        pace: Pace,
        is_one: Callable[[Mapping[str, Any]], bool],
    ) -> None:
        """Take the addresses in the order in which they are first asked; True: what changes rarely.

        What is JSON but not `is_one` of the documents that are expected is an error like no answer at all.
        """
        self._get, self._clocks, self._report, self._pace = get, clocks, report, pace
        self._is_one = is_one
        self._feeds = [
            _Feed(url, floor, Backoff(random, 2 * pace.floor, pace.most_wait, pace.floor))
            for url, floor in ((url, pace.slow if slow else pace.floor) for url, slow in urls.items())
        ]

    def read(self) -> Iterator[Poll | None]:
        """Yield polls with all their pages, and None after them and while waiting for the next."""
        while True:
            now = self._clocks.wall()
            try:
                for feed in self._feeds:
                    if feed.due <= now:
                        yield from self._ask(feed)
            except GivenUp:
                return
            yield None
            ahead = min(feed.due for feed in self._feeds) - self._clocks.wall()
            if ahead > 0:
                self._clocks.sleep(min(ahead, NAP_S))

    def _ask(self, feed: _Feed) -> Iterator[Poll]:
        """Yield the pages of a feed's answer; then it is due again after its ttl, or after a while where it failed."""
        url, ttl = feed.url, 0.0
        asked = set[str]()
        for _ in range(MOST_PAGES):
            found = self._fetched(url, feed)
            if found is None:
                return
            asked.add(url)
            ttl = number(found.body.get("ttl")) or 0.0
            following = _next_page(found, url, asked)
            if following is None and url == feed.url:
                found = self._dated(found, feed)
            yield replace(found, more=following is not None)
            if following is None:
                break
            url = following
        feed.backoff.reset()
        self._report.trouble.pop(feed.url, None)
        feed.due = self._clocks.wall() + min(max(ttl * self._pace.ttl_unit, feed.floor), self._pace.most)

    def _fetched(self, url: str, feed: _Feed) -> Poll | None:
        try:
            if not same_server(url, feed.url):  # whatever was sent to log in would go there, too
                raise FetchFailed(
                    "page_not_followed", f"{url}: the next page is not on the server that was asked"
                )
            found = read_one(url, self._get, self._is_one, self._clocks.now_ms())
        except FetchFailed as failed:
            self._report.rows += 1
            self._report.skip(failed.reason, failed.detail)
            self._report.trouble[feed.url] = f"{failed.reason}, {failed.detail}"
            wait = min(failed.retry_after_s or 0.0, self._pace.most)
            feed.due = self._clocks.wall() + max(feed.backoff.next_s(), wait)
            return None
        now = self._clocks.now_ms()
        if found.at > now:
            self._report.note(
                "feed_clock_ahead", f"{url}: {found.at - now} ms ahead of this machine; set back"
            )
            return replace(found, at=now)
        return found

    def _dated(self, found: Poll, feed: _Feed) -> Poll:
        """Return an answer dated by our clock where its own stands still though it says something else.

        What is newer by the feed's own clock comes after it all the same: that clock may be behind ours.
        """
        said = (found.at, found.body.get("data"))
        before = feed.said
        if before is not None and found.at < before[0]:
            return found
        feed.said = said
        if before is None or before[0] != found.at:
            feed.at = max(found.at, feed.at + 1)
        elif before != said:
            feed.at = self._clocks.now_ms()
            self._report.note(
                "feed_clock_stands", f"{feed.url}: another answer of {found.at}; dated by its poll"
            )
        return replace(found, at=feed.at)


def read_one(
    url: str, get: Callable[[str], bytes], is_one: Callable[[Mapping[str, Any]], bool], undated: int
) -> Poll:
    """Return the document at an address. Raises FetchFailed, too where it is none of those that are expected.

    `undated` is the time of one that names none.
    """
    document, said = Document(url, get(url)), Report()
    found = poll(document, said, undated)
    if found is not None and not is_one(found.body):
        count_no_poll(document, "not_a_feed", said)
    for reason, example in said.examples.items():
        raise FetchFailed(reason, example)
    assert found is not None
    return found


def is_there(url: str, get: Callable[[str], bytes], is_one: Callable[[Mapping[str, Any]], bool]) -> bool:
    """Whether there is a document; where the server is in trouble that is not known, and it is asked again."""
    try:
        found = poll(Document(url, get(url)), Report(), undated=1)
        return found is not None and is_one(found.body)
    except FetchFailed as failed:
        return in_trouble(failed.reason)


def in_trouble(reason: str) -> bool:
    """Whether a document that did not come may be there: the server is away or busy, and did not refuse it."""
    return not reason.startswith("http_4") or reason == "http_429"


def _next_page(found: Poll, url: str, asked: Container[str]) -> str | None:
    """Return the address of the page that follows, unless it was asked already: pages may lead in a circle.

    The same server is asked as before: behind a proxy it may not know whether that was with TLS, or by which port.
    """
    links = found.body.get("links")
    following = links.get("next") if isinstance(links, dict) else None
    if isinstance(following, dict):  # JSON:API has links of both forms
        following = following.get("href")
    if not isinstance(following, str) or not following:
        return None
    try:
        address = urljoin(url, following)
    except ValueError:  # of brackets that are none of an IPv6 address
        return following
    if same_server(address, url):
        here = urlsplit(url)
        address = urlunsplit(urlsplit(address)._replace(scheme=here.scheme, netloc=here.netloc))
    return None if address in asked else address
