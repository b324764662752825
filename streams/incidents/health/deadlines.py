"""When each sensor of a region is to be looked at for silence: the earliest first."""

import heapq


class Deadlines:
    """One time for each name; a later one is found out when the earlier has come."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._at: dict[str, int] = {}

    def set(self, name: str, at: int) -> None:
        """Look at `name` at `at`, or earlier where that was asked for before."""
        known = self._at.get(name)
        if known is None or at < known:
            self._at[name] = at
            heapq.heappush(self._heap, (at, name))

    def take(self, now: int) -> list[str]:
        """Return the names whose time has come, by name; whoever is to be looked at again must be set again."""
        due = []
        while self._heap and self._heap[0][0] <= now:
            at, name = heapq.heappop(self._heap)
            if self._at.get(name) == at:
                del self._at[name]
                due.append(name)
        return sorted(due)

    def drop(self, name: str) -> None:
        """Look at `name` no more."""
        self._at.pop(name, None)
