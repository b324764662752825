"""The frames that a recording consists of: a head, then chunks, each behind a head of its own, and an end.

A recording is a Zstandard file (RFC 8878): chunks are ordinary frames, heads are skippable frames that hold JSON, so
any tool that reads Zstandard reads the lines and passes over the heads. A chunk's head says how long the chunk is, so
whoever looks for a time goes from head to head and unpacks nothing.
"""

import struct
from collections.abc import Iterator
from typing import IO, Annotated

import msgspec

from sensors_sim.not_json import NOT_JSON
from sensors_sim.recording.zstd import zstd

VERSION = 1
LEVEL = 3
_SKIPPABLE = 0x184D2A57
_PREFIX = struct.Struct("<II")  # magic number, length of what follows (RFC 8878, section 3.1.2)
_LONGEST_HEAD = 16_000_000
LONGEST_CHUNK = 1 << 29
"""Bytes of the lines of one chunk: a megabyte, and one message more. MQTT has none larger than 256 MB."""
_OPTIONS: dict[int, int] = {
    zstd.CompressionParameter.compression_level: LEVEL,
    zstd.CompressionParameter.checksum_flag: 1,
}

START = zstd.compress(b"")
"""An empty frame: the file begins with the magic number by which tools know Zstandard."""


class Head(msgspec.Struct, frozen=True, tag_field="is", tag="urbanbrain-recording"):
    """The first thing in a recording. `began` is in microseconds since the epoch; `topics` is what was asked for."""

    version: int
    source: str
    address: str
    topics: list[str]
    began: int


class ChunkHead(msgspec.Struct, frozen=True, tag_field="is", tag="chunk"):
    """What the chunk behind it holds.

    first, last    arrival of its first and last message, microseconds since the epoch
    packed, plain  length in bytes: of the chunk in the file, and of its lines
    payload        bytes of all payloads
    topics         messages by topic (record.family)
    """

    messages: int
    first: int
    last: int
    packed: Annotated[int, msgspec.Meta(ge=0)]  # or looking for the next head would never end
    plain: int
    payload: int
    topics: dict[str, int]


class End(msgspec.Struct, frozen=True, tag_field="is", tag="end"):
    """The recorder ended in order. `gaps` is how often its connection was lost."""

    messages: int
    ended: int
    gaps: int = 0


class Damaged(Exception):
    """The file does not go on as a recording from `position` on."""

    def __init__(self, position: int, reason: str) -> None:
        super().__init__(reason)
        self.position = position
        self.reason = reason


_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Head | ChunkHead | End)


def framed(head: Head | ChunkHead | End) -> bytes:
    """Return the skippable frame of a head."""
    text = _encode(head)
    return _PREFIX.pack(_SKIPPABLE, len(text)) + text


def pack(lines: bytes) -> bytes:
    """Return the frame of a chunk, with a checksum."""
    return zstd.compress(lines, options=_OPTIONS)


def unpack(frame: bytes) -> bytes:
    """Return the lines of a chunk; ValueError says why they cannot be read.

    A file of somebody else may hold gigabytes in some kilobytes.
    """
    unpacked = zstd.ZstdDecompressor()
    try:
        lines = unpacked.decompress(frame, LONGEST_CHUNK)
    except zstd.ZstdError as error:
        raise ValueError(str(error)) from None
    if not unpacked.eof:
        reason = "it breaks off" if unpacked.needs_input else f"more than {LONGEST_CHUNK:,} bytes of lines"
        raise ValueError(reason)
    return lines


def heads(file: IO[bytes]) -> Iterator[tuple[int, Head | ChunkHead | End]]:
    """Yield the heads of a file with the position of what follows each of them.

    Raises Damaged where the file breaks off or does not go on as a recording.
    """
    size = file.seek(0, 2)
    position = len(START)
    file.seek(0)
    if file.read(len(START)) != START:
        raise Damaged(0, "it does not begin as a recording does")
    while position < size:
        file.seek(position)
        prefix = file.read(_PREFIX.size)
        if len(prefix) < _PREFIX.size:
            raise Damaged(position, f"it breaks off {size - position} bytes into a head")
        magic, length = _PREFIX.unpack(prefix)
        if magic != _SKIPPABLE or length > _LONGEST_HEAD:
            raise Damaged(position, "no head of a chunk is there")
        text = file.read(length)
        if len(text) < length:
            raise Damaged(position, f"it breaks off {size - position} bytes into a head")
        try:
            head = _decoder.decode(text)
        except NOT_JSON as error:
            raise Damaged(position, f"the head of a chunk cannot be read ({error})") from None
        follows = position + _PREFIX.size + length
        position = follows + (head.packed if isinstance(head, ChunkHead) else 0)
        if position > size:
            raise Damaged(
                follows, f"it breaks off {size - follows:,} bytes into a chunk of {position - follows:,}"
            )
        yield follows, head
