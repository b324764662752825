"""Collects readings by Kafka partition and turns them into frames: JSON columns (design D1). Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any

from schemas import codec
from streams.gateway.kind import Kind
from streams.gateway.receipt import Receipt

Run = tuple[str, Receipt, int]
"""(owner, receipt, n): the next n readings came from that message of that owner."""


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
        self.readings: list[Any] = []
        self.runs: list[Run] = []
        self.since_ms = 0
        self.received_at = 0

    def take(self, n: int) -> tuple[list[Any], list[Run]]:
        """Remove and return the first `n` readings with their runs."""
        readings, self.readings = self.readings[:n], self.readings[n:]
        taken, self.runs = split_runs(self.runs, n)
        return readings, taken


class Framer:
    """Groups readings by kind and partition; a frame is due when it is full or has lingered.

    Within a partition, readings keep the order in which they were added. A frame holds at most `max_readings` and
    `max_bytes` of JSON, or a single reading.
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
    ) -> None:
        self._open = {kind: [_Open(kind, number) for number in range(partitions)] for kind in kinds}
        self._all = [waiting for of_kind in self._open.values() for waiting in of_kind]
        self._partition_of = partition_of
        self._max_readings = max_readings
        self._max_bytes = max_bytes
        self._linger_ms = linger_ms
        self._full: list[Frame] = []

    def add(
        self, kind: Kind[Any], owner: str, readings: Sequence[Any], receipt: Receipt, now_ms: int
    ) -> bool:
        """Take in the readings of one message; return whether they filled a frame, which is due at once."""
        of_kind, partition_of, id_of = self._open[kind], self._partition_of, kind.id_of
        if len(readings) == 1:
            return self._append(of_kind[partition_of(id_of(readings[0]))], owner, readings, receipt, now_ms)
        chunks: list[list[Any]] = [[] for _ in of_kind]
        take = [chunk.append for chunk in chunks]
        for number, reading in zip(map(partition_of, map(id_of, readings)), readings, strict=True):
            take[number](reading)
        filled = False
        for waiting, chunk in zip(of_kind, chunks, strict=True):
            if chunk:
                filled |= self._append(waiting, owner, chunk, receipt, now_ms)
        return filled

    def due(self, now_ms: int) -> list[Frame]:
        """Return the frames that are full or have lingered; when the clock was set back, all of them."""
        for waiting in self._all:
            if waiting.readings and not 0 <= now_ms - waiting.since_ms < self._linger_ms:
                self._close(waiting, len(waiting.readings))
        frames, self._full = self._full, []
        return frames

    def flush_all(self) -> list[Frame]:
        """Return everything that is held."""
        for waiting in self._all:
            if waiting.readings:
                self._close(waiting, len(waiting.readings))
        frames, self._full = self._full, []
        return frames

    def _append(
        self, waiting: _Open, owner: str, readings: Sequence[Any], receipt: Receipt, now_ms: int
    ) -> bool:
        if not waiting.readings:
            waiting.since_ms = now_ms
        waiting.readings += readings
        waiting.runs.append((owner, receipt, len(readings)))
        waiting.received_at = now_ms
        filled = len(waiting.readings) >= self._max_readings
        while len(waiting.readings) >= self._max_readings:
            self._close(waiting, self._max_readings)
            waiting.since_ms = now_ms
        return filled

    def _close(self, waiting: _Open, n: int) -> None:
        readings, runs = waiting.take(n)
        self._encode(waiting, readings, runs)

    def _encode(self, waiting: _Open, readings: list[Any], runs: list[Run]) -> None:
        received_at = waiting.received_at
        value = codec.encode(waiting.kind.frame(readings, owners_of(runs), received_at))
        if len(value) > self._max_bytes and len(readings) > 1:
            # Measuring beats estimating: ids of 64 characters and long texts are allowed, and rare.
            half = len(readings) // 2
            first, second = split_runs(runs, half)
            self._encode(waiting, readings[:half], first)
            self._encode(waiting, readings[half:], second)
            return
        receipts = tuple([(receipt, n) for _, receipt, n in runs])
        self._full.append(Frame(waiting.kind, waiting.partition, value, len(readings), received_at, receipts))


def split_runs(runs: list[Run], n: int) -> tuple[list[Run], list[Run]]:
    """Cut `runs` after `n` readings; the run that lies across the cut is divided."""
    covered = 0
    for index, (owner, receipt, count) in enumerate(runs):
        if covered + count >= n:
            inside = n - covered
            first = [*runs[:index], (owner, receipt, inside)]
            rest = [(owner, receipt, count - inside)] if count > inside else []
            return first, [*rest, *runs[index + 1 :]]
        covered += count
    raise ValueError(f"cannot cut after {n} readings; the runs hold {covered}")


def owners_of(runs: list[Run]) -> str | list[str]:
    """Return the owner of each reading, or the one owner of all."""
    if len({owner for owner, _, _ in runs}) == 1:
        return runs[0][0]
    return list(chain.from_iterable(repeat(owner, n) for owner, _, n in runs))
