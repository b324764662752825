"""Inhibition as in Alertmanager: while one alert is open, notifications of others that follow from it are kept back.

https://prometheus.io/docs/alerting/latest/configuration/#inhibition-related-settings
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.alerts.matchers import NAMES, Labels, Matcher, match_all
from streams.alerts.matchers import parse as parse_matcher
from streams.errors import MatcherError, SettingsError

KEYS = ("source_match", "target_match", "equal")
_Key = tuple[frozenset[str], ...]


@dataclass(frozen=True, slots=True)
class Inhibition:
    """Open alerts that match `source` keep those back that match `target` and have the same values of `equal`.

    One that matches both sides is kept back by none that does so too: no two alerts silence each other.
    """

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """An open alert that may keep others back."""

    alert_id: str
    labels: Labels
    summary: str


class Sources:
    """Open alerts that may keep others back by some rules. However many there are, few are looked at for each alert."""

    def __init__(self, rules: Iterable[Inhibition], sources: Iterable[Source]) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        for source in sorted(sources, key=lambda source: source.alert_id) if self._rules else ():
            for rule in self._rules:
                rule.add(source)

    def first_against(self, alert_id: str, labels: Labels) -> Source | None:
        """Return an open alert that keeps this one back, the first by id; None: there is none."""
        found = (source for rule in self._rules if (source := rule.first_against(alert_id, labels)))
        return min(found, key=lambda source: source.alert_id, default=None)


class _Rule:
    """The sources of one rule in the order of their ids, by their values of `equal`; and which match one side only."""

    def __init__(self, rule: Inhibition) -> None:
        self._rule = rule
        self._all: dict[_Key, list[Source]] = defaultdict(list)
        self._one_sided: dict[_Key, list[Source]] = defaultdict(list)

    def add(self, source: Source) -> None:
        if match_all(self._rule.source, source.labels):
            key = self._key(source.labels)
            self._all[key].append(source)
            if not match_all(self._rule.target, source.labels):
                self._one_sided[key].append(source)

    def first_against(self, alert_id: str, labels: Labels) -> Source | None:
        """Return the first that keeps an alert back, without asking it of all."""
        if not match_all(self._rule.target, labels):
            return None
        sources = self._one_sided if match_all(self._rule.source, labels) else self._all
        candidates = sources.get(self._key(labels), ())
        return next((source for source in candidates if source.alert_id != alert_id), None)

    def _key(self, labels: Labels) -> _Key:
        return tuple(_values(labels, name) for name in self._rule.equal)


def inhibited_by(
    alert_id: str, labels: Labels, rules: Iterable[Inhibition], sources: Iterable[Source]
) -> Source | None:
    """Return what keeps one alert back; see Sources."""
    return Sources(rules, sources).first_against(alert_id, labels)


def read(items: Any, name: str) -> tuple[Inhibition, ...]:
    """Read the tables [[inhibit]] of the file of receivers; SettingsError names what is wrong."""
    if not isinstance(items, list):
        raise SettingsError(f"{name}: inhibit is {items!r}; tables [[inhibit]] are expected")
    return tuple(_rule(item, f"{name}, inhibit {number}") for number, item in enumerate(items))


def _rule(item: Any, where: str) -> Inhibition:
    if not isinstance(item, Mapping) or set(item) - set(KEYS):
        raise SettingsError(f"{where}: {item!r}; a table of {', '.join(KEYS)} is expected")
    equal = item.get("equal", [])
    if not isinstance(equal, list) or not all(name in NAMES for name in equal):
        raise SettingsError(f"{where}: equal is {equal!r}; a list of {', '.join(NAMES)} is expected")
    return Inhibition(
        _matchers(item, "source_match", where), _matchers(item, "target_match", where), tuple(equal)
    )


def _matchers(item: Mapping[str, Any], key: str, where: str) -> tuple[Matcher, ...]:
    value = item.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise SettingsError(
            f'{where}: {key} is {value!r}; a list of matchers is expected, such as ["kind=feed_silent"]'
        )
    try:
        return tuple(parse_matcher(text) for text in value)
    except MatcherError as error:
        raise SettingsError(f"{where}: {error}") from None


def _values(labels: Labels, name: str) -> frozenset[str]:
    return frozenset(labels.get(name) or ("",))
