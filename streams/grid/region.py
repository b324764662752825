"""All that the grid knows of one region: live counts, windows, and the numbers of its slots."""

from streams.grid.merge import Live
from streams.grid.window import Windows


class Region:
    """All state of one region."""

    def __init__(self, name: str, window_ms: int) -> None:
        self.name = name
        self.sources = 0
        self.live = Live()
        self.windows = Windows(window_ms)
        self.slot_of: dict[tuple[str, str], int] = {}
        self.slots: list[tuple[str, str]] = []
        self.since = 0
        self.told_as_of = 0
        self.forgotten_windows: list[int] = []

    def slot(self, cell: str, operator: str) -> int:
        """Return the dense number of a (cell, operator)."""
        key = (cell, operator)
        number = self.slot_of.get(key)
        if number is None:
            number = self.slot_of[key] = len(self.slots)
            self.slots.append(key)
        return number
