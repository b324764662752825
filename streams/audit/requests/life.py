"""One request from its first event to its last: what it is in the end, and what it adds to which count, and when.

Events are taken in the order of ts, then opened < updated < closed < rated, then content. A request is open from an
opening to a closing. An opening of a closed one reopens it; one whose opening is not known may still be closed. What
an event leaves out stays as it was. A request that is not open and silent for longer than `forget_ms` is over:
what follows under its id is another one. An event before anything is known of the place or the category counts
nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.audit.requests.records import Body

RANK = {"opened": 0, "updated": 1, "closed": 2, "rated": 3}
COUNTS = (
    "opened",
    "closed",
    "reopened",
    "open_change",
    "overdue_change",
    "rated",
    "asked_resolved",
    "resolved_sum",
    "asked_satisfied",
    "satisfied_sum",
)
"""What is counted. Beside them stands `took`: milliseconds from opening to closing."""
Event = tuple[Body, int | None]
"""What was said, and the cell of the place that it names."""
Count = tuple[int, int, str, str, int]
"""ts, cell, service_code, one of COUNTS or `took`, and by how much; of `took` the milliseconds."""
_CARRIED = ("service_code", "agency_responsible", "district", "description", "address", "expected_datetime")


@dataclass(slots=True)
class State:
    """A request after an event. `facts` are columns of ub.request; `overdue`: counted as that since `updated_at`."""

    facts: dict[str, Any]
    status: str
    updated_at: int
    overdue: bool = False

    @property
    def slot(self) -> tuple[int, str]:
        """Cell and category under which it counts."""
        return self.facts["cell"], self.facts["service_code"]

    @property
    def is_open(self) -> bool:
        """Whether it is open."""
        return self.status == "open"

    def comes_due(self, before: int) -> int | None:
        """Return when it becomes overdue by itself, if event time `before` is beyond that."""
        due: int | None = self.facts["expected_datetime"]
        return due if self.is_open and not self.overdue and due is not None and due < before else None


@dataclass(slots=True)
class Story:
    """`state` is None where nothing is known; `lost` are the places in the order of events that count nowhere."""

    state: State | None = None
    counts: list[Count] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)


def live(events: Sequence[Event], watermark: int, forget_ms: int) -> Story:
    """Follow a request through its events, which are in order; `watermark` is how far time has come after them."""
    story = Story()
    for number, (event, cell) in enumerate(events):
        old = story.state
        if old is not None and not old.is_open and event.ts > old.updated_at + forget_ms:
            old = None
        if old is None and (event.service_code is None or cell is None):
            story.lost.append(number)
            continue
        _pass(story, old, event.ts)
        story.state = _after(old, event, cell)
        _count(story.counts, old, story.state, event)
    _pass(story, story.state, watermark)
    return story


def _pass(story: Story, state: State | None, until: int) -> None:
    """Let time go on: what is open past the time at which it was due is overdue from there on."""
    due = None if state is None else state.comes_due(until)
    if state is not None and due is not None:
        story.counts.append((due, *state.slot, "overdue_change", 1))
        state.overdue = True


def _after(old: State | None, event: Body, cell: int | None) -> State:
    facts: dict[str, Any] = dict(old.facts) if old else {"reopened": 0}
    for name in _CARRIED:
        said = getattr(event, name)
        facts[name] = facts.get(name) if said is None else said
    if cell is not None:
        facts.update(lat=event.lat, lon=event.lon, cell=cell)
    status = old.status if old else "unknown"
    if event.event == "opened" and status != "open":
        facts.update(opened_at=event.ts, closed_at=None, reopened=facts["reopened"] + (status == "closed"))
        facts.setdefault("first_opened_at", event.ts)
        status = "open"
    elif event.event == "closed" and status != "closed":
        facts.update(closed_at=event.ts)
        status = "closed"
    elif event.event == "rated":
        facts.update(satisfaction=event.satisfaction, resolved=event.resolved, rated_at=event.ts)
    state = State(facts, status, event.ts)
    state.overdue = state.comes_due(event.ts) is not None
    return state


def _count(counts: list[Count], old: State | None, new: State, event: Body) -> None:
    """Append what an event changes, at its own time."""

    def add(what: str, amount: int = 1, slot: tuple[int, str] = new.slot) -> None:
        counts.append((event.ts, *slot, what, amount))

    was = old.status if old else "unknown"
    if new.is_open and was != "open":
        add("reopened" if was == "closed" else "opened")
    if new.status == "closed" and was != "closed":
        add("closed")
        if old is not None and old.is_open:
            add("took", event.ts - new.facts["opened_at"])
    if event.event == "rated":
        add("rated")
        if event.resolved is not None:
            add("asked_resolved")
            add("resolved_sum", int(event.resolved))
        if event.satisfaction is not None:
            add("asked_satisfied")
            add("satisfied_sum", event.satisfaction)
    for what, before, after in (
        ("open_change", old is not None and old.is_open, new.is_open),
        ("overdue_change", old is not None and old.overdue, new.overdue),
    ):
        if before and old is not None:
            add(what, -1, old.slot)
        if after:
            add(what)
