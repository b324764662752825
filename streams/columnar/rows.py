"""Columns of the fold's rows that are numpy arrays: values for whoever iterates, arrays for the store."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
from numpy.typing import NDArray


class _Column[T](Sequence[T]):
    """What the three have in common; `_list` makes Python's values."""

    __slots__ = ()

    def _list(self, part: slice) -> list[T]:
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return self._list(index)
        place = range(len(self))[index]
        return self._list(slice(place, place + 1))[0]

    def __iter__(self) -> Iterator[T]:
        return iter(self._list(slice(None)))


@dataclass(frozen=True, slots=True, eq=False)
class Numbers(_Column[int | float | None]):
    """Integers or floats; None where `known` is false."""

    values: NDArray[np.integer] | NDArray[np.float64]
    known: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.values)

    def _list(self, part: slice) -> list[int | float | None]:
        values: list[int | float | None] = self.values[part].tolist()
        if self.known is not None:
            for place in np.flatnonzero(~self.known[part]).tolist():
                values[place] = None
        return values


@dataclass(frozen=True, slots=True, eq=False)
class Texts(_Column[str]):
    """ASCII texts without zeros, in a fixed width that is padded with zeros."""

    values: NDArray[np.bytes_]

    def __len__(self) -> int:
        return len(self.values)

    def _list(self, part: slice) -> list[str]:
        texts: list[str] = self.values[part].astype(np.str_).tolist()
        return texts


@dataclass(frozen=True, slots=True, eq=False)
class Coded(_Column[str]):
    """Texts by their places in a short list."""

    codes: NDArray[np.integer]
    names: Sequence[str]

    def __len__(self) -> int:
        return len(self.codes)

    def _list(self, part: slice) -> list[str]:
        return [self.names[code] for code in self.codes[part].tolist()]
