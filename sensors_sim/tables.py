"""Tables of a TOML file to frozen dataclasses: every mistake is named with its key, its value, the rule and a way out.

A field `lasts_s` is the key `lasts`: a duration such as "90 s", "10 min", "1 h 30 min". A field `begins_s` is the key
`begins`: a duration after the start of the scenario, or a time of its clock, such as 19:30:00 or "19:30". All other
fields are keys of their own name, checked against the field's type and its msgspec.Meta.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import partial
from typing import Any, get_type_hints

import msgspec

MOST_LISTED = 20
"""Names that are listed though the nearest one is known."""

MOST_DAYS = 3_660
"""The longest duration: ten years."""

_UNITS = {"s": 1.0, "min": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(s|min|h|d)")
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")
_DURATION_RULE = 'a duration, such as "90 s", "10 min" or "1 h 30 min"'
_MOMENT_RULE = 'a time of the clock, such as "19:30", or a duration after the start, such as "10 min"'


class Refused(Exception):
    """A value of one key that breaks a rule; raised by the `check` of what was read."""

    def __init__(self, key: str, value: object, rule: str) -> None:
        super().__init__(key, value, rule)
        self.key, self.value, self.rule = key, value, rule


def refusals(check: Callable[[], object]) -> list[Refused]:
    """Return what a check refuses."""
    try:
        check()
    except Refused as one:
        return [one]
    except ExceptionGroup as several:
        return [one for one in several.exceptions if isinstance(one, Refused)]
    return []


def each(*checks: Callable[[], object]) -> None:
    """Make all checks, even if the first ones fail; raise what they refuse: one Refused, or a group of them."""
    found = [one for check in checks for one in refusals(check)]
    if len(found) == 1:
        raise found[0]
    if found:
        raise ExceptionGroup("refused", found)


@dataclass
class Problems:
    """What is wrong with a file, a line each."""

    lines: list[str] = field(default_factory=list)

    def add(self, path: str, value: object, rule: str) -> None:
        """Add a mistake: where it stands, what stands there, and what should."""
        self.lines.append(f"{path} = {shown(value)}: {rule}")

    def missing(self, path: str, what: str) -> None:
        """Add a key that is not there."""
        self.lines.append(f"{path} is missing: {what}")


def build[T](cls: type[T], table: object, path: str, problems: Problems, start: datetime | None) -> T | None:
    """Return the dataclass that a table describes, or None where it is wrong; mistakes go into `problems`.

    path   where the table stands, such as `events[2]`; "" for the file itself
    start  the local time that times of the clock count from, with its zone where clocks are put forward and back;
           None where there are no such times
    """
    if not isinstance(table, dict):
        problems.add(path, table, f"a table is expected, with the keys {listed(keys_of(cls))}")
        return None
    before = len(problems.lines)
    types = get_type_hints(cls, include_extras=True)
    known = {key_of(one): one for one in fields(cls)}  # type: ignore[arg-type]
    for key, value in table.items():
        if key not in known:
            problems.add(joined(path, key), value, f"there is no such key here; {choice(key, known)}")
    values: dict[str, Any] = {}
    for key, one in known.items():
        at = joined(path, key)
        if key not in table:
            if one.default is MISSING and one.default_factory is MISSING:
                problems.missing(at, rule_of(one, types[one.name]))
            continue
        given, kind = table[key], types[one.name]
        try:
            values[one.name] = _value(one, kind, given, start)
        except Refused as refused:
            for said in _one_by_one(one, kind, given, start) or [refused]:
                problems.add(at + said.key, said.value, said.rule)
    return cls(**values) if len(problems.lines) == before else None


def _one_by_one(one: "Field[Any]", kind: Any, value: object, start: datetime | None) -> list[Refused]:
    """Return what is wrong with each part of a table or a list; nothing where it is wrong as a whole, or is neither."""
    found = []
    if isinstance(value, dict):
        for name, part in value.items():
            found += refusals(partial(_value, one, kind, {name: part}, start))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            for refused in _of_part(part, len(value), lambda parts: _value(one, kind, parts, start)):
                inner = refused.key.removeprefix("[0]")
                found.append(Refused(f"[{number}]{inner}", _at(part, inner), refused.rule))
    return found


def _at(part: object, path: str) -> object:
    """Return what stands at a path such as `[0][1]` in a list of lists."""
    for index in re.findall(r"\[(\d+)\]", path):
        if not isinstance(part, list):
            break
        part = part[int(index)]
    return part


def _of_part(part: object, most: int, check: Callable[[list[object]], object]) -> list[Refused]:
    """Return what is wrong with a part of a list; nothing where only a list of up to `most` parts is wrong itself.

    By itself a part may be too short a list, as one point of a road: then it stands there several times.
    """
    many = 1
    while True:
        refused = refusals(partial(check, [part] * many))
        inside = [one for one in refused if one.key.startswith("[0]")]
        if inside or not refused or many == most:
            return inside
        many = min(2 * many, most)


def keys_of(cls: type[Any]) -> list[str]:
    """Return the keys that a table of that dataclass takes."""
    return [key_of(one) for one in fields(cls)]


def key_of(one: "Field[Any]") -> str:
    """Return the key of a field."""
    return one.name.removesuffix("_s")


def rule_of(one: "Field[Any]", kind: Any) -> str:
    """Say what a field takes."""
    if one.name == "begins_s":
        return _MOMENT_RULE
    return _DURATION_RULE if one.name.endswith("_s") else _typed(kind)


def _value(one: "Field[Any]", kind: Any, value: object, start: datetime | None) -> object:
    if one.name == "begins_s":
        return moment(value, start)
    if one.name.endswith("_s"):
        seconds = duration(value)
        if one.name == "lasts_s" and not seconds:
            raise Refused("", value, "a duration of more than 0 s is expected")
        return seconds
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        said, _, at = str(error).partition(" - at `$")
        names = _choices(kind)
        if isinstance(value, str) and names:
            raise Refused("", value, choice(value, names)) from None
        inner = re.sub(r"\[\.\.\.\]", "", at.rstrip("`"))
        raise Refused(inner, value, _plainly(said)) from None


def _plainly(said: str) -> str:
    """Return what msgspec says of a value, in the words of a TOML file: "a whole number >= 1 is expected"."""
    if said.startswith("Invalid RFC3339"):
        return f"{_NAMES['datetime' if 'datetime' in said else 'date']} is expected"
    if not said.startswith("Expected"):
        return said
    rule = said.removeprefix("Expected ").partition(", got")[0].partition(" - at `key`")[0].replace("`", "")
    rule = (
        rule.replace("str of length >= 1", "a text that is not empty")
        .replace(".0", "")
        .replace(" | null", "")
    )
    if "matching regex" in rule:
        return "letters, digits and _ . : - are expected"
    return (
        " or ".join(_WORDS.sub(lambda word: _NAMES[word[0]], part) for part in rule.split(" | "))
        + " is expected"
    )


def duration(value: object) -> float:
    """Return the seconds of a duration such as "10 min"; Refused if it is none."""
    text = value.strip() if isinstance(value, str) else ""
    parts = _DURATION.findall(text)
    if not parts or _DURATION.sub("", text).strip():
        raise Refused("", value, f"{_DURATION_RULE} is expected (units: {', '.join(_UNITS)})")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if seconds > MOST_DAYS * _UNITS["d"]:
        raise Refused("", value, f"a duration is expected of {MOST_DAYS:,} d at the most")
    return seconds


def moment(value: object, start: datetime | None) -> float:
    """Return the seconds after `start` of a time of its clock, or of a duration after it; Refused if it is neither."""
    clock = _clock(value)
    if clock is None:
        try:
            return duration(value)
        except Refused:
            raise Refused("", value, f"{_MOMENT_RULE} is expected") from None
    if start is None:
        raise Refused("", value, f"{_DURATION_RULE} is expected")
    then = datetime.combine(start.date(), clock, start.tzinfo)
    if then < start:
        again = then.replace(fold=1)  # where clocks were put back between the two
        comes = start.tzinfo is not None and again.astimezone(UTC) >= start.astimezone(UTC)
        then = again if comes else then + timedelta(days=1)
    if start.tzinfo is None:
        return (then - start).total_seconds()
    at = then.astimezone(UTC)
    if at.astimezone(start.tzinfo).replace(tzinfo=None) != then.replace(tzinfo=None):
        raise Refused("", value, f"clocks are put forward over it on {then.date()}; there is no such time")
    return (at - start.astimezone(UTC)).total_seconds()


def _clock(value: object) -> time | None:
    if isinstance(value, time):
        return value
    match = _CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    hour, minute, second = (int(part or 0) for part in match.groups())
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def choice(value: str, known: Iterable[str]) -> str:
    """Name the known value that is nearest to a wrong one, and all of them where they are few or none is near."""
    names = sorted(known)
    near = get_close_matches(value, names, n=1) or [
        n for n in names if n.lower().startswith(value.lower()[:3])
    ]
    if not near or not value:
        return f"there are: {listed(names)}"
    return f"did you mean {near[0]!r}?" + (
        f" there are: {listed(names)}" if len(names) <= MOST_LISTED else ""
    )


def listed(names: Sequence[str], most: int = 60) -> str:
    """Return names with commas; the first ones where there are very many."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def joined(path: str, key: str) -> str:
    """Return the path of a key in a table."""
    return f"{path}.{key}" if path else key


def shown(value: object) -> str:
    """Return a value as a person would look for it in the file."""
    text = repr(dict(value) if isinstance(value, Mapping) else value)
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, date | time):  # a datetime is a date
        text = value.isoformat()
    return text if len(text) <= 60 else text[:57] + "..."


def _choices(kind: Any) -> tuple[str, ...]:
    """Return the values of a Literal of strings."""
    return tuple(one for one in getattr(kind, "__args__", ()) if isinstance(one, str))


_NAMES = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
    "datetime": "a date and time, such as 2026-03-02T07:00:00",
    "date": "a date, such as 2026-05-01",
}
_WORDS = re.compile(rf"\b({'|'.join(_NAMES)})\b")


def _typed(kind: Any) -> str:
    base = getattr(kind, "__origin__", kind) if hasattr(kind, "__metadata__") else kind
    if _choices(base):
        return f"one of {listed(_choices(base))}"
    name = getattr(base, "__name__", "")
    if name in ("tuple", "list"):
        return "a list of texts" if "str" in str(base) else "a list"
    return _NAMES.get(name, "a table")
