"""Collects readings by Kafka partition and turns them into frames: JSON columns (design D1). Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from schemas import codec
from schemas.vehicles import VehicleFrame, VehiclePosition
from streams.gateway.receipt import Receipt

Run = tuple[str, Receipt, int]
"""(operator, receipt, n): the next n readings came from that message of that operator."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One encoded frame; `receipts` says how many of its readings came from which message."""

    partition: int
    value: bytes
    readings: int
    received_at: int
    receipts: tuple[tuple[Receipt, int], ...]


class _Open:
    """The readings of one partition that are not yet in a frame, in order of arrival."""

    __slots__ = ("readings", "received_at", "runs", "since_ms")

    def __init__(self) -> None:
        self.readings: list[VehiclePosition] = []
        self.runs: list[Run] = []
        self.since_ms = 0
        self.received_at = 0

    def take(self, n: int) -> tuple[list[VehiclePosition], list[Run]]:
        """Remove and return the first `n` readings with their runs."""
        readings, self.readings = self.readings[:n], self.readings[n:]
        taken, self.runs = split_runs(self.runs, n)
        return readings, taken


class Framer:
    """Groups readings by partition; a frame is due when it is full or has lingered.

    Within a partition, readings keep the order in which they were added. A frame holds at most
    `max_readings` and `max_bytes` of JSON; one reading alone is below any `max_bytes` that settings allow.
    """

    def __init__(
        self,
        partitions: int,
        partition_of: Callable[[str], int],
        *,
        max_readings: int,
        max_bytes: int,
        linger_ms: int,
    ) -> None:
        self._open = [_Open() for _ in range(partitions)]
        self._partition_of = partition_of
        self._max_readings = max_readings
        self._max_bytes = max_bytes
        self._linger_ms = linger_ms
        self._full: list[Frame] = []

    @property
    def has_full(self) -> bool:
        """Whether `due` would return frames whatever the time."""
        return bool(self._full)

    def add(self, operator: str, readings: Sequence[VehiclePosition], receipt: Receipt, now_ms: int) -> None:
        """Take in the readings of one message, or some of them."""
        if len(readings) == 1:
            self._append(self._partition_of(readings[0].vehicle_id), operator, readings, receipt, now_ms)
            return
        partition_of = self._partition_of
        chunks: list[list[VehiclePosition]] = [[] for _ in self._open]
        for reading in readings:
            chunks[partition_of(reading.vehicle_id)].append(reading)
        for partition, chunk in enumerate(chunks):
            if chunk:
                self._append(partition, operator, chunk, receipt, now_ms)

    def due(self, now_ms: int) -> list[Frame]:
        """Return the frames that are full or have lingered; when the clock was set back, all of them."""
        for partition, waiting in enumerate(self._open):
            if waiting.readings and not 0 <= now_ms - waiting.since_ms < self._linger_ms:
                self._close(partition, len(waiting.readings))
        frames, self._full = self._full, []
        return frames

    def flush_all(self) -> list[Frame]:
        """Return everything that is held."""
        for partition, waiting in enumerate(self._open):
            if waiting.readings:
                self._close(partition, len(waiting.readings))
        frames, self._full = self._full, []
        return frames

    def _append(
        self,
        partition: int,
        operator: str,
        readings: Sequence[VehiclePosition],
        receipt: Receipt,
        now_ms: int,
    ) -> None:
        waiting = self._open[partition]
        if not waiting.readings:
            waiting.since_ms = now_ms
        waiting.readings += readings
        waiting.runs.append((operator, receipt, len(readings)))
        waiting.received_at = now_ms
        while len(waiting.readings) >= self._max_readings:
            self._close(partition, self._max_readings)
            waiting.since_ms = now_ms

    def _close(self, partition: int, n: int) -> None:
        waiting = self._open[partition]
        readings, runs = waiting.take(n)
        self._encode(partition, readings, runs, waiting.received_at)

    def _encode(
        self, partition: int, readings: list[VehiclePosition], runs: list[Run], received_at: int
    ) -> None:
        value = codec.encode(to_columns(readings, runs, received_at))
        if len(value) > self._max_bytes and len(readings) > 1:
            # Measuring beats estimating: ids of 64 characters are allowed, and rare.
            half = len(readings) // 2
            first, second = split_runs(runs, half)
            self._encode(partition, readings[:half], first, received_at)
            self._encode(partition, readings[half:], second, received_at)
            return
        receipts = tuple((receipt, n) for _, receipt, n in runs)
        self._full.append(Frame(partition, value, len(readings), received_at, receipts))


def split_runs(runs: list[Run], n: int) -> tuple[list[Run], list[Run]]:
    """Cut `runs` after `n` readings; the run that lies across the cut is divided."""
    covered = 0
    for index, (operator, receipt, count) in enumerate(runs):
        if covered + count >= n:
            inside = n - covered
            first = [*runs[:index], (operator, receipt, inside)]
            rest = [(operator, receipt, count - inside)] if count > inside else []
            return first, [*rest, *runs[index + 1 :]]
        covered += count
    raise ValueError(f"cannot cut after {n} readings; the runs hold {covered}")


def to_columns(readings: list[VehiclePosition], runs: list[Run], received_at: int) -> VehicleFrame:
    """Transpose `readings`; a column of one value throughout is written as that value."""
    operators = {operator for operator, _, _ in runs}
    if len(operators) == 1:
        operator: str | list[str] = runs[0][0]
    else:
        operator = list(chain.from_iterable(repeat(name, n) for name, _, n in runs))
    return VehicleFrame(
        vehicle_id=[reading.vehicle_id for reading in readings],
        ts=[reading.ts for reading in readings],
        lat=[reading.lat for reading in readings],
        lon=[reading.lon for reading in readings],
        operator=operator,
        received_at=received_at,
        vehicle_state=_collapse([reading.vehicle_state for reading in readings]),
        vehicle_type=_collapse([reading.vehicle_type for reading in readings]),
        battery_percent=_collapse([reading.battery_percent for reading in readings]),
    )


def _collapse[T](column: list[T]) -> T | list[T]:
    first = column[0]
    return first if column.count(first) == len(column) else column
