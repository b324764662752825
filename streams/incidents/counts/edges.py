"""Counts by position, as the sources told them: of each place the newest word of each source."""

from collections.abc import Iterator, Mapping
from typing import Protocol

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsEdges
from streams.fold.contract import Record
from streams.incidents.book import Message
from streams.incidents.check_columns import problem_of_lengths
from streams.incidents.counts.crowd import added
from streams.incidents.counts.rules import NONE, Counts, Place


class Follower(Protocol):
    """Who wants to know how many vehicles are where."""

    def part_moved(self, region: str, place: Place, operator: str, before: Counts, after: Counts) -> None:
        """The counts of an operator in a part of a cell changed, of all sources together."""


class _Heard(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Which areas a source looks for, since when (owner, change), and in which generation of its log."""

    generation: int
    since: tuple[int, int]
    ground: str


class _Word(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """What a source said last of a place and an operator. Zeros are kept: an older word may come again.

    `vehicle_type` is empty where no type was told, as in what earlier versions saved.
    """

    source: int
    operator: str
    inside: tuple[str, ...]
    outside: tuple[str, ...]
    offset: int
    counts: Counts
    vehicle_type: str = ""


_heard = msgspec.msgpack.Decoder(_Heard)
_words = msgspec.msgpack.Decoder(list[_Word])
Said = tuple[str, tuple[str, ...], tuple[str, ...], str, int]
"""Of which operator, inside and outside of which areas, of which type, by which source."""


class EdgeBook:
    """What was told of the regions of one partition."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._heard: dict[tuple[str, int], _Heard] = {}
        self._words: dict[str, dict[str, dict[Said, _Word]]] = {}
        """By region and cell."""
        self._unsaved: set[tuple[str, ...]] = set()

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        return problem_of_lengths(message.counts) if isinstance(message, CellsEdges) else ""

    def stands_by_other_areas(self, region: str, ground: str) -> bool:
        """Return whether any vehicle of a region is counted by areas of another version, as its source told it last.

        A source that has none there may never tell by these: it tells of regions that it has vehicles in.
        """
        others = {
            source for (where, source), one in self._heard.items() if where == region and one.ground != ground
        }
        if not others:
            return False
        cells = self._words.get(region, {}).values()
        return any(
            word.source in others and word.counts != NONE for words in cells for word in words.values()
        )

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Take counts in; whoever follows judges them with the next counts of cells."""
        if isinstance(message, CellsEdges) and self._counts(message):
            c, region = message.counts, message.region
            states = zip(
                c.available, c.non_operational, c.reserved, c.on_trip, c.non_contactable, strict=True
            )
            types = [None] * len(c.cell) if c.vehicle_type is None else c.vehicle_type
            rows = zip(
                *(c.cell, c.operator, map(tuple, c.inside), map(tuple, c.outside), states, types), strict=True
            )
            for cell, operator, inside, outside, counts, type_ in rows:
                word = _Word(message.source, operator, inside, outside, message.offset, counts, type_ or "")
                known = self._words.get(region, {}).get(cell, {}).get(_said(word))
                if known is None or message.offset >= known.offset:
                    self._put(region, cell, word)
                    self._unsaved.add(("at", region, cell))
        yield from ()

    def _counts(self, message: CellsEdges) -> bool:
        """Return whether a message counts; drop what its source said of other areas, or in an earlier generation."""
        source = message.region, message.source
        known = self._heard.get(source)
        now = _Heard(message.generation, (message.owner, message.change), message.ground)
        newer = known is None or (now.generation, now.since) > (known.generation, known.since)
        if (
            known is not None
            and not newer
            and (now.generation, now.ground) != (known.generation, known.ground)
        ):
            return False  # of somebody who looked for other areas before
        if newer:
            if known is not None and (now.generation, now.ground) != (known.generation, known.ground):
                self._forget(*source)
            self._heard[source] = now
            self._unsaved.add(("heard", message.region, f"{message.source}"))
        return True

    def _forget(self, region: str, source: int) -> None:
        for cell, words in list(self._words.get(region, {}).items()):
            for said, word in list(words.items()):
                if word.source == source:
                    self._put(region, cell, msgspec.structs.replace(word, counts=NONE))
                    del words[said]
                    self._unsaved.add(("at", region, cell))
            if not words:
                del self._words[region][cell]

    def _put(self, region: str, cell: str, word: _Word) -> None:
        words, said = self._words.setdefault(region, {}).setdefault(cell, {}), _said(word)
        others = added(
            *(
                one.counts
                for one in words.values()
                if one.source != word.source and _said(one)[:4] == said[:4]
            )
        )
        known = words.get(said)
        before = others if known is None else added(others, known.counts)
        words[said] = word
        after, place = added(others, word.counts), Place(cell, word.inside, word.outside, word.vehicle_type)
        if before != after or known is None:
            self._follower.part_moved(region, place, word.operator, before, after)

    def take_parts(self) -> Mapping[str, bytes | None]:
        """Return what changed since the last call, by name; None: it is deleted."""
        parts: dict[str, bytes | None] = {}
        for about, region, name in self._unsaved:
            value: object
            if about == "heard":
                value = self._heard[region, int(name)]
            else:
                value = list(self._words.get(region, {}).get(name, {}).values()) or None
            parts[f"{about}/{region}/{name}"] = None if value is None else msgspec.msgpack.encode(value)
        self._unsaved.clear()
        return parts

    def restore(self, name: str, data: bytes) -> None:
        """Take back a part; no alerts are here."""
        about, region, subject = name.split("/", 2)
        if about == "heard":
            self._heard[region, int(subject)] = _heard.decode(data)
        else:
            for word in _words.decode(data):
                self._put(region, subject, word)


def _said(word: _Word) -> Said:
    return word.operator, word.inside, word.outside, word.vehicle_type, word.source
