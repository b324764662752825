"""What a measured process writes down about itself: when it began and ended its work, and at what cost.

CPU seconds are user and system time of the process and of the children it waited for: on a machine that others
use too, they say more than the wall clock.
"""

import gc
import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment: wall clock (s since the epoch), CPU seconds spent so far, and how much was done by then."""

    wall_s: float
    cpu_s: float
    done: int = 0


@dataclass(frozen=True, slots=True)
class Lap:
    """Work between two marks."""

    done: int
    wall_s: float
    cpu_s: float

    def figures(self) -> dict[str, float]:
        """Return what every contestant reports."""
        return {
            "readings_per_s": self.done / max(self.wall_s, 1e-9),
            "cpu_s_per_million": self.cpu_s / max(self.done, 1) * 1e6,
            "wall_s": self.wall_s,
        }


def now(done: int = 0) -> Mark:
    """Return the present moment."""
    return Mark(time.time(), cpu_s(), done)


def cpu_s() -> float:
    """Return the CPU seconds of this process and of the children it waited for."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in spent)


def lap(begin: Mark, end: Mark) -> Lap:
    """Return what was done from one mark to another."""
    return Lap(end.done - begin.done, end.wall_s - begin.wall_s, end.cpu_s - begin.cpu_s)


def settled() -> None:
    """Collect garbage, so that none of what was prepared is collected while the clock runs."""
    gc.collect()
    gc.freeze()


def peak_rss_mb() -> float:
    """Return the largest resident size of this process so far (getrusage would give the parent's, if larger)."""
    return _status_kb("VmHWM") / 1024


def rss_bytes() -> int:
    """Return the resident size of this process."""
    return _status_kb("VmRSS") * 1024


def _status_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])


def spec() -> dict[str, Any]:
    """Return what the parent asked of this process."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    return asked


def report(**found: Any) -> None:
    """Write the result for the parent."""
    plain = {name: asdict(value) if isinstance(value, Mark) else value for name, value in found.items()}
    path = Path(spec()["result"])
    path.with_suffix(".part").write_text(json.dumps({**plain, "peak_rss_mb": peak_rss_mb()}))
    path.with_suffix(".part").rename(path)
