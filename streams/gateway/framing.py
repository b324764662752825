"""Collects readings by Kafka partition and turns them into frames: JSON columns (ADR 0001). Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, repeat
from typing import Any

import msgspec

from schemas import codec
from streams.gateway.kind import Kind, Packed, Readings
from streams.gateway.receipt import Receipt

Run = tuple[str, Receipt, Readings]
"""(owner, receipt, readings): the next readings, at least one, came from that message of that owner."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One encoded frame; `receipts` says how many of its readings came from which message."""

    kind: Kind[Any]
    partition: int
    value: bytes
    readings: int
    received_at: int
    receipts: tuple[tuple[Receipt, int], ...]


class _Open:
    """The readings of one kind and partition that are not yet in a frame, in order of arrival."""

    __slots__ = ("kind", "partition", "readings", "received_at", "runs", "since_ms")

    def __init__(self, kind: Kind[Any], partition: int) -> None:
        self.kind = kind
        self.partition = partition
        self.runs: list[Run] = []
        self.readings = 0
        """How many there are."""
        self.since_ms = 0
        self.received_at = 0

    def take(self, n: int) -> list[Run]:
        """Remove and return the first `n` readings."""
        taken, self.runs = split_runs(self.runs, n)
        self.readings -= n
        return taken


class Framer:
    """Groups readings by kind and partition; a frame is due when it is full or has lingered.

    Within a partition, readings keep the order in which they were added. A frame holds at most `max_readings` and
    `max_bytes` of JSON, or a single reading. `due` is asked every `look_ms`, so a frame lingers for `linger_ms` more or
    less, by half of that. `partition_of` says where an id belongs as packed readings know it, which
    is as Kafka's own producer does (partition.py).
    """

    def __init__(
        self,
        kinds: Sequence[Kind[Any]],
        partitions: int,
        partition_of: Callable[[str], int],
        *,
        max_readings: int,
        max_bytes: int,
        linger_ms: int,
        look_ms: int = 0,
    ) -> None:
        self._open = {kind: [_Open(kind, number) for number in range(partitions)] for kind in kinds}
        self._all = [waiting for of_kind in self._open.values() for waiting in of_kind]
        self._partition_of = partition_of
        self._max_readings = max_readings
        self._max_bytes = max_bytes
        self._linger_ms = linger_ms - look_ms // 2
        self._full: list[Frame] = []

    def add(self, kind: Kind[Any], owner: str, readings: Readings, receipt: Receipt, now_ms: int) -> bool:
        """Take in the readings of one message; return whether they filled a frame, which is due at once."""
        of_kind = self._open[kind]
        if isinstance(readings, list) and len(readings) == 1:
            number = self._partition_of(kind.id_of(readings[0]))
            return self._append(of_kind[number], owner, readings, receipt, now_ms)
        filled = False
        for waiting, chunk in zip(of_kind, self._split(kind, readings), strict=True):
            if chunk:
                filled |= self._append(waiting, owner, chunk, receipt, now_ms)
        return filled

    def _split(self, kind: Kind[Any], readings: Readings) -> Sequence[Readings]:
        if not isinstance(readings, list):
            return readings.split(len(self._open[kind]))
        chunks: list[list[Any]] = [[] for _ in self._open[kind]]
        take = [chunk.append for chunk in chunks]
        for number, reading in zip(map(self._partition_of, map(kind.id_of, readings)), readings, strict=True):
            take[number](reading)
        return chunks

    def due(self, now_ms: int) -> list[Frame]:
        """Return the frames that are full or have lingered; when the clock was set back, all of them."""
        for waiting in self._all:
            if waiting.readings and not 0 <= now_ms - waiting.since_ms < self._linger_ms:
                self._close(waiting, waiting.readings)
        frames, self._full = self._full, []
        return frames

    def flush_all(self) -> list[Frame]:
        """Return everything that is held."""
        for waiting in self._all:
            if waiting.readings:
                self._close(waiting, waiting.readings)
        frames, self._full = self._full, []
        return frames

    def _append(self, waiting: _Open, owner: str, readings: Readings, receipt: Receipt, now_ms: int) -> bool:
        if not waiting.readings:
            waiting.since_ms = now_ms
        waiting.readings += len(readings)
        waiting.runs.append((owner, receipt, readings))
        waiting.received_at = now_ms
        filled = waiting.readings >= self._max_readings
        while waiting.readings >= self._max_readings:
            self._close(waiting, self._max_readings)
            waiting.since_ms = now_ms
        return filled

    def _close(self, waiting: _Open, n: int) -> None:
        self._encode(waiting, waiting.take(n), n)

    def _encode(self, waiting: _Open, runs: list[Run], n: int) -> None:
        received_at = waiting.received_at
        value = codec.encode(_frame(waiting.kind, runs, received_at))
        if len(value) > self._max_bytes and n > 1:
            # Measuring beats estimating: ids of 64 characters and long texts are allowed, and rare.
            half = n // 2
            first, second = split_runs(runs, half)
            self._encode(waiting, first, half)
            self._encode(waiting, second, n - half)
            return
        receipts = tuple([(receipt, len(readings)) for _, receipt, readings in runs])
        self._full.append(Frame(waiting.kind, waiting.partition, value, n, received_at, receipts))


def _frame(kind: Kind[Any], runs: list[Run], received_at: int) -> msgspec.Struct:
    """Return the frame of some runs. Where any of them is packed, the others are packed too."""
    parts = [readings for _, _, readings in runs]
    packed = _packed(kind, parts)
    if kind.packing is not None and packed is not None:
        return kind.packing.frame(packed, owners_of(runs), received_at)
    return kind.frame(list(chain.from_iterable(parts)), owners_of(runs), received_at)


def _packed(kind: Kind[Any], parts: list[Readings]) -> list[Packed] | None:
    """Return readings packed, in their order; None where none of them are yet, or some cannot be."""
    packed: list[Packed] = []
    if kind.packing is None or all(isinstance(part, list) for part in parts):
        return None
    for is_list, some in groupby(parts, lambda part: isinstance(part, list)):
        if is_list:
            together = kind.packing.pack_sound(list(chain.from_iterable(some)))
            if together is None:
                return None
            packed.append(together)
        else:
            packed += [part for part in some if not isinstance(part, list)]
    return packed


def split_runs(runs: list[Run], n: int) -> tuple[list[Run], list[Run]]:
    """Cut `runs` after `n` readings; the run that lies across the cut is divided."""
    covered = 0
    for index, (owner, receipt, readings) in enumerate(runs):
        inside = n - covered
        if inside <= len(readings):
            first = [*runs[:index], (owner, receipt, readings[:inside])]
            rest = [(owner, receipt, readings[inside:])] if inside < len(readings) else []
            return first, [*rest, *runs[index + 1 :]]
        covered += len(readings)
    raise ValueError(f"cannot cut after {n} readings; the runs hold {covered}")


def owners_of(runs: list[Run]) -> str | list[str]:
    """Return the owner of each reading, or the one owner of all."""
    if len({owner for owner, _, _ in runs}) == 1:
        return runs[0][0]
    return list(chain.from_iterable(repeat(owner, len(readings)) for owner, _, readings in runs))
