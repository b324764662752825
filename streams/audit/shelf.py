"""Frames put down by key, and taken up one key at a time: what does not fit into memory waits in a file.

The file has no name: it goes with the process, however that ends. It lies in TMPDIR, or else in /var/tmp, as /tmp is
memory on many machines.
"""

import os
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import IO

import polars as pl

from streams.errors import CannotAudit

DAY_MS = 86_400_000
_LARGE = Path("/var/tmp")  # noqa: S108 - the file made there has no name
_SMALL = 1_000_000
"""Frames of so few bytes stay in memory."""


class Shelf:
    """Frames of one schema by a whole number; those of one key come back in the order in which they were put down."""

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self._schema = dict(schema)
        self._kept: defaultdict[int, list[pl.DataFrame]] = defaultdict(list)
        self._places: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        self._bytes = 0.0
        self._file: IO[bytes] | None = None
        self.count = 0

    def put(self, frame: pl.DataFrame, key: pl.Expr) -> None:
        """Put a frame down, each row under its key."""
        self.count += len(frame)
        columns = frame.select(list(self._schema))
        by_key = columns.with_columns(key.cast(pl.Int64).alias("_key"))
        for (number,), part in by_key.partition_by("_key", include_key=False, as_dict=True).items():
            assert isinstance(number, int)
            self._kept[number].append(part)
            self._bytes += part.estimated_size()
        if self._bytes > _SMALL:
            self._put_down()

    def numbers(self) -> list[int]:
        """Return the keys, ascending."""
        return sorted(self._kept.keys() | self._places.keys())

    def take(self, key: int) -> pl.DataFrame:
        """Return all that lies under a key."""
        parts = [pl.DataFrame(schema=self._schema)]
        for offset, length in self._places.get(key, ()):
            assert self._file is not None
            parts.append(pl.read_ipc(BytesIO(os.pread(self._file.fileno(), length, offset))))
        return pl.concat(parts + self._kept.get(key, []))

    def all(self) -> pl.DataFrame:
        """Return everything, by key."""
        return pl.concat([pl.DataFrame(schema=self._schema), *map(self.take, self.numbers())])

    def _put_down(self) -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=_directory())  # noqa: SIM115 - it lives as long as the shelf
            for key, parts in self._kept.items():
                begin = self._file.seek(0, os.SEEK_END)
                pl.concat(parts).write_ipc(self._file)
                self._places[key].append((begin, self._file.tell() - begin))
            self._file.flush()
        except OSError as error:
            raise CannotAudit(
                f"{_directory() or tempfile.gettempdir()}: {error.strerror}; name a directory with more room in TMPDIR"
            ) from None
        self._kept.clear()
        self._bytes = 0.0


def _directory() -> str | None:
    if not os.environ.get("TMPDIR") and os.access(_LARGE, os.W_OK):
        return str(_LARGE)
    return None


def by_day(time: str) -> pl.Expr:
    """Return the key of rows that are put down by the day of a time in milliseconds."""
    return pl.col(time) // DAY_MS
