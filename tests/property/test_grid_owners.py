"""Named invariant: what a frozen owner of a region had on its way to Kafka changes nothing for who reads ub.cells.

Owners follow one another; each tells, and some of it is on its way when it is frozen, and arrives at any time later.
The reader ignores what is of a former owner (streams/incidents/owners.py) and keeps of each row what stands last.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.partials import FleetPartial, SlotCounts, WindowCounts
from streams import topics
from streams.fold.contract import Record
from streams.grid.locate import centre
from streams.grid.state import GridState
from streams.incidents.messages import decoder
from streams.incidents.owners import Owners
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, Database, geometry, restored
from tests.property.partials import CELLS, CONFIG, MINUTE, REGION, SIDES, SOURCES, Side

POLICY = parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "rules")
MANY = settings(max_examples=300)
KINDS = pytest.mark.parametrize("side", SIDES, ids=[side.name for side in SIDES])
DEEDS = ("nothing", "tell", "begin to tell", "begin to tell", "checkpoint", "freeze", "die", "wake up")
Row = tuple[Any, ...]


@dataclass(slots=True)
class Owner:
    """A grid fold, how far it has come, and what it told that has not arrived."""

    fold: GridState
    applied: int
    on_its_way: list[bytes] = field(default_factory=list)


class Region:
    """A log of partials, the owners who fold it, their checkpoint, and ub.cells as it came to be."""

    def __init__(self) -> None:
        self.database = Database()
        self.log: list[bytes] = []
        self.cells: list[bytes] = []
        self.frozen: list[Owner] = []
        self.owners = 0
        self.wall = 1
        self.owner = self.claim()

    def claim(self) -> Owner:
        """Begin at the checkpoint."""
        self.owners += 1
        start = replace(self.database.restored("grid", 0), epoch=self.owners)
        owner = Owner(GridState(CONFIG, geometry, start), start.offset)
        owner.fold.idle(self.wall)
        return owner

    def fold(self) -> None:
        """Have the owner fold all that is there."""
        for offset in range(self.owner.applied + 1, len(self.log)):
            self.owner.fold.apply(Record(topics.PARTIALS, 0, offset, self.log[offset], T0))
        self.owner.applied = len(self.log) - 1

    def begin_to_tell(self, *, at_checkpoint: bool = False) -> None:
        """Have the owner tell; nothing of it arrives yet."""
        self.owner.fold.idle(self.wall)
        outputs = self.owner.fold.take_outputs(at_checkpoint=at_checkpoint)
        self.owner.on_its_way += [output.value for output in outputs if output.topic == topics.CELLS]

    def arrive(self, owner: Owner) -> None:
        """Have all arrive that an owner told."""
        self.cells += owner.on_its_way
        owner.on_its_way = []

    def do(self, deed: str) -> None:
        """Do what may happen between two records; a checkpoint waits for what was told."""
        if deed in ("tell", "begin to tell", "checkpoint"):
            self.begin_to_tell(at_checkpoint=deed == "checkpoint")
        if deed in ("tell", "checkpoint"):
            self.arrive(self.owner)
        if deed == "checkpoint":
            self.database.commit("grid", self.owner.applied, self.owner.fold.take_changes())
        if deed == "freeze":
            self.frozen.append(self.owner)
        if deed in ("freeze", "die"):
            self.owner = self.claim()
        if deed == "wake up" and self.frozen:
            self.arrive(self.frozen.pop(0))

    def run(self, partials: list[bytes], deeds: list[str]) -> None:
        """Bring partials one after another, do a deed after each; at last all fall silent and wake up."""
        for number, partial in enumerate(partials):
            self.log.append(partial)
            self.fold()
            self.do(deeds[number % len(deeds)])
        self.fold()
        self.do("tell")
        self.wall += 5_001
        self.do("checkpoint")
        while self.frozen:
            self.do("wake up")


def last_told(region: Region) -> Iterator[tuple[str, Any]]:
    """Yield the messages that a reader takes in, by tag."""
    owners = Owners()
    for value in region.cells:
        message = decoder.decode(value)
        if not owners.is_former(message):
            yield message.__struct_config__.tag, codec.cells.decode(value)


@KINDS
@MANY
@given(st.data())
def test_of_each_window_the_newest_owners_last_word_is_what_the_table_has(
    side: Side, data: st.DataObject
) -> None:
    said = data.draw(side.said())
    region = Region()
    region.run(
        [codec.encode(side.partial(one)) for one in said],
        data.draw(st.lists(st.sampled_from(DEEDS), min_size=1)),
    )
    told: dict[Row, dict[str, Any]] = {}
    names = side.columns.__struct_fields__
    for tag, message in last_told(region):
        if tag in ("now", "health"):
            continue
        for values in zip(*(getattr(message.rows, name) for name in names), strict=True):
            told[values[:3]] = dict(zip(names, values, strict=True))
    for row in region.database.tables[side.table].values():
        there = told[row["window_start"], f"{row['cell']:x}", row[names[2]]]
        assert {name: row[name] for name in names[3:]} == {name: there[name] for name in names[3:]}


COUNTS = st.dictionaries(st.sampled_from(CELLS), st.integers(0, 9), min_size=1)


@MANY
@given(
    st.lists(st.tuples(st.integers(0, SOURCES - 1), COUNTS), max_size=12),
    st.lists(st.sampled_from(DEEDS), min_size=1),
)
def test_the_incidents_stage_holds_what_the_sources_said_last(
    said: list[tuple[int, dict[str, int]]], deeds: list[str]
) -> None:
    region = Region()
    region.run([live(source, offset, counts) for offset, (source, counts) in enumerate(said)], deeds)
    newest = {(source, cell): count for source, counts in said for cell, count in counts.items()}
    expected = {cell: sum(n for (_, at), n in newest.items() if at == cell) for _, cell in newest}
    incidents = IncidentsState(POLICY, centre, restored())
    for offset, value in enumerate(region.cells):
        incidents.apply(Record(topics.CELLS, 0, offset, value, T0))
    assert held(incidents) == expected


def live(source: int, offset: int, counts: dict[str, int]) -> bytes:
    """Return the partial of a source that counts vehicles of one operator."""
    zeros = [0] * len(counts)
    now = SlotCounts([*counts], ["north"] * len(counts), [*counts.values()], zeros, zeros, zeros, zeros)
    return codec.encode(
        FleetPartial(
            region=REGION,
            source=source,
            sources=SOURCES,
            generation=0,
            offset=offset,
            newest_ts=T0 + offset,
            watermark=T0,
            window_ms=MINUTE,
            now=now,
            windows=WindowCounts([], [], [], [], [], []),
        )
    )


def held(incidents: IncidentsState) -> dict[str, int]:
    """Return how many vehicles the fold holds to be available, by cell, from what it saves."""
    parts = incidents.take_changes().parts
    cells = {
        name.removeprefix("cell/"): part
        for name, part in parts.items()
        if name.startswith("cell/") and not name.startswith("cell/clock/")
    }
    return {
        cell: msgspec.msgpack.decode(part)[1]["north"][0] for cell, part in cells.items() if part is not None
    }
