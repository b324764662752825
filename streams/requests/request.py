"""One request: the life that is settled, the events that may still get company, and the life after them.

An event older than the watermark by more than the amend horizon is refused, so what lies before that limit has its
final order. It is settled: folded into one Life, its events dropped. The rest is kept in order, and a late event has
the lives after it computed anew; what the counts owe to the request is the difference.

```
  ──────────── settled ────────────┬── items ──────────────► event time
                          watermark - amend horizon
```
"""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from operator import attrgetter
from typing import Literal

from streams.requests.events import Item
from streams.requests.life import Change, Life, come_due, step

MOST_ITEMS = 1_000
"""Events of one request within the amend horizon: a late one costs a step for each, so there must be a bound."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Milliseconds: how long after the watermark events are accepted, and how long a closed request is known."""

    amend_horizon_ms: int
    forget_request_ms: int


@dataclass(frozen=True, slots=True)
class Added:
    """What an event changes in the counts, and whether it has a place (see life.step)."""

    changes: list[Change]
    placed: bool


class Request:
    """A request of one owner. `life` is that after all items, as time has told it so far (`pass_time`)."""

    __slots__ = ("_spans", "items", "life", "owner", "settled")

    def __init__(
        self, owner: str, spans: Spans, settled: Life | None = None, items: list[Item] | None = None
    ) -> None:
        self.owner = owner
        self.settled = settled
        self.items = items or []
        self.life = settled
        self._spans = spans

    def add(self, item: Item, watermark: int) -> "Added | Literal['known', 'full']":
        """Take in an event. `watermark` is that which it met, and `pass_time` was called with."""
        self.settle(watermark - self._spans.amend_horizon_ms)
        is_last = not self.items or self.items[-1].ts < item.ts
        at = len(self.items) if is_last else bisect_left(self.items, item)
        if at < len(self.items) and self.items[at].text == item.text:
            return "known"
        if len(self.items) >= MOST_ITEMS:
            return "full"
        if at == len(self.items) and not self._was_due_after(item.ts):
            changes: list[Change] = []
            before, self.life = self.life, step(self.life, item, self._spans.forget_request_ms, changes)
            self.items.append(item)
            return Added(changes, placed=self.life is not before)
        owed = self._live(watermark)
        self.items.insert(at, item)
        changes = _difference(owed, self._live(watermark))
        return Added(changes, placed=item not in self.unplaced())

    def pass_time(self, watermark: int) -> list[Change]:
        """Return what time alone changes: the request is overdue once the watermark has passed it."""
        changes: list[Change] = []
        self.life = self.life and come_due(self.life, watermark, changes)
        return changes

    def resume(self, watermark: int) -> None:
        """Live through the items of a request that came back; the counts know of it."""
        self._live(watermark)

    def settle(self, limit: int) -> bool:
        """Fold the items before `limit` into the settled life: no event can come before them any more.

        Returns whether that is all there is of the request.
        """
        if self.items and self.items[0].ts >= limit:
            return False
        # Then the life after all of them is known.
        if (not self.items or self.items[-1].ts < limit) and not self._was_due_after(limit):
            self.settled, self.items = self.life, []
            return self.settled is not None
        count = bisect_left(self.items, limit, key=attrgetter("ts"))
        for item in self.items[:count]:
            self.settled = step(self.settled, item, self._spans.forget_request_ms, [])
        del self.items[:count]
        return False

    def unplaced(self) -> list[Item]:
        """Return the items that count nowhere: no event before them says place and category, nor do they."""
        life, found = self.settled, []
        for item in self.items:
            after = step(life, item, self._spans.forget_request_ms, [])
            if after is life:
                found.append(item)
            life = after
        return found

    def remove(self, items: list[Item]) -> None:
        """Drop items that count nowhere."""
        gone = {item.text for item in items}
        self.items = [item for item in self.items if item.text not in gone]

    def alarm(self) -> int | None:
        """Return the event time after which the watermark makes something of it: it is overdue, or is forgotten.

        The number of a request that is not open is free once no event of it can come any more.
        """
        life = self.life
        if life is None:
            return None
        if life.status == "open":
            return None if life.overdue else life.expected_datetime
        over = life.updated_at + self._spans.forget_request_ms
        newest = self.items[-1].ts if self.items else over
        return max(over, newest) + self._spans.amend_horizon_ms

    def _live(self, watermark: int) -> list[Change]:
        """Live through the items again; returns all that the counts owe to them."""
        changes: list[Change] = []
        life = self.settled
        for item in self.items:
            life = step(life, item, self._spans.forget_request_ms, changes)
        self.life = life and come_due(life, watermark, changes)
        return changes

    def _was_due_after(self, ts: int) -> bool:
        """Return whether time made the request overdue beyond an event at `ts`: it may not have been."""
        life = self.life
        due = life.expected_datetime if life is not None and life.overdue else None
        return due is not None and due >= ts


def _difference(before: list[Change], after: list[Change]) -> list[Change]:
    amounts: Counter[tuple[int, int, str, int, int]] = Counter()
    for changes, sign in ((before, -1), (after, 1)):
        for change in changes:
            where = change.ts, change.cell, change.service_code, change.column, change.took_ms
            amounts[where] += sign * change.amount
    return [Change(*key, amount) for key, amount in amounts.items() if amount]
