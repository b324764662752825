"""Readings out of range: a level that each of them raises, and each good reading lowers."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from streams.columnar.arrays import Records
from streams.sensing.health.arrivals import News
from streams.sensing.health.record import UNKNOWN
from streams.sensing.health.rule import HealthRule


@dataclass(frozen=True, slots=True)
class OutOfRange:
    """A reading of a series that was refused; `place` is the number of readings that the batch had before it."""

    row: int
    ts: int
    place: int


def learn(records: Records, refused: Sequence[OutOfRange], news: News, rule: HealthRule) -> None:
    """Take in a batch, in the order of the log: only series that were refused now, or lately, are looked at."""
    ill = {item.row for item in refused}
    worried = records["level"] > 0
    if worried.any():
        ill.update(np.unique(news.row[worried[news.row]]).tolist())
    if not ill:
        return
    events: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for item in refused:
        events[item.row].append((item.place, 0, item.ts))
    theirs = np.flatnonzero(np.isin(news.row, sorted(ill)))
    rows, places, times = (column[theirs].tolist() for column in (news.row, news.place, news.ts))
    for row, place, ts in zip(rows, places, times, strict=True):
        events[row].append((place, 1, ts))
    for row, some in sorted(events.items()):
        # those at one place as they came in, whatever their times
        _follow(records[row], sorted(some, key=itemgetter(0, 1)), rule)


def _follow(record: np.void, events: Sequence[tuple[int, int, int]], rule: HealthRule) -> None:
    for _, good, ts in events:
        level = int(record["level"])
        if good:
            record["level"] = max(0, level - 1)
            if level <= 1:
                if record["broken"]:
                    record["told_broken"] = UNKNOWN
                record["broken"] = record["refused"] = record["refused_since"] = 0
        elif ts > record["refused_last"]:
            if level == 0:
                record["refused_since"] = ts
            record["level"] = min(rule.refused_most, level + rule.refused_up)
            record["refused"] += 1
            record["refused_last"] = ts
            if record["level"] >= rule.refused_at:
                record["broken"] = 1
