"""What the gateway must know of one kind of input; everything else is the same for vehicles, sensors and requests."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import msgspec

from schemas.rejected import Reason
from streams.bounds import Bounds

Broken = tuple[Reason, str]
"""The reason and the detail of a broken rule."""


class Target(msgspec.Struct, frozen=True):
    """What an MQTT topic says about the readings in its messages; `entity` is None where it names none."""

    kind: "Kind[Any]"
    owner: str
    entity: str | None


class Allowed(msgspec.Struct, frozen=True):
    """The times and places that readings may name."""

    latest_ms: int
    """The gateway's clock plus the margin that publishers' clocks are granted."""
    bounds: Bounds


class Packed(Protocol):
    """Readings of a large array, not made into objects."""

    def __len__(self) -> int:
        """Return how many they are."""
        ...

    def __getitem__(self, part: slice, /) -> Self:
        """Return some of them."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield them as objects."""
        ...

    def split(self, partitions: int) -> Sequence[Self]:
        """Return those of each partition."""
        ...


class Packing(Protocol):
    """A quick way past `many`, `all_sound` and `frame` of a kind for what is ordinary; they say what is right."""

    def pack(self, array: bytes, owner: str, allowed: Allowed) -> Packed | None:
        """Return the readings of an array where none breaks any rule; None where that is not certain."""
        ...

    def pack_sound(self, readings: Sequence[Any]) -> Packed | None:
        """Return readings that break no rule, of any owners; None where some are out of the ordinary."""
        ...

    def frame(self, parts: Sequence[Any], owner: str | list[str], received_at: int) -> msgspec.Struct:
        """Return the frame that carries the readings of several parts, packed by this."""
        ...


Readings = list[Any] | Packed
"""Readings of one message that break no rule, in its order."""


@dataclass(frozen=True, slots=True, eq=False)
class Kind[R]:
    """One kind of input, with R the type of its readings: how they are named, decoded, checked and framed."""

    name: str
    """The level of the MQTT topic that names it: ub/v1/{owner}/{name}."""
    tail: tuple[str, ...] | None
    """What follows the id in the topic of one entity; None: there is no such topic."""
    id_field: str
    owner_field: str
    kafka_topic: str
    envelope_type: str
    one: msgspec.json.Decoder[R]
    many: msgspec.json.Decoder[list[R]]
    id_of: Callable[[R], str]
    """The id by which readings are placed on partitions."""
    rules: tuple[Callable[[R, Allowed], Broken | None], ...]
    """(reading, allowed): what a reading must satisfy besides the rules about ids. The authority."""
    all_sound: Callable[[Sequence[R], Target, Allowed], bool]
    """(readings, target, allowed): whether none breaks any rule; in front of the rules, and quick."""
    frame: Callable[[Sequence[R], str | list[str], int], msgspec.Struct]
    """(readings, owner or owners, received_at): the frame that carries them."""
    packing: Packing | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        """The MQTT topics, with the names of their parameters."""
        many = f"ub/v1/{{{self.owner_field}}}/{self.name}"
        if self.tail is None:
            return (many,)
        return many, "/".join((many, f"{{{self.id_field}}}", *self.tail))
