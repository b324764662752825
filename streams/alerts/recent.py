"""A memory of bounded size: what was put there longest ago goes first."""

from collections import OrderedDict


class Recent[K, V]:
    """The newest `most` items by key."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._items)

    def get(self, key: K) -> V | None:
        """Return what is remembered of a key."""
        return self._items.get(key)

    def items(self) -> list[tuple[K, V]]:
        """Return all that is remembered, what was put there longest ago first."""
        return list(self._items.items())

    def put(self, key: K, value: V) -> None:
        """Remember a value; it is the newest then."""
        self._items[key] = value
        self._items.move_to_end(key)
        if len(self._items) > self._most:
            self._items.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a key."""
        self._items.pop(key, None)
