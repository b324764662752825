"""Readings on their way while something happens to the processes that carry them."""

import threading
from collections.abc import Sequence
from typing import Self

from tests.e2e.city import City
from tests.e2e.traffic import Reading, arrays

_RATE_S = 0.02


class Feed:
    """Publishes readings steadily, one MQTT message every 20 ms, in a thread. Leave it to wait for its end.

    The last fifth waits for `interrupted`, so that an interruption is one however slow the machine is.
    """

    def __init__(self, city: City, readings: Sequence[Reading], size: int) -> None:
        self._city = city
        self._messages = list(arrays(readings, size))
        self._failure: BaseException | None = None
        self._ended = threading.Event()
        self._interrupted = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed")

    def interrupted(self) -> None:
        """Let the rest flow."""
        self._interrupted.set()

    def _run(self) -> None:
        try:
            with self._city.publisher() as publisher:
                for number, message in enumerate(self._messages):
                    if number == len(self._messages) * 4 // 5:
                        self._interrupted.wait()
                    publisher.publish([message])
                    self._ended.wait(_RATE_S)
        except BaseException as failure:
            self._failure = failure
        finally:
            self._ended.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._interrupted.set()
        self._thread.join(120)
        assert self._failure is None, f"the feed failed: {self._failure!r}"
        assert self._ended.is_set(), "the feed did not end"
