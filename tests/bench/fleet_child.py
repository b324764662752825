"""One real worker process with the fleet stage alone, and a stopwatch around its fold and its commits.

Run with the settings of a worker in the environment. After every commit it reports when it folded the first frame
of each burst and the newest one, and all commits with the readings durable by then; it is ended by a signal.
With `layers` it also reports what was spent on what. Asking the clock for each frame costs some 2 % of all.
"""

import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from streams import settings, worker
from streams.fleet.state import FleetState
from streams.fold.contract import Record
from streams.runtime.publisher import Publisher
from streams.store.checkpoint import PartitionCommit, Store
from streams.warm import warm
from tests.bench import marks
from tests.bench.marks import Mark
from tests.bench.stopwatch import Seconds, Stopwatch, difference

FOLD, OUTPUTS, CHANGES, COMMIT, PUBLISH = "apply", "take_outputs", "take_changes", "commit", "publish"
"""Names of the parts that are timed."""
_BURST_S = 0.2
"""Frames that come after so long a silence are a new burst."""


class Diary:
    """Marks the first fold of each burst, the last fold, and every commit; and what was spent on what."""

    def __init__(self, *, layers: bool) -> None:
        self.bursts: list[Mark] = []
        self.last_s = 0.0  # the wall clock alone: what is asked for each frame must cost next to nothing
        self.commits: list[Mark] = []
        self._received: dict[int, int] = {}
        self._stopwatch = Stopwatch()
        self._at_first: Seconds | None = None
        if layers:
            for method, name in (("apply", FOLD), ("take_outputs", OUTPUTS), ("take_changes", CHANGES)):
                self._stopwatch.time_method(FleetState, method, name)
            self._stopwatch.time_coroutine(Store, "commit", COMMIT)
            self._stopwatch.time_coroutine(Publisher, "publish", PUBLISH)

    def around_apply(self, apply: Callable[[FleetState, Record], None]) -> Any:
        """Wrap FleetState.apply."""

        def timed(fold: FleetState, record: Record) -> None:
            if time.time() - self.last_s > _BURST_S:
                self.bursts.append(marks.now())
                self._at_first = self._at_first or self._stopwatch.snapshot()
            apply(fold, record)
            self.last_s = time.time()

        return timed

    def around_commit(self, commit: Callable[[Store, Sequence[PartitionCommit]], Awaitable[None]]) -> Any:
        """Wrap Store.commit."""

        async def timed(store: Store, commits: Sequence[PartitionCommit]) -> None:
            await commit(store, commits)
            for one in commits:
                if one.changes.ledger is not None:
                    self._received[one.claim.partition] = one.changes.ledger.received
            self.commits.append(marks.now(sum(self._received.values())))
            self._report()

        return timed

    def _report(self) -> None:
        bursts, commits = ([asdict(mark) for mark in found] for found in (self.bursts, self.commits))
        layers = difference(self._at_first or {}, self._stopwatch.snapshot())
        marks.report(bursts=bursts, last_s=self.last_s, commits=commits, layers=layers)


def _nothing() -> None:
    """Do nothing."""


def main() -> int:
    """Be a worker."""
    warm()  # before the stopwatch: it folds something too
    worker.warm = _nothing
    diary = Diary(layers=marks.spec()["layers"])
    FleetState.apply = diary.around_apply(FleetState.apply)  # type: ignore[method-assign]
    Store.commit = diary.around_commit(Store.commit)  # type: ignore[method-assign]
    return worker.run_worker(settings.load())


if __name__ == "__main__":
    sys.exit(main())
