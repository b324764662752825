"""Rows put in order of time: in memory while they are few, otherwise in sorted runs on disk that are merged."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from itertools import islice
from typing import BinaryIO

import msgspec

from sensors_sim.columns import Mixed
from sensors_sim.errors import SourceError
from sensors_sim.requests.events import Event
from sensors_sim.sources.contract import Listener, Report, unheard
from sensors_sim.told import About, Position, Reading, Row, Told

BATCH = 5_000
RUN = 250_000
"""Rows in memory, some 500 bytes each; a run on disk has as many."""
HEARD = 10_000
"""Rows, after which who waits hears of them; a second or less."""
_BLOCK = 2_000

Owned = tuple[str, About, Row]
Sift = Callable[[Iterable[Owned]], Iterator[Owned]]

_encoder = msgspec.msgpack.Encoder()
_blocks = msgspec.msgpack.Decoder(list[tuple[str, About, msgspec.Raw]])
_rows: Mapping[About, msgspec.msgpack.Decoder[Row]] = {
    "vehicles": msgspec.msgpack.Decoder(Position),
    "sensors": msgspec.msgpack.Decoder(Reading),
    "requests": msgspec.msgpack.Decoder(Event),
}


class Held:
    """Rows of several owners as they are found; `batches` hands them out by time, at equal times as they were added.

    With `repeats`, a row that says exactly what another one said is left out, and counted there. `sift` may leave out
    more of them, or tell them otherwise, at their own times. `listener` hears how many there are.
    """

    def __init__(
        self,
        repeats: Report | None = None,
        run: int = RUN,
        sift: Sift | None = None,
        listener: Listener = unheard,
    ) -> None:
        self._listener = listener
        self._repeats = repeats
        self._sift = sift
        self._run = run
        self._rows: list[Owned] = []
        self._runs: list[BinaryIO] = []
        self.start_ms: int | None = None
        self.end_ms: int | None = None

    def add(self, owner: str, about: About, row: Row) -> None:
        """Take in a row. Raises SourceError where it can be kept neither in memory nor on disk."""
        self._rows.append((owner, about, row))
        self.start_ms = row.ts if self.start_ms is None else min(self.start_ms, row.ts)
        self.end_ms = row.ts if self.end_ms is None else max(self.end_ms, row.ts)
        if len(self._rows) % HEARD == 0:
            self._listener(len(self._runs) * self._run + len(self._rows))
        if len(self._rows) >= self._run:
            self._spill()

    def batches(self) -> Iterator[Mixed]:
        """Yield all rows, BATCH at a time."""
        self._rows.sort(key=_time)
        rows = merge(*map(_stored, self._runs), self._rows, key=_time)
        wanted = rows if self._repeats is None else _once(rows, self._repeats)
        if self._sift is not None:
            wanted = self._sift(wanted)
        while batch := list(islice(wanted, BATCH)):
            yield _columns(batch)

    def _spill(self) -> None:
        self._rows.sort(key=_time)
        try:
            self._runs.append(_written(self._rows))
        except OSError as error:
            folder = tempfile.tempdir or "any folder"  # None where Python found none that it can write to
            raise SourceError(
                f"cannot put the rows in order: no temporary file in {folder} "
                f"({error.strerror or error}); set TMPDIR to a folder with room for the rows once more"
            ) from None
        self._rows = []


def _time(owned: Owned) -> int:
    return owned[2].ts


def _written(rows: list[Owned]) -> BinaryIO:
    """Return a file of rows, as _stored reads it. Raises OSError."""
    run = tempfile.TemporaryFile(prefix="urbanbrain-feed-")  # noqa: SIM115 - it lives as long as its Held, and has no name
    try:
        for first in range(0, len(rows), _BLOCK):
            block = _encoder.encode(rows[first : first + _BLOCK])
            run.write(len(block).to_bytes(8) + block)
        run.flush()
    except OSError:
        run.close()
        raise
    return run


def _stored(run: BinaryIO) -> Iterator[Owned]:
    run.seek(0)
    while head := run.read(8):
        for owner, about, row in _blocks.decode(run.read(int.from_bytes(head))):
            yield owner, about, _rows[about].decode(row)


def _once(rows: Iterable[Owned], report: Report) -> Iterator[Owned]:
    """Leave out exact repeats: they have the same time, so one time's rows are remembered."""
    ts, said = 0, set[Owned]()
    for owned in rows:
        row = owned[2]
        if row.ts != ts:
            ts, said = row.ts, set()
        if owned in said:
            report.skip("repeat", f"{getattr(row, row.__struct_fields__[0])} at {ts}")
            continue
        said.add(owned)
        yield owned


def _columns(rows: list[Owned]) -> Mixed:
    """Return rows, which are in order of time, as columns of each owner."""
    parts: dict[tuple[str, About], list[Row]] = {}
    for owner, about, row in rows:
        parts.setdefault((owner, about), []).append(row)
    return Mixed.of([Told.of(owner, about, found) for (owner, about), found in parts.items()])
