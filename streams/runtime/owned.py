"""The partitions of one topic that this worker owns, and the events of them that wait for their acknowledgement."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from streams.fold.contract import Fold
from streams.runtime.beginning import Beginning
from streams.store.checkpoint import Claim

log = logging.getLogger(__name__)

_LONGEST_HOLD_S = 0.05  # so long folds are asked one after the other, until other tasks have their turn


@dataclass(slots=True)
class Owned:
    """A partition that this worker owns: its fold, how far it is, and the events not yet acknowledged.

    `applied` is the newest offset that was folded, `durable` the newest that is stored. `fed`: something was folded
    since it was opened. `spoilt`: something that its fold handed out was lost, so nothing of it may be stored any more.
    """

    claim: Claim
    fold: Fold
    applied: int
    durable: int
    fed: bool = False
    since: float = field(default_factory=time.monotonic)
    stored: float = field(default_factory=time.monotonic)
    beginning: Beginning = field(default_factory=Beginning)
    spoilt: bool = False
    unacked: deque[Any] = field(default_factory=deque)


class Holdings:
    """What is owned, by partition; and whether there is room for more events that wait for a checkpoint."""

    def __init__(self, stage: str, max_unacked_records: int) -> None:
        self._stage = stage
        self._most = max_unacked_records
        self._owned: dict[int, Owned] = {}
        self._waiting = 0
        self._room = asyncio.Event()
        self._room.set()

    def __iter__(self) -> Iterator[Owned]:
        """Yield what is owned now, however that changes meanwhile."""
        return iter(list(self._owned.values()))

    def get(self, partition: int) -> Owned | None:
        """Return a partition, None if it is not ours."""
        return self._owned.get(partition)

    def has(self, owned: Owned) -> bool:
        """Return whether this is owned still; a partition that was lost and came back is another."""
        return self._owned.get(owned.claim.partition) is owned

    def add(self, owned: Owned) -> None:
        """Own a partition from now on."""
        self._owned[owned.claim.partition] = owned

    async def one_by_one(self) -> AsyncIterator[Owned]:
        """Yield what we own. Where asking the folds takes long, the worker's other tasks get a turn in between.

        A fold in whose region 20,000 cells change takes half a second when their windows close.
        """
        since = time.monotonic()
        for owned in self:
            if time.monotonic() - since > _LONGEST_HOLD_S:
                await asyncio.sleep(0)
                since = time.monotonic()
            if self.has(owned):
                yield owned

    async def room(self) -> None:
        """Wait until fewer events wait than may."""
        await self._room.wait()

    def wait_for_checkpoint(self, owned: Owned, event: Any) -> None:
        """Have an event that was folded wait."""
        owned.unacked.append(event)
        self._waiting += 1
        if self._waiting >= self._most:
            self._room.clear()

    def release(self, events: Sequence[Any]) -> None:
        """Count out events that wait no longer: they are acknowledged, or were given up and come again."""
        self._waiting -= len(events)
        if self._waiting < self._most:
            self._room.set()

    def keep_only(self, partitions: Collection[int]) -> None:
        """Drop the other partitions; their next owner loads the checkpoint."""
        for partition in sorted(self._owned.keys() - partitions):
            owned = self._owned.pop(partition)
            self.release(owned.unacked)
            log.info("%s: partition %d handed over at offset %d", self._stage, partition, owned.durable)

    @contextmanager
    def nothing_lost(self) -> Iterator[None]:
        """Mark all partitions as spoilt if the body fails: outputs that were taken from their folds may be lost then.

        A worker that ends stores a last checkpoint as it hands over. It would move the offset past what was lost.
        """
        try:
            yield
        except BaseException:
            for owned in self:
                owned.spoilt = True
            raise
