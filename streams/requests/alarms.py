"""What the watermark will bring: by request, the event time that it must pass."""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush

_SLACK = 1024


class Alarms:
    """At most one alarm a request. Times that were changed stay in the heap until they are reached or too many."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._at: dict[str, int] = {}

    def set(self, name: str, at: int | None) -> None:
        """Set the alarm of a request, or clear it."""
        if at is None:
            self._at.pop(name, None)
        elif self._at.get(name) != at:
            self._at[name] = at
            heappush(self._heap, (at, name))
            if len(self._heap) > 2 * len(self._at) + _SLACK:
                self._heap = [(time, whose) for whose, time in self._at.items()]
                heapify(self._heap)

    def ring(self, watermark: int) -> Iterator[str]:
        """Yield the requests whose time the watermark has passed, in its order; each alarm rings once."""
        while self._heap and self._heap[0][0] < watermark:
            at, name = heappop(self._heap)
            if self._at.get(name) == at:
                del self._at[name]
                yield name
