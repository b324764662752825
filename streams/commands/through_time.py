"""Shows on a terminal how far a walk through stored windows, or through a log, has come: months take minutes."""

from collections.abc import Callable, Iterable, Iterator

from rich.console import Console
from rich.progress import Progress

from streams.fold.contract import Record
from streams.times import to_minute

_SELDOM = 256
"""Records after which it is shown how far a log was read."""


def through_time[T](
    items: Iterator[T], at_ms: Callable[[T], int], since: int, until: int, console: Console
) -> Iterator[T]:
    """Yield the items, which come by time, from `since` to `until` (milliseconds)."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        shown, before = progress.add_task("", total=until - since), None
        for item in items:
            at = at_ms(item)
            if at != before:
                before = at
                progress.update(shown, completed=at - since, description=to_minute(at))
            yield item


def through_log(records: Iterable[Record], first: int, last: int, console: Console) -> Iterator[Record]:
    """Yield the records of one partition, which go from offset `first` to `last`."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        shown = progress.add_task("", total=last - first + 1)
        for number, record in enumerate(records):
            if number % _SELDOM == 0:
                done = record.offset - first
                progress.update(shown, completed=done, description=f"offset {record.offset:,} of {last:,}")
            yield record
