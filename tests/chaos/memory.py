"""Resident memory of the city's processes over time, and whether it grows after the warm-up."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Self

_PAGE = 4096
_EVERY_S = 5.0

Series = list[tuple[float, int]]
"""(seconds since the beginning, bytes)."""


@dataclass(frozen=True, slots=True)
class Growth:
    """Median resident bytes right after the warm-up and at the end, and the most ever seen."""

    first: int
    last: int
    most: int

    @property
    def grown(self) -> int:
        """Bytes by which it grew after the warm-up."""
        return self.last - self.first


def growth(series: Sequence[tuple[float, int]], warm_up_s: float) -> Growth:
    """Compare the first and the last fifth of what follows the warm-up; medians, for single peaks say nothing."""
    steady = [size for at, size in series if at >= warm_up_s]
    if len(steady) < 5:
        raise ValueError(
            f"{len(steady)} samples after a warm-up of {warm_up_s:g} s; 5 are needed: run for longer"
        )
    fifth = len(steady) // 5
    return Growth(int(median(steady[:fifth])), int(median(steady[-fifth:])), max(size for _, size in series))


def resident(pid: int) -> int:
    """Return the resident bytes of a process, 0 when it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except OSError:
        return 0


@dataclass(slots=True)
class Memory:
    """Samples in a thread while the context lasts. `processes` gives the process ids by name at each sample."""

    processes: Callable[[], Mapping[str, int]]
    series: dict[str, Series] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join(10)

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.is_set():
            for name, pid in self.processes().items():
                if size := resident(pid):
                    self.series.setdefault(name, []).append((time.monotonic() - began, size))
            self._stop.wait(_EVERY_S)
