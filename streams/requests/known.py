"""The requests of one partition. Most are days old and wait for nothing but their next event: those sleep, as bytes.

That takes half of the memory of what is awake, and Python's garbage collector has nothing to look through.
"""

from collections.abc import Iterator
from itertools import takewhile

import msgspec

from streams.requests.life import Life
from streams.requests.request import Request, Spans

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


class Known:
    """Requests by id. Whoever has one from here changes it before the next call of `sleep`."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._awake: dict[str, Request] = {}
        """In the order in which they were asked for."""
        self._asleep: dict[str, bytes] = {}
        """The owner, and the fields of the Life that is settled."""

    def __getitem__(self, name: str) -> Request:
        request = self._find(name)
        if request is None:
            raise KeyError(name)
        return request

    def open(self, name: str, owner: str) -> Request:
        """Return the request, a new one of this owner where there is none."""
        request = self._find(name)
        if request is None:
            request = self._awake[name] = Request(owner, self._spans)
        return request

    def forget(self, name: str) -> None:
        """Drop a request that is known."""
        if self._awake.pop(name, None) is None:
            del self._asleep[name]

    def put_back(self, name: str, request: Request, limit: int) -> None:
        """Take up a request of a checkpoint; see `sleep`."""
        self._awake[name] = request
        if request.settle(limit):
            self._lay(name)

    def sleep(self, limit: int) -> None:
        """Lay those down of which no event before `limit` counts any more, the longest unheard of first."""
        still = list(takewhile(lambda name: self._awake[name].settle(limit), self._awake))
        for name in still:
            self._lay(name)

    def wake_all(self) -> None:
        """Wake all."""
        for name in list(self._asleep):
            self._find(name)

    def awake(self) -> Iterator[tuple[str, Request]]:
        """Yield those that are awake."""
        yield from self._awake.items()

    def _find(self, name: str) -> Request | None:
        """Return a request, awake, or None."""
        request = self._awake.pop(name, None)
        if request is None:
            asleep = self._asleep.pop(name, None)
            if asleep is None:
                return None
            owner, *life = _decode(asleep)
            request = Request(owner, self._spans, Life(*life))
        self._awake[name] = request
        return request

    def _lay(self, name: str) -> None:
        request = self._awake.pop(name)
        assert request.settled is not None
        self._asleep[name] = _encode((request.owner, *msgspec.structs.astuple(request.settled)))
