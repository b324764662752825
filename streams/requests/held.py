"""Events without a place: they came before their request's opening, so it is not known where to count them.

Such an event is held until the watermark has passed it by the amend horizon. Until then an earlier event may still come
and name place and category. So whether it is refused in the end depends on which events came, not on their order.
"""

from heapq import heappop, heappush

import msgspec


class Waiting(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An event that waits: its own time, whose it is, its JSON and its cell (streams/requests/events.py)."""

    ts: int
    service_request_id: str
    owner: str
    text: bytes
    cell: int | None


class Held:
    """The events of one partition that wait, and those of them that no checkpoint has yet."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, str, bytes]] = []
        self._fresh: list[Waiting] = []
        self.released = 0
        """All that is older was released."""

    def add(self, waiting: Waiting) -> None:
        """Hold an event."""
        self.restore(waiting)
        self._fresh.append(waiting)

    def restore(self, waiting: Waiting) -> None:
        """Hold an event that the checkpoint has."""
        heappush(self._heap, (waiting.ts, waiting.service_request_id, waiting.text))

    def release(self, before: int) -> dict[str, set[bytes]]:
        """Return and drop the events older than `before`: their JSON, by request, in the order of event time."""
        self.released = max(self.released, before)
        released: dict[str, set[bytes]] = {}
        while self._heap and self._heap[0][0] < before:
            _, name, text = heappop(self._heap)
            released.setdefault(name, set()).add(text)
        return released

    def take_fresh(self, before: int) -> list[Waiting]:
        """Return the events held since the last call that are not older than `before`."""
        fresh, self._fresh = self._fresh, []
        return [waiting for waiting in fresh if waiting.ts >= before]
