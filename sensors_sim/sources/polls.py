"""Polls of a feed: documents that say when they were made (`last_updated`), in that order.

A folder may hold years: only the files whose times overlap are open at once. GBFS and MDS share the form.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

import msgspec

from sensors_sim.errors import SourceError
from sensors_sim.not_json import NOT_JSON
from sensors_sim.sources.contract import Report
from sensors_sim.sources.files import UNREADABLE, Document, documents, json_files
from sensors_sim.sources.instants import instant

SHOWN = 60
"""Characters of an answer that is no poll, in its example."""


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll that could be read. `at` is its last_updated, in milliseconds since the epoch.

    more  another page of the same answer follows
    """

    where: str
    at: int
    body: dict[str, Any]
    more: bool = False


class _Head(msgspec.Struct):
    last_updated: int | float | str | None = None


_head = msgspec.json.Decoder(_Head)
_whole = msgspec.json.Decoder()


def poll(document: Document, report: Report, undated: int | None = None) -> Poll | None:
    """Return a document as a poll, or None: what is none is counted (an error page, a cut answer, no time).

    `undated` is the time of a poll that names none: of a live one it is known.
    """
    try:
        body = _whole.decode(document.body)
    except NOT_JSON:
        count_no_poll(document, "not_json", report)
        return None
    if not isinstance(body, dict):
        count_no_poll(document, "not_a_feed", report)
        return None
    at = instant(body.get("last_updated")) or undated
    if at is None:
        count_no_poll(document, "no_last_updated", report)
        return None
    return Poll(document.where, at, body)


def count_no_poll(document: Document, reason: str, report: Report) -> None:
    """Count an answer that is none, with how it begins."""
    report.rows += 1
    text = document.body[: 4 * SHOWN].decode(errors="replace").strip()[:SHOWN]
    report.skip(reason, f"{document.where}: {text!r}")


@dataclass(frozen=True, slots=True)
class _File:
    """A file, the time of its first poll, and its place among the files by name."""

    first: int
    number: int
    path: Path
    name: str


class RecordedPolls:
    """The polls of a file or a folder. Raises SourceError at once when there is no poll in it at all.

    A poll that is dated before the one above it in its file comes after it all the same.
    """

    def __init__(self, where: Path) -> None:
        self.start_ms: int | None = None
        self.end_ms: int | None = None
        self._files: list[_File] = []
        alone = where.is_file()
        for number, path in enumerate(json_files(where)):
            name = path.name if alone else str(path.relative_to(where))
            first = self._look_at(path, name, alone)
            before = self._files[-1].first if self._files else 0
            self._files.append(_File(before if first is None else first, number, path, name))
        if self.start_ms is None:
            raise SourceError(
                f"{where} holds no poll: no JSON document with `last_updated` in it; "
                "give a poll, a folder of polls, or a JSON-lines file with a poll a line"
            )

    def read(self, report: Report) -> Iterator[Poll]:
        """Yield the polls by time; what is none is counted."""
        waiting = sorted(self._files, key=lambda file: (file.first, file.number), reverse=True)
        open_: list[tuple[int, int, Document, Iterator[Document]]] = []
        while waiting or open_:
            while waiting and (not open_ or waiting[-1].first <= open_[0][0]):
                file = waiting.pop()
                _advance(open_, file.first, file.number, _documents(file, report))
            if not open_:
                continue
            at, number, document, rest = heappop(open_)
            found = poll(document, report)
            _advance(open_, at, number, rest)
            if found is not None:
                yield found

    def _look_at(self, path: Path, name: str, alone: bool) -> int | None:
        """Return the time of a file's first poll; notes the first and the last of all."""
        first = None
        try:
            for document in documents(path, name):
                at = _time(document)
                if at is not None:
                    first = at if first is None else first
                    self.start_ms = at if self.start_ms is None else min(at, self.start_ms)
                    self.end_ms = at if self.end_ms is None else max(at, self.end_ms)
        except UNREADABLE as error:
            if alone:
                raise SourceError(
                    f"cannot read {path} ({error}); it must be JSON, plain or gzipped"
                ) from None
        return first


def _documents(file: _File, report: Report) -> Iterator[Document]:
    try:
        yield from documents(file.path, file.name)
    except UNREADABLE as error:
        report.rows += 1
        report.skip("file_unreadable", f"{file.name}: {error}")


def _advance(
    open_: list[tuple[int, int, Document, Iterator[Document]]],
    at: int,
    number: int,
    rest: Iterator[Document],
) -> None:
    """Put the next document of a file among the open ones, at its time and not before the one above it."""
    for document in rest:
        time = _time(document)
        heappush(open_, (at if time is None else max(at, time), number, document, rest))
        return


def _time(document: Document) -> int | None:
    try:
        return instant(_head.decode(document.body).last_updated)
    except NOT_JSON:
        return None
