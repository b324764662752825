"""Files of feeds, plain or gzipped whatever their names end in, and the documents in them."""

import gzip
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from sensors_sim.errors import SourceError

UNREADABLE = (OSError, EOFError, zlib.error)
"""What reading a file raises when it is away, cut off or damaged."""

_GZIP_MAGIC = b"\x1f\x8b"
_LINES = (".jsonl", ".ndjson")
_JSON = (".json", ".geojson", *_LINES)
_TABLES = (".csv", ".tsv", ".txt")
_LOOKED_AT = 4_096
"""Bytes in which a text is to begin."""
_BEFORE_TEXT = b"\xef\xbb\xbf\xff\xfe\x00 \r\n\t"
"""Bytes of blanks and of byte order marks, and the empty one of each two in UTF-16."""


@dataclass(frozen=True, slots=True)
class Document:
    """The bytes of one document, one poll say, and where they stood: a file's name, and a line where it has several."""

    where: str
    body: bytes


def open_text(path: Path, encoding: str = "utf-8-sig") -> TextIO:
    """Open text; bytes that are none in its encoding spoil their row only."""
    if _gzipped(path):
        return gzip.open(path, "rt", encoding=encoding, errors="replace", newline="")
    return path.open("r", encoding=encoding, errors="replace", newline="")


def open_bytes(path: Path) -> BinaryIO:
    """Open bytes."""
    return cast(BinaryIO, gzip.open(path, "rb")) if _gzipped(path) else path.open("rb")


def documents(path: Path, name: str) -> Iterator[Document]:
    """Yield the documents of a file: one a line in JSON lines, otherwise one. Raises UNREADABLE."""
    with open_bytes(path) as file:
        if _kind(path) not in _LINES:
            yield Document(name, file.read().removeprefix(BOM_UTF8))
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                yield Document(f"{name} line {number}", line.removeprefix(BOM_UTF8))


def is_xml(path: Path) -> bool:
    """Whether a file is XML, whatever its name; where each line is a document none is. Raises UNREADABLE."""
    return _kind(path) not in _LINES and begins_with(path, b"<")


def begins_with(path: Path, signs: bytes) -> bool:
    """Whether a text begins with one of the signs, after blanks and a byte order mark. Raises UNREADABLE."""
    with open_bytes(path) as file:
        first = file.read(_LOOKED_AT).lstrip(_BEFORE_TEXT)[:1]
    return first != b"" and first in signs


def json_files(where: Path, *also: str) -> list[Path]:
    """Return the file itself, or the JSON files in a folder and below it, by name; with those of `also`, too.

    Raises SourceError for none.
    """
    return _files(where, (*_JSON, *also))


def table_files(where: Path) -> list[Path]:
    """Return the file itself, or the tables in a folder and below it, by name. Raises SourceError for none."""
    return _files(where, _TABLES)


def _files(where: Path, endings: Sequence[str]) -> list[Path]:
    if where.is_file():
        return [where]
    found = sorted(path for path in where.rglob("*") if path.is_file() and _kind(path) in endings)
    if not found:
        raise SourceError(
            f"{where} holds no feed: there is no file whose name ends in {', '.join(endings)} (or in these and .gz)"
        )
    return found


def _gzipped(path: Path) -> bool:
    with path.open("rb") as probe:
        return probe.read(2) == _GZIP_MAGIC


def _kind(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return Path(name).suffix
