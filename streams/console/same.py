"""Answers that many ask for at once: made once for each poll, as they would all be the same."""

from collections.abc import Callable
from datetime import datetime

MOST = 4
"""Answers: the largest, all cells of a large city as GeoJSON, has some 8 MB."""


class Same:
    """Answers to questions about the newest poll, until the next one."""

    def __init__(self) -> None:
        self._polled_at: datetime | None = None
        self._answers: dict[str, bytes] = {}

    def answer(self, question: str, polled_at: datetime | None, make: Callable[[], bytes]) -> bytes:
        """Return what was answered to the question since this poll, or what `make` returns."""
        if polled_at != self._polled_at:
            self._polled_at = polled_at
            self._answers.clear()
        if question not in self._answers:
            if len(self._answers) >= MOST:
                del self._answers[next(iter(self._answers))]
            self._answers[question] = make()
        return self._answers[question]
