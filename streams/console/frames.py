"""What live clients are sent, compressed once for all who take gzip (RFC 1952), and the stream of one of them."""

import re
import zlib
from functools import cached_property

_LEVEL = 3
"""A fifteenth of a snapshot remains; higher levels take twice the time for a tenth less."""
_RAW = -zlib.MAX_WBITS
_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
_LAST_BLOCK = b"\x03\x00"
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)


class Frame(bytes):
    """One or more events."""

    @cached_property
    def packed(self) -> bytes:
        """Deflate blocks (RFC 1951) that end at a byte and refer to nothing before: they fit in any place."""
        compress = zlib.compressobj(_LEVEL, wbits=_RAW)
        return compress.compress(self) + compress.flush(zlib.Z_SYNC_FLUSH)


class Gzip:
    """The stream of one client, of blocks that it shares with others."""

    def __init__(self) -> None:
        self._header = _HEADER
        self._size = self._crc = 0

    def take(self, frame: Frame) -> bytes:
        """Return what is sent for a frame; it can be read at once."""
        self._size += len(frame)
        self._crc = zlib.crc32(frame, self._crc)
        header, self._header = self._header, b""
        return header + frame.packed

    def end(self) -> bytes:
        """Return what is sent after the last frame."""
        return _LAST_BLOCK + self._crc.to_bytes(4, "little") + (self._size % 2**32).to_bytes(4, "little")


def takes_gzip(accept_encoding: str) -> bool:
    """Return whether a client takes gzip, by its header Accept-Encoding (RFC 9110, 12.5.3)."""
    return _GZIP.search(accept_encoding) is not None
