"""Matchers as in Alertmanager: `name=value`, `name!=value`, `name=~regex`, `name!~regex` (anchored at both ends).

https://prometheus.io/docs/alerting/latest/configuration/#matcher

Expressions are those of RE2, as there: they take time in proportion to the text, whatever it is. One that others wrote
may not hold up all receivers.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import re2

from schemas.alerts import SEVERITIES, AlertKind
from streams.errors import MatcherError

Labels = Mapping[str, Collection[str]]
"""The labels of one alert. One may have several values: an oversaturated cell has several operators."""

NAMES = ("severity", "kind", "cell", "region", "zone", "district", "operator", "policy", "subject")
"""The labels that an alert has."""

_VALUES: Mapping[str, Sequence[str]] = {"severity": SEVERITIES, "kind": get_args(AlertKind)}
"""All that some labels can be."""

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_SHOWN, _DISTRICTS_SHOWN = 60, 20
CELL = re.compile("8[0-9a-f]{14}")
_ALTERNATIVES = re.compile(r"\((?:\?:)?(?!\?)([^][(){}\\]*)\)|([^][(){}\\]*)")
_FORM = re.compile(r"""(\w+)\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|((?:[^"\\]|\\.)*\\?))""", re.DOTALL)
_ESCAPED = re.compile(r'\\(["\\n])')


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label. A label that an alert lacks is the empty text, as in Alertmanager."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Labels) -> bool:
        """Return whether some value fits; of `!=` and `!~`: whether none does."""
        values = labels.get(self.name) or ("",)
        if self.is_regex:
            pattern = _compiled(self.value)
            if isinstance(pattern, str):
                return False  # stored by an earlier version, which took others: it keeps nothing back
            found = any(pattern.fullmatch(value) is not None for value in values)
        else:
            found = self.value in values
        return found is self.is_equal

    def __str__(self) -> str:
        operation = ("=~" if self.is_regex else "=") if self.is_equal else ("!~" if self.is_regex else "!=")
        return f"{self.name}{operation}{_written(self.value)}"

    def as_json(self) -> dict[str, Any]:
        """Return it in the form of Alertmanager's API v2."""
        return {"name": self.name, "value": self.value, "isRegex": self.is_regex, "isEqual": self.is_equal}


def parse(text: str) -> Matcher:
    """Read one matcher; MatcherError says what is wrong with it."""
    found = _FORM.fullmatch(text.strip())
    if found is None:
        raise MatcherError(
            f"{text!r} is not a matcher; give one such as severity=major, zone!=default or cell=~8930994a.*; "
            'within a value a quote is \\"'
        )
    name, operation, quoted, bare = found.groups()
    value = _unescaped(bare if quoted is None else quoted)
    return checked(Matcher(name, value, is_regex="~" in operation, is_equal="!" not in operation))


def _unescaped(text: str) -> str:
    r"""Return what is meant by `\"`, `\\` and `\n`; any other backslash is one, such as that of `\d`.

    https://github.com/prometheus/alertmanager/blob/v0.27.0/pkg/labels/parse.go, ParseMatcher
    """
    return _ESCAPED.sub(lambda escaped: "\n" if escaped[1] == "n" else escaped[1], text)


def _written(value: str) -> str:
    r"""Return a value as `parse` reads it: where it would not be read as it stands, in quotes."""
    plain = value == value.strip() and not value.startswith("~") and not {'"', "\n"} & set(value)
    if plain and _unescaped(value) == value:
        return value
    return '"' + value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'


def from_json(items: Iterable[Mapping[str, Any]]) -> tuple[Matcher, ...]:
    """Read matchers in the form of Alertmanager's API v2."""
    return tuple(
        Matcher(m["name"], m["value"], bool(m.get("isRegex")), bool(m.get("isEqual", True))) for m in items
    )


def checked(matcher: Matcher) -> Matcher:
    """Return the matcher, or raise MatcherError where it could never be meant."""
    if matcher.name not in NAMES:
        raise MatcherError(f"{matcher.name!r} is not a label of alerts; they have {', '.join(NAMES)}")
    if not _is_text(matcher.value):
        raise MatcherError(f"{matcher.name}: {matcher.value!r} is not all text in UTF-8")
    if matcher.is_regex and isinstance(problem := _compiled(matcher.value), str):
        shown = matcher.value if len(matcher.value) <= _SHOWN else f"{matcher.value[:_SHOWN]}…"
        raise MatcherError(f"{matcher.name}: {shown!r} is not a regular expression of RE2 ({problem})")
    if (
        matcher.name == "cell"
        and not matcher.is_regex
        and matcher.value
        and not CELL.fullmatch(matcher.value)
    ):
        raise MatcherError(
            f"cell: {matcher.value!r} is not an H3 cell: 15 hexadecimal digits, a to f in small letters"
        )
    if known := _VALUES.get(matcher.name, ()):
        for one in (matcher, *_alternatives(matcher)):
            if (one.value or one.is_equal) and not any(_fits(one, value) for value in known):
                never = "that" if one is matcher else repr(one.value)
                raise MatcherError(
                    f"{matcher}: {matcher.name} is never {never}; it is one of {', '.join(known)}"
                )
    return matcher


def _alternatives(matcher: Matcher) -> list[Matcher]:
    """Return a matcher for each of those that an expression such as major|critical names, where it is that simple.

    With one of them misspelt it matches still, and nobody would hear of what was meant.
    """
    named = _ALTERNATIVES.fullmatch(matcher.value) if matcher.is_regex else None
    if named is None or "|" not in matcher.value:
        return []
    return [replace(matcher, value=value) for value in (named[1] or named[2]).split("|")]


def _fits(matcher: Matcher, value: str) -> bool:
    """Return whether this value is what the matcher speaks of, be it to have it or to leave it out."""
    return matcher.matches({matcher.name: (value,)}) is matcher.is_equal


@lru_cache(maxsize=16_384)  # more than hold at once: with fewer places each alert compiles all of them
def _compiled(pattern: str) -> Any:
    """Return what is matched with, or what is wrong with it."""
    try:
        return re2.compile(pattern, _OPTIONS)
    except re2.error as error:
        return error.args[0].decode(errors="replace")[: 2 * _SHOWN]


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def of_no_district(matchers: Iterable[Matcher], names: Collection[str] = ()) -> list[Matcher]:
    """Return those that match no alert where `names` are all districts that there are; a place may lie in none.

    Where there are districts to compare them with, also those that leave none of them out, and of several alternatives
    each that is no district.
    """
    found = list[Matcher]()
    for matcher in matchers:
        if matcher.name != "district":
            continue
        if not _matches_some(matcher, names):
            found.append(matcher)
        elif names:
            each = _alternatives(matcher) or [matcher]
            found += [one for one in each if not any(_fits(one, name) for name in ("", *names))]
    return found


def _matches_some(matcher: Matcher, districts: Iterable[str]) -> bool:
    return any(matcher.matches({"district": (name,)}) for name in ("", *districts))


def district_faults(matchers: Iterable[Matcher], file: Path | None, names: Sequence[str]) -> Iterator[str]:
    """Yield what is wrong with those of no district; `names` are those in `file`, which is UB_DISTRICTS_FILE."""
    for matcher in of_no_district(matchers, names):
        if file is None:
            yield (
                f"{matcher} matches no alert while UB_DISTRICTS_FILE is not set; set it for this process too, or leave "
                "the matcher out"
            )
        else:
            does = "leaves no alert out" if _matches_some(matcher, names) else "matches no alert"
            shown = ", ".join(names[:_DISTRICTS_SHOWN] or ["none"]) + (
                ", …" if len(names) > _DISTRICTS_SHOWN else ""
            )
            yield f"{matcher} {does}: the districts of UB_DISTRICTS_FILE={file} are {shown}"


def match_all(matchers: Sequence[Matcher], labels: Labels) -> bool:
    """Return whether every matcher matches; none at all match everything."""
    return all(matcher.matches(labels) for matcher in matchers)
