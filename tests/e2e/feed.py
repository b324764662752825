"""Readings on their way while something happens to the processes that carry them."""

import threading
from collections.abc import Sequence
from typing import Self

from tests.e2e.city import City
from tests.e2e.traffic import Reading, arrays

_RATE_S = 0.02


class Feed:
    """Publishes readings steadily, one MQTT message every 20 ms, in a thread. Leave it to wait for its end."""

    def __init__(self, city: City, readings: Sequence[Reading], size: int) -> None:
        self._city = city
        self._messages = list(arrays(readings, size))
        self._failure: BaseException | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed")

    @property
    def flowing(self) -> bool:
        """Whether there is more to come."""
        return not self._ended.is_set()

    def _run(self) -> None:
        try:
            with self._city.publisher() as publisher:
                for message in self._messages:
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
        self._thread.join(120)
        assert self._failure is None, f"the feed failed: {self._failure!r}"
        assert not self.flowing
