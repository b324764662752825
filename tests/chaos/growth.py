"""Whether something grows: samples of sizes over time, and their first against their last after the warm-up."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from statistics import median
from typing import Self

_EVERY_S = 5.0

Series = list[tuple[float, int]]
"""(seconds since the beginning, size)."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Median size right after the warm-up and at the end, and the most ever seen."""

    first: int
    last: int
    most: int

    @property
    def grown(self) -> int:
        """By how much it grew after the warm-up."""
        return self.last - self.first


def growth(series: Sequence[tuple[float, int]], warm_up_s: float, end_s: float = inf) -> Growth:
    """Compare the first and the last fifth between warm-up and end; medians, for single peaks say nothing."""
    steady = [size for at, size in series if warm_up_s <= at < end_s]
    if len(steady) < 5:
        raise ValueError(
            f"{len(steady)} samples after a warm-up of {warm_up_s:g} s, until {end_s:g} s; 5 are needed: run for longer"
        )
    fifth = len(steady) // 5
    return Growth(
        int(median(steady[:fifth])),
        int(median(steady[-fifth:])),
        max(size for at, size in series if at < end_s),
    )


def course(series: Sequence[tuple[float, int]], end_s: float, parts: int = 10) -> list[int]:
    """Return the median of each of `parts` equal times up to the end; one without a sample is left out."""
    length = end_s / parts
    by_part = [[size for at, size in series if part <= at / length < part + 1] for part in range(parts)]
    return [int(median(sizes)) for sizes in by_part if sizes]


@dataclass(slots=True)
class Sampler:
    """Samples in a thread while the context lasts. `sizes` gives them by name; what has none now is left out."""

    sizes: Callable[[], Mapping[str, int]]
    series: dict[str, Series] = field(default_factory=dict)
    _failure: Exception | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(10)
        if self._failure is not None and kind is None:
            raise self._failure

    def _run(self) -> None:
        began = time.monotonic()
        try:
            while not self._stop.is_set():
                for name, size in self.sizes().items():
                    self.series.setdefault(name, []).append((time.monotonic() - began, size))
                self._stop.wait(_EVERY_S)
        except Exception as failure:
            self._failure = failure
