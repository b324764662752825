"""What several documents say of a request, told as one life.

A document says how a request stands when it is read. A crawl of pages takes minutes, a folder may hold the download of
each day:

    Monday     open, updated 9:00, Water      opened 8:00, updated 9:00
    Tuesday    closed, updated Tue., Water                                closed Tue.
    Friday     open, updated Thu., Roads                                              opened Thu., now with Roads
"""

from collections.abc import Iterable, Iterator

import msgspec

from sensors_sim.requests.events import Event
from sensors_sim.sources.contract import Report
from sensors_sim.sources.held import Owned


def one_life(rows: Iterable[Owned], report: Report) -> Iterator[Owned]:
    """Yield events of requests, which come in order of time, as lives.

    Of what several documents say happened to a request at one time the first counts. One that is open after it was
    closed was opened again: of that no document has a time but its own.
    """
    ts, said = 0, dict[tuple[str, str], Event]()
    closed = set[str]()
    for owner, about, event in rows:
        if not isinstance(event, Event):
            yield owner, about, event
            continue
        name, kind = event.service_request_id, event.event
        if event.ts != ts:
            ts, said = event.ts, {}
        if (name, kind) in said:
            report.skip("repeat" if said[name, kind] == event else "told_otherwise", f"{name} at {ts}")
            continue
        said[name, kind] = event
        if kind == "closed":
            closed.add(name)
        elif name in closed and (name, "closed") not in said:
            closed.discard(name)
            yield owner, about, msgspec.structs.replace(event, event="opened")
            continue
        yield owner, about, event
