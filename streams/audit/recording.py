r"""A log kept in a file: one Kafka record a line, as JSON, gzipped where the name ends in .gz.

Files of `urbanbrain sim record --kafka` are read, too: Zstandard, with more fields in a line (docs/recordings.md).

    {"topic": "ub.vehicles", "partition": 0, "offset": 17, "timestamp": 1767225600000, "value": "{\"vehicle_id\": ...}"}

`value` is the record's text; what is not UTF-8 stands there as base64 in `value_base64` instead. Records of one
partition follow one another in the order of their offsets, from 0; the order of partitions does not matter.
"""

import fcntl
import gzip
import sys
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, Self, cast

import msgspec

from streams.audit.records import LogRecord
from streams.errors import CannotAudit

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


class _Line(msgspec.Struct, omit_defaults=True):
    topic: str
    partition: int
    offset: int
    timestamp: int
    value: str | None = None
    value_base64: bytes | None = None


_ZSTANDARD = b"\x28\xb5\x2f\xfd"
"""RFC 8878, section 3.1.1."""

_line = msgspec.json.Decoder(_Line)
_encode = msgspec.json.Encoder().encode


def check_free(path: Path) -> None:
    """Check that a recording can have this name; CannotAudit where a file has it, or another audit writes it.

    What Kafka deleted since stands in the older recording only. What a killed audit has begun is no recording.
    """
    _check_unused(path)
    with suppress(FileNotFoundError), _begun(path).open("rb") as file:
        _lock(file, path)


def _check_unused(path: Path) -> None:
    if path.exists():
        raise CannotAudit(f"{path} exists, and is never overwritten: give another name, or remove that file")


def _lock(file: IO[bytes], path: Path) -> None:
    """Hold a file that is begun, as long as it is open; whoever was killed holds it no more."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CannotAudit(
            f"{_begun(path)} is being written by another audit; give another name, or wait for it"
        ) from None


def _begun(path: Path) -> Path:
    return path.with_name(path.name + ".part")


class Recorder:
    """Writes a recording; a context manager that closes the file.

    Until then it is called .part, and it goes where an error ends it: what has the name of a recording is whole. What a
    killed audit left of it is written over.
    """

    def __init__(self, path: Path) -> None:
        _check_unused(path)
        self._path = path
        with self._writable():
            self._held = _begun(path).open("ab")
        try:
            _lock(self._held, path)
            _check_unused(path)  # somebody else may have finished what is held
            with self._writable():
                self._file = _open(_begun(path), "wb", packed=path.suffix == ".gz")
        except BaseException:
            self._held.close()
            raise

    def write(self, record: LogRecord) -> None:
        """Append one record."""
        place = (record.topic, record.partition, record.offset, record.timestamp)
        try:
            line = _Line(*place, value=record.value.decode())
        except UnicodeDecodeError:
            line = _Line(*place, value_base64=record.value)
        with self._writable():
            self._file.write(_encode(line) + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        begun = _begun(self._path)
        try:
            with self._writable():
                self._file.close()
                if error is None:
                    begun.rename(self._path)
        finally:
            begun.unlink(missing_ok=True)
            self._held.close()

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise CannotAudit(f"{self._path}: {error.strerror}; give a file that can be written") from None


def read(path: Path) -> Iterator[LogRecord]:
    """Yield the records; CannotAudit names the line that is none, or where the file cannot be read."""
    number = 0
    try:
        with _open_to_read(path) as file:
            for text in file:
                number += 1
                line = _line.decode(text)
                value = (line.value_base64 or b"") if line.value is None else line.value.encode()
                yield LogRecord(line.topic, line.partition, line.offset, line.timestamp, value)
    except (OSError, EOFError, zlib.error, zstd.ZstdError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CannotAudit(
            f"{path}: {reason}; give a recording as `urbanbrain audit --save` or `urbanbrain sim record --kafka` "
            "writes it"
        ) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise CannotAudit(
            f"{path}, line {number}: {error}; each line is an object with topic, partition, offset, timestamp and value"
        ) from None


def _open(path: Path, mode: Literal["rb", "wb"], *, packed: bool) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, mode)) if packed else path.open(mode)


def _open_to_read(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        packed = file.read(len(_ZSTANDARD)) == _ZSTANDARD
    return cast("IO[bytes]", zstd.open(path)) if packed else _open(path, "rb", packed=path.suffix == ".gz")


def check_complete(
    path: Path, topic: str, seen: Mapping[int, list[int]], at_least: Mapping[int, int]
) -> None:
    """Check that a recording holds a topic from offset 0 up to `at_least`; `seen` has first and last offset."""
    for partition, offset in sorted(at_least.items()):
        first, last = seen.get(partition, [0, -1])
        if first > 0:
            raise CannotAudit(
                f"{path}: {topic}[{partition}] begins at offset {first}; the tables can only be computed from offset 0"
            )
        if last < offset:
            raise CannotAudit(
                f"{path}: {topic}[{partition}] ends at offset {last}, the tables reflect {offset}; record it again"
            )
