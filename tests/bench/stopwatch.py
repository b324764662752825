"""CPU seconds inside a running worker: which part of our code, and which thread, spent them.

Methods are replaced by timed ones. A coroutine is timed step by step, so that what other tasks do while it waits
is not its own.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator
from typing import Any

Seconds = dict[str, float]


class Stopwatch:
    """Adds up CPU seconds by name; `snapshot` has those of the threads, too."""

    def __init__(self) -> None:
        self._spent: Seconds = defaultdict(float)

    def time_method(self, owner: type, method: str, name: str) -> None:
        """Time a plain method of a class, called in the main thread."""
        plain: Callable[..., Any] = getattr(owner, method)

        def timed(*arguments: Any, **options: Any) -> Any:
            begin = time.thread_time()
            try:
                return plain(*arguments, **options)
            finally:
                self._spent[name] += time.thread_time() - begin

        setattr(owner, method, timed)

    def time_coroutine(self, owner: type, method: str, name: str) -> None:
        """Time an async method of a class."""
        plain: Callable[..., Awaitable[Any]] = getattr(owner, method)

        async def timed(*arguments: Any, **options: Any) -> Any:
            return await _Stepped(plain(*arguments, **options), self._spent, name)

        setattr(owner, method, timed)

    def snapshot(self) -> Seconds:
        """Return what was spent so far, by part and by thread."""
        threads = {
            f"thread {thread.name}": time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
            for thread in threading.enumerate()
            if thread.ident is not None
        }
        return {**self._spent, **threads}


class _Stepped:
    def __init__(self, inner: Awaitable[Any], spent: Seconds, name: str) -> None:
        self._inner, self._spent, self._name = inner, spent, name

    def __await__(self) -> Generator[Any, Any, Any]:
        steps = self._inner.__await__()
        step = steps.__next__
        while True:
            begin = time.thread_time()
            try:
                waiting_for = step()
            except StopIteration as end:
                return end.value
            finally:
                self._spent[self._name] += time.thread_time() - begin
            try:
                yield waiting_for
            except BaseException as error:
                step = _throwing(steps, error)
            else:
                step = steps.__next__


def _throwing(steps: Any, error: BaseException) -> Callable[[], Any]:
    return lambda: steps.throw(error)


def difference(begin: Seconds, end: Seconds) -> Seconds:
    """Return what was spent from one snapshot to a later one."""
    return {name: seconds - begin.get(name, 0.0) for name, seconds in end.items()}
