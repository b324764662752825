"""A growable numpy column."""

import numpy as np
from numpy.typing import NDArray


def grown[T: np.generic](array: NDArray[T], size: int, fill: int | float | bool = 0) -> NDArray[T]:
    """Return `array` with room for `size` entries along its first axis, doubled when it is too small."""
    if size <= len(array):
        return array
    bigger = np.full((max(size, 2 * len(array)), *array.shape[1:]), fill, array.dtype)
    bigger[: len(array)] = array
    return bigger
