"""A log with owners one after another, each further back than the one before; former ones may not know that they are.

What tests/property/rides.py does to a whole city, this does to one partition, with all that lies between two commits:
a checkpoint is told, and stored later or never; an owner takes over in between and goes on in steps of its own; a
former one is dead, or folds and tells on until its commit is refused. The listener holds, of each row, what was told at
the highest place in the log, as the grid does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import msgspec
from hypothesis import strategies as st

from schemas import codec
from streams import topics
from streams.fold.contract import Changes, Fold, Output, Record, Restored
from tests.pipeline import FAR_FUTURE
from tests.property.road import Tables

Rows = Mapping[str, Sequence[Any]]
OpenFold = Callable[[Restored, Rows | None], Fold]
Row = tuple[Any, ...]

Deed = tuple[str, int]
"""What happens, and of how many records."""

_TOLD = st.sampled_from(
    (
        *([("tell", 1)], [("checkpoint", 1)]),
        *3 * ([("checkpoint", 1), ("store", 1)],),
        *([("zombie folds", 1), ("zombie tells", 1)], [("zombie tells", 3)]),
    )
)
_STEP = st.tuples(st.integers(0, 3), _TOLD).map(lambda step: [("fold", step[0]), *step[1]])
_ERA = st.lists(_STEP, max_size=6).map(lambda steps: [deed for step in steps for deed in step])


def days() -> st.SearchStrategy[list[Deed]]:
    """Draw what up to four owners do; the last one too stops on its way, for what it tells at its end heals much."""
    ends = st.sampled_from(("take over", "die"))
    eras = st.lists(st.tuples(ends, _ERA), min_size=2, max_size=4)
    return eras.map(lambda some: [deed for end, era in some for deed in [(end, 1), *era]][1:])


def thrown(dice: Random) -> list[Deed]:
    """Throw the dice for what two to four owners do: each but the last tells in the end what it does not store."""
    stored = [("checkpoint", 1), ("store", 1)]
    day: list[Deed] = []
    for _ in range(dice.randint(1, 3)):
        if dice.random() < 0.5:
            for _ in range(dice.randint(0, 3)):
                day += [("fold", dice.randint(0, 3)), *dice.choice(([("tell", 1)], stored, stored))]
            for _ in range(dice.randint(1, 2)):
                day += [("fold", dice.randint(1, 2)), (dice.choice(("tell", "checkpoint", "checkpoint")), 1)]
        else:  # a short life, which ends with a guess at what waits
            day += [("fold", dice.randint(1, 3)), *stored, *dice.choice(([], [("checkpoint", 1)]))]
        day.append((dice.choice(("take over", "die")), 1))
        if dice.random() < 0.3:
            day += [("zombie folds", 1), ("zombie tells", dice.randint(1, 4))]
    for _ in range(dice.randint(1, 5)):
        day += [("fold", dice.randint(0, 1)), *dice.choice(([("tell", 1)], stored, stored))]
    return day


@dataclass(slots=True)
class Owner:
    """A fold that has met the log up to `offset`. `pending`: a checkpoint that was told and is not stored."""

    fold: Fold
    offset: int
    pending: tuple[int, Changes] | None = None
    over: bool = False


class Listener:
    """Holds the newest word on each row, by the place in the log at which it was said."""

    def __init__(self) -> None:
        self.words: dict[Row, tuple[tuple[int, ...], Row]] = {}

    def hear(self, outputs: Sequence[Output]) -> None:
        """Take partials in."""
        for output in outputs:
            if output.topic != topics.PARTIALS:
                continue
            partial = codec.partial.decode(output.value)
            order = order_of(partial)
            self._take("window", 3, (*order, getattr(partial, "provisional", False)), partial.windows)
            if hasattr(partial, "now"):
                self._take("now", 2, order, partial.now)

    def _take(self, what: str, keys: int, order: tuple[int, ...], table: msgspec.Struct) -> None:
        for row in zip(*msgspec.structs.astuple(table), strict=True):
            key = what, *row[:keys]
            if order >= self.words.get(key, ((-1,), ()))[0]:
                self.words[key] = order, _hashable(row[keys:])

    def rows(self) -> dict[Row, Row]:
        """Return the rows that say anything."""
        return {key: row for key, (_, row) in self.words.items() if any(row)}


def order_of(partial: Any) -> tuple[int, ...]:
    """Return the place in the log at which a partial was said."""
    return partial.generation, partial.offset


def _hashable(row: Sequence[Any]) -> Row:
    return tuple(tuple(value) if isinstance(value, list) else value for value in row)


class Partition:
    """One partition of a stage whose own table is `own`, its log, its checkpoint and its owners."""

    def __init__(self, topic: str, own: str, open_fold: OpenFold, log: Sequence[bytes]) -> None:
        self.topic, self.own, self.log = topic, own, log
        self._open_fold = open_fold
        self.database = Tables()
        self.listener = Listener()
        self.owners: list[Owner] = []
        self.take_over()

    def take_over(self) -> None:
        """Begin at the checkpoint, while the owner before may be alive."""
        start = self.database.restored("it", 0)
        self.owners.append(Owner(self._open_fold(start, self.database.rows(self.own, 0)), start.offset))

    def fold(self, owner: Owner, most: int) -> None:
        """Have an owner meet some more of the log."""
        for offset in range(owner.offset + 1, min(owner.offset + most, len(self.log) - 1) + 1):
            owner.fold.apply(Record(self.topic, 0, offset, self.log[offset], FAR_FUTURE))
            owner.offset = offset

    def tell(self, owner: Owner, *, at_checkpoint: bool) -> None:
        """Have an owner tell; at a checkpoint what is to be stored is pending from then on."""
        self.listener.hear(owner.fold.take_outputs(at_checkpoint=at_checkpoint))
        if at_checkpoint:
            owner.pending = owner.offset, owner.fold.take_changes()

    def store(self, owner: Owner) -> None:
        """Store what is pending; the commit of a former owner is refused, and it ends."""
        if owner.pending is not None and owner is self.owners[-1]:
            self.database.commit("it", *owner.pending)
        owner.over = owner is not self.owners[-1]
        owner.pending = None

    def run(self, day: Sequence[Deed]) -> dict[Row, Row]:
        """Do what a day brings; the last owner comes to the end of the log, and is heard. Returns what is held."""
        for deed, number in day:
            newest = self.owners[-1]
            zombies = [owner for owner in self.owners[:-1] if not owner.over]
            match deed:
                case "fold":
                    self.fold(newest, number)
                case "tell":
                    self.tell(newest, at_checkpoint=False)
                case "checkpoint" if newest.pending is None:
                    self.tell(newest, at_checkpoint=True)
                case "store":
                    self.store(newest)
                case "take over":
                    self.take_over()
                case "die":
                    newest.over = True
                    self.take_over()
                case "zombie folds" if zombies:
                    self.fold(zombies[-1], number)
                case "zombie tells" if zombies:
                    self.tell(zombies[-1], at_checkpoint=zombies[-1].pending is None and number > 2)
                case _:
                    pass
        self.settle()
        for owner in self.owners[:-1]:  # whoever slept wakes up when all is at rest, and has a last word
            if not owner.over and owner.pending is None:
                self.tell(owner, at_checkpoint=True)
        return self.listener.rows()

    def settle(self) -> None:
        """Have the newest owner come to the end, with checkpoints until nothing is left to be told."""
        newest = self.owners[-1]
        self.store(newest)
        self.fold(newest, len(self.log))
        for _ in range(2):
            self.tell(newest, at_checkpoint=True)
            self.store(newest)
