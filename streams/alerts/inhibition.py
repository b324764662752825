"""Inhibition as in Alertmanager: while one alert is open, notifications of others that follow from it are kept back.

https://prometheus.io/docs/alerting/latest/configuration/#inhibition-related-settings
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.alerts.matchers import NAMES, Labels, Matcher, match_all
from streams.alerts.matchers import parse as parse_matcher
from streams.errors import MatcherError, SettingsError

KEYS = ("source_match", "target_match", "equal")


@dataclass(frozen=True, slots=True)
class Inhibition:
    """Open alerts that match `source` keep those back that match `target` and have the same values of `equal`."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()

    def inhibits(self, source: Labels, target: Labels) -> bool:
        """Return whether an open alert keeps another one back.

        One that matches both sides is kept back by none that does so too: no two alerts silence each other.
        """
        if not (match_all(self.source, source) and match_all(self.target, target)):
            return False
        if match_all(self.source, target) and match_all(self.target, source):
            return False
        return all(_values(source, name) == _values(target, name) for name in self.equal)


@dataclass(frozen=True, slots=True)
class Source:
    """An open alert that may keep others back."""

    alert_id: str
    labels: Labels
    summary: str


def inhibited_by(
    alert_id: str, labels: Labels, rules: Iterable[Inhibition], sources: Iterable[Source]
) -> Source | None:
    """Return an open alert that keeps this one back, the first by id; None: there is none."""
    rules = tuple(rules)
    found = [
        source
        for source in (sources if rules else ())
        if source.alert_id != alert_id and any(rule.inhibits(source.labels, labels) for rule in rules)
    ]
    return min(found, key=lambda source: source.alert_id, default=None)


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
