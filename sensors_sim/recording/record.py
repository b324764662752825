"""One recorded message, and the line of JSON that it is in a file (docs/recordings.md, "Lines")."""

from dataclasses import dataclass, replace
from typing import Self

import msgspec

from sensors_sim.not_json import NOT_JSON

Header = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A message as it arrived. What only Kafka knows is None, or empty, for one from MQTT, and the other way round.

    at         when it arrived, microseconds since the epoch, by the recorder's clock; it never goes back
    payload    its bytes; None is Kafka's null value (a tombstone)
    timestamp  Kafka's time of the record, milliseconds since the epoch
    retain     MQTT's flag, as it was published
    """

    at: int
    topic: str
    payload: bytes | None
    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None
    key: bytes | None = None
    headers: tuple[Header, ...] = ()
    retain: bool = False

    def with_payload(self, payload: bytes) -> Self:
        """Return a copy with another payload."""
        return replace(self, payload=payload)


class _Header(msgspec.Struct, array_like=True, omit_defaults=True):
    name: str
    value: str | None = None
    value_base64: bytes | None = None


class _Line(msgspec.Struct, omit_defaults=True):
    at: int
    topic: str
    partition: int | None = None
    offset: int | None = None
    timestamp: int | None = None
    key: str | None = None
    key_base64: bytes | None = None
    headers: list[_Header] = []
    retain: bool = False
    value: str | None = None
    value_base64: bytes | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Line).decode


def to_line(message: Recorded) -> bytes:
    """Return the line, with its end. Bytes that are UTF-8 stand there as text, others as base64."""
    key, key_base64 = _split(message.key)
    value, value_base64 = _split(message.payload)
    line = _Line(
        message.at,
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        key,
        key_base64,
        [_Header(name, *_split(data)) for name, data in message.headers],
        message.retain,
        value,
        value_base64,
    )
    return _encode(line) + b"\n"


def from_line(text: bytes) -> Recorded:
    """Return the message of a line; ValueError says why it is none."""
    try:
        line = _decode(text)
    except NOT_JSON as error:
        raise ValueError(str(error)) from None
    return Recorded(
        line.at,
        line.topic,
        _join(line.value, line.value_base64),
        line.partition,
        line.offset,
        line.timestamp,
        _join(line.key, line.key_base64),
        tuple((header.name, _join(header.value, header.value_base64)) for header in line.headers),
        line.retain,
    )


def _split(data: bytes | None) -> tuple[str | None, bytes | None]:
    if data is None:
        return None, None
    try:
        return data.decode(), None
    except UnicodeDecodeError:
        return None, data


def _join(text: str | None, data: bytes | None) -> bytes | None:
    return data if text is None else text.encode()


def family(topic: str) -> str:
    """Return what a message is counted under: its topic; of MQTT topics of single devices, one name for all of them.

    `ub/v1/hello/vehicles/bike-1/position` is counted as `ub/v1/hello/vehicles/#`.
    """
    parts = topic.split("/", 4)
    return topic if len(parts) < 5 else "/".join(parts[:4]) + "/#"
