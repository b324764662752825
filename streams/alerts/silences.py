"""Silences as in Alertmanager: they suppress notifications, never the alert itself."""

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from streams.alerts.matchers import Labels, Matcher, from_json, match_all
from streams.printable import printable
from streams.store.alert_desk import SilenceRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Silence:
    """Alerts that match every one of `matchers` are silent in [starts_at, ends_at), by the wall clock."""

    silence_id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    comment: str

    def holds(self, labels: Labels, now: datetime) -> bool:
        """Return whether an alert with these labels is silent at `now`."""
        return self.starts_at <= now < self.ends_at and match_all(self.matchers, labels)


def of_row(row: SilenceRow) -> Silence:
    """Read a silence as it is stored."""
    return Silence(row.silence_id, from_json(row.matchers), row.starts_at, row.ends_at, row.comment)


class Heeded:
    """Reads silences as they are stored, for a process that knows districts or not.

    One that does not leaves out those that ask for districts, and says so: to it all alerts lie outside of every
    district, so that district!=Pudong would keep back all of Pudong.
    """

    def __init__(self, *, districts: bool) -> None:
        self._districts = districts
        self._left_out: frozenset[str] = frozenset()

    def __call__(self, rows: Iterable[SilenceRow]) -> list[Silence]:
        """Return those that this process can tell whether they hold."""
        silences = list(map(of_row, rows))
        if self._districts:
            return silences
        by_district = [silence for silence in silences if any(m.name == "district" for m in silence.matchers)]
        left_out = frozenset(silence.silence_id for silence in by_district)
        if left_out - self._left_out:
            log.warning(
                "silences that ask for districts silence nothing here (%d, such as %s): set UB_DISTRICTS_FILE for this "
                "process too",
                *(len(left_out), printable(" ".join(map(str, by_district[0].matchers)))),
            )
        self._left_out = left_out
        return [silence for silence in silences if silence.silence_id not in left_out]


def stored(matchers: Iterable[Matcher]) -> str:
    """Return matchers as they are stored."""
    return json.dumps([matcher.as_json() for matcher in matchers])


def longer(one: Silence | None, other: Silence | None) -> Silence | None:
    """Return the one that ends later; of two that end at once always the same."""
    return max((silence for silence in (one, other) if silence is not None), key=_end, default=None)


def _end(silence: Silence) -> tuple[datetime, str]:
    return silence.ends_at, silence.silence_id


class Silences:
    """Silences, to be asked about many alerts. However many there are, few are looked at for each alert.

    One that asks for a certain value (zone=harbour) is looked at for alerts with that value only; of several values
    that it asks for, the one that fewest others ask for decides. Those without any are looked at for every alert.
    """

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        known = sorted(silences, key=_end, reverse=True)  # those that end last first: fewest are matched then
        shared = Counter(value for silence in known for value in _asked_for(silence))
        self._by_value: dict[tuple[str, str], list[Silence]] = defaultdict(list)
        self._others: list[Silence] = []
        for silence in known:
            rarest = min(_asked_for(silence), key=shared.__getitem__, default=None)
            (self._others if rarest is None else self._by_value[rarest]).append(silence)
        self._names = {name for name, _ in self._by_value}

    def __bool__(self) -> bool:
        return bool(self._by_value or self._others)

    def longest(self, labels: Labels, now: datetime) -> Silence | None:
        """Return the silence that holds longest for these labels, if any holds."""
        longest: Silence | None = None
        for silence in self._candidates(labels):
            if (longest is None or _end(silence) > _end(longest)) and silence.holds(labels, now):
                longest = silence
        return longest

    def _candidates(self, labels: Labels) -> Iterator[Silence]:
        for name in self._names:
            # as matchers have it: what lacks the label has the empty text
            for value in labels.get(name) or ("",):
                yield from self._by_value.get((name, value), ())
        yield from self._others


def _asked_for(silence: Silence) -> Iterator[tuple[str, str]]:
    for matcher in silence.matchers:
        if matcher.is_equal and not matcher.is_regex:
            yield matcher.name, matcher.value
