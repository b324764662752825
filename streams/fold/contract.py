"""The contract between a pure fold and the runtime that feeds, checkpoints and publishes it.

A stage is a fold over one Kafka partition: a deterministic function of the records up to an
offset. It never awaits and never asks the clock. The runtime (streams/runtime) loads it from its
checkpoint, feeds it records, publishes what it hands out, and stores what changed together
with the offset in one transaction. docs/architecture.md says why.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as a fold sees it; `timestamp` is Kafka's, milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    value: bytes
    timestamp: int


@dataclass(frozen=True, slots=True)
class MqttMessage:
    """One MQTT message to publish at QoS 1; an empty retained payload clears what is retained."""

    topic: str
    payload: bytes
    retain: bool


@dataclass(frozen=True, slots=True)
class Output:
    """One Kafka record to publish, and the MQTT messages that go with it, in order.

    Repeats after a crash are harmless: consumers key on `id_` or keep the newest.
    """

    topic: str
    key: str
    value: bytes
    type_: str
    id_: str
    time_ms: int
    mqtt: tuple[MqttMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to upsert into one table of schema ub: columns of equal length, newest value per key.

    With `delete` the columns are the key of rows to delete; deletions come before all upserts.
    """

    table: str
    columns: Mapping[str, Sequence[Any]]
    delete: bool = False

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Readings of one source partition since its beginning: received = applied + superseded + rejected."""

    received: int = 0
    applied: int = 0
    superseded: int = 0
    rejected: int = 0


@dataclass(slots=True)
class Changes:
    """What changed since the last call: rows of tables, and named parts of the fold's own state.

    A part whose value is None is deleted.
    """

    rows: list[Rows] = field(default_factory=list)
    parts: dict[str, bytes | None] = field(default_factory=dict)
    ledger: Ledger | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What a fold starts from. `generation` grows when the topic was rebuilt and offsets began anew.

    `epoch` grows with each owner of the partition.
    """

    partition: int
    generation: int
    offset: int
    parts: Mapping[str, bytes]
    ledger: Ledger
    epoch: int = 0


class Fold(Protocol):
    """A stage's state for one partition."""

    def apply(self, record: Record) -> None:
        """Fold one record in. Never raises on bad input: that becomes an output on ub.rejected."""
        ...

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return what is to be published since the last call.

        Called every few milliseconds; with `at_checkpoint` about once a second, for what can wait.
        """
        ...

    def take_changes(self) -> Changes:
        """Return what is to be stored since the last call."""
        ...

    def idle(self, wall_ms: int) -> None:
        """Told about every tick: `wall_ms` is a monotonic clock in milliseconds, for time-outs of silence only.

        It stands still while the worker was held up and could hear nobody.
        """
        ...


@runtime_checkable
class Portioned(Protocol):
    """A fold that hands out much at once in portions."""

    def has_more(self) -> bool:
        """Return whether `take_outputs` left something that it hands out soon, without another record."""
        ...


@runtime_checkable
class Awaited(Protocol):
    """A fold whose silence others take for a sign that nothing comes, so that they wait for it no longer."""

    def wait_to_be_read(self) -> None:
        """Told after `idle` where the partition has records that were not folded yet."""
        ...


@runtime_checkable
class Retaining(Protocol):
    """A fold that keeps messages retained on MQTT."""

    def retained(self) -> Mapping[str, Sequence[bytes]]:
        """Return what ought to stand on each topic once all outputs are published: any of these, at best the first."""
        ...
