"""What the newest scan of a category found, for those who ask how an alert came about."""

from collections.abc import Iterable
from dataclasses import dataclass

from streams.counted import counted
from streams.incidents.hotspot.scan import Cylinder
from streams.incidents.showing import Seen


@dataclass(frozen=True, slots=True)
class Scan:
    """Cylinders, the strongest first, all but the last one with a score that reaches the threshold."""

    found: tuple[Cylinder, ...]
    threshold: float

    def seen(self, cells: Iterable[str], state: str) -> Seen:
        """Return the strongest cylinder that touches some cells, and what was made of it."""
        threshold, where = f"score {self.threshold:.1f}", set(cells)
        for one in self.found:
            if not one.cells.isdisjoint(where):
                value = (
                    f"{counted(one.count, 'request')}, {one.expected:.2g} expected (score {one.score:.1f})"
                )
                return Seen(value, threshold, state)
        return Seen("nothing unusual there", threshold, state)
