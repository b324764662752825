"""Keeps what stands retained on MQTT as the folds of our partitions want it: see board.py and docs/adr/0028."""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence

from streams.errors import Fenced, ServiceUnavailable
from streams.fold.contract import MqttMessage, Output, Retaining
from streams.runtime.board import Board, Correction, Watch
from streams.runtime.mqtt import MqttPublisher
from streams.store.checkpoint import Claim, Store

log = logging.getLogger(__name__)

_INTERVAL_S = 2.0
_REST = 20  # times as long as a look took (CPU time), until the next
_CONFIRMED_WITHIN_S = 2.0
_SHOWN = 20


class Upkeep:
    """Looks at our part of the board; the stage says when, and holds its turn meanwhile."""

    def __init__(self, board: Board, mqtt: MqttPublisher, store: Store) -> None:
        self._board = board
        self._mqtt = mqtt
        self._store = store
        self._watches: dict[tuple[int, int], Watch] = {}
        self._under_way: set[str] = set()
        self._over: set[str] = set()
        self.rest_s = _INTERVAL_S
        """Until the next look."""

    def told(self, outputs: Iterable[Output]) -> None:
        """Hear of outputs that are about to be published."""
        self._under_way |= {message.topic for output in outputs for message in output.mqtt}

    def forget(self) -> None:
        """Forget which notices were wrong until now: another worker may soon own their partitions."""
        self._watches.clear()

    async def may_look(self, claims: Sequence[Claim]) -> bool:
        """Return whether all that stands is known, and the database confirms that these partitions are ours.

        It neither waits for a database that is away nor ends a worker that lost its partitions: the checkpoint does.
        """
        if not claims or not self._board.known(time.monotonic()):
            return False
        unwanted = {id_ for watch in self._watches.values() for id_ in watch.unwanted}
        try:
            await self._store.confirm(claims)
            self._over = unwanted - await self._store.open_now(unwanted)
        except (ServiceUnavailable, Fenced) as error:
            log.debug("retained messages on MQTT are not checked: %s", error)
            return False
        return True

    def look(self, owned: Iterable[tuple[Claim, Retaining, int]]) -> list[Correction]:
        """Return what is to be corrected; `owned` gives the claim, the fold and the reached offset of each partition.

        The caller has taken all outputs of the folds, and publishes them before the corrections.
        """
        begin = time.thread_time()
        watches, self._watches = self._watches, {}
        found = []
        for claim, fold, applied in owned:
            key = claim.partition, claim.epoch
            watch = self._watches[key] = watches.get(key) or Watch(claim.partition)
            found += watch.look(
                self._board.notices,
                fold.retained(),
                applied=applied,
                under_way=self._under_way,
                over=self._over,
            )
        self._under_way.clear()
        self.rest_s = max(_INTERVAL_S, _REST * (time.thread_time() - begin))
        return found

    async def put_right(self, corrections: Sequence[Correction]) -> None:
        """Publish corrections; a broker that does not confirm them is not waited for: we hear what becomes of them."""
        for one in corrections[:_SHOWN]:
            log.warning(
                "MQTT %r: found %s retained; %s",
                *(one.topic, one.stood or "nothing", "published again" if one.payload else "removed"),
            )
        if len(corrections) > _SHOWN:
            log.warning("MQTT: %d more topics repaired", len(corrections) - _SHOWN)
        messages = [MqttMessage(one.topic, one.payload, retain=True) for one in corrections]
        await asyncio.wait(self._mqtt.enqueue(messages), timeout=_CONFIRMED_WITHIN_S)
