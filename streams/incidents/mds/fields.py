"""Values of MDS documents, each checked by itself: a wrong one becomes an error and a harmless value."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from schemas.vehicles import COUNTED_STATES, GONE_STATES, VEHICLE_TYPES
from streams.incidents.mds.hours import DAY_S, DAYS, Hours, clock
from streams.incidents.mds.states import left_out
from streams.incidents.policy_findings import Findings
from streams.printable import is_printable

MDS_TYPES = (
    *("bicycle", "bus", "cargo_bicycle", "car", "delivery_robot", "moped", "motorcycle"),
    *("scooter", "scooter_standing", "scooter_seated", "truck", "other"),
)
_TIME = "milliseconds since the epoch"
_FIRST_MS = 978_307_200_000
"""In 2001, long before there was MDS: what lies before it is in seconds, but for 0, which is ever since."""
_LAST_MS = 253_402_300_799_999
"""The end of the year 9999, which is for good: what lies after it is in microseconds."""
_SCOOTERS = {"scooter_standing", "scooter_seated"}


def whole(value: object) -> int | None:
    """Return a whole number of 0 or more, None where a value is none.

    100.0 is one: so it is written by programs that know numbers of one kind only.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1 << 53:
        return None
    return int(value) if value == int(value) else None


def spaced(text: str) -> str:
    """Return a text with plain spaces for those of other widths, or that do not break: they are not printable."""
    return "".join(" " if unicodedata.category(letter) == "Zs" else letter for letter in text)


def shown(value: object) -> str:
    """Return what a JSON value is, in a few words."""
    if isinstance(value, dict):
        return "an object"
    return f"a list of {len(value):,}" if isinstance(value, list) else f"{value!r:.80}"


def others(objects: Iterable[object], known: Collection[str]) -> str:
    """Return which keys JSON objects have beside those that are known, for people; nothing where there are none."""
    keys = {str(key) for one in objects if isinstance(one, dict) for key in one.keys() - set(known)}
    return f"{sorted(keys)!r:.200}" if keys else ""


class Fields:
    """The fields of one JSON object at a place of the document, such as data.policies[0].rules[2]."""

    def __init__(self, values: Mapping[str, Any], place: str, findings: Findings) -> None:
        self.values = values
        self.place = place
        self._findings = findings

    def error(self, key: str, rule: str) -> None:
        """Add a mistake in the value of a key."""
        given = f"is {self.values[key]!r}" if key in self.values else "is missing"
        self._findings.error(self._at(key), f"{given}; {rule}")

    def note(self, key: str, text: str) -> None:
        """Add something that is no mistake."""
        self._findings.note(self._at(key), text)

    def _at(self, key: str) -> str:
        return ".".join(filter(None, (self.place, key)))

    def note_unknown(self, known: Collection[str]) -> None:
        """Name keys that MDS does not have: they may be misspelt."""
        for key in sorted(self.values.keys() - set(known)):
            self._findings.without_effect(self._at(str(key)), "MDS 2.0 has no such field; it is ignored")

    def text(self, key: str) -> str:
        """Return a text that must be there."""
        value = self.values.get(key)
        text = spaced(value) if isinstance(value, str) else ""
        if not text.strip() or not is_printable(text):
            self.error(key, "a text of printable characters is expected")
            return "?"
        return text

    def uuid(self, key: str) -> str:
        """Return a UUID, in small letters."""
        value = self.values.get(key)
        try:
            return str(UUID(value))
        except (ValueError, TypeError, AttributeError):
            self.error(key, "a UUID is expected")
            return ""

    def texts(self, key: str, pattern: str, what: str) -> list[str]:
        """Return a list of texts that match; none where the key is null or missing."""
        value = self.values.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(
            isinstance(v, str) and re.fullmatch(pattern, v) for v in value
        ):
            self.error(key, f"a list of {what} is expected")
            return []
        return value

    def uuids(self, key: str, what: str) -> list[str]:
        """Return a list of UUIDs, in small letters; none where the key is null or missing."""
        found = self.texts(key, ".+", what)
        try:
            return [str(UUID(one)) for one in found]
        except ValueError:
            self.error(key, f"a list of {what} is expected")
            return []

    def vehicle_types(self) -> frozenset[str]:
        """Return the types that a rule names; `scooter`, of MDS before 2.0, are those with and without a seat."""
        what = f"vehicle types of MDS ({', '.join(MDS_TYPES)})"
        found = frozenset(self.texts("vehicle_types", "|".join(MDS_TYPES), what))
        return found | _SCOOTERS if "scooter" in found else found

    def of_single_vehicles(self, about: str) -> frozenset[str] | None:
        """Return the types that a rule on single vehicles names; empty: all; None: no vehicle here has one of them.

        Notes what else such a rule cannot ask for; `about` says what it is on.
        """
        if self.values.get("propulsion_types") not in (None, []):
            self.error("propulsion_types", "vehicles are not distinguished by propulsion; leave it out")
        if self.values.get("minimum") not in (None, 0):
            self.error("minimum", f"a rule on {about} has no minimum; leave it out")
        given = self.vehicle_types()
        types = given & set(VEHICLE_TYPES)
        if given and not types:
            self.note("vehicle_types", "no vehicle here has one of these types; the rule is not evaluated")
            return None
        return types

    def only_maximum(self) -> int | None:
        """Return the bound of a rule that can have no other; None where it has none, or a wrong one."""
        if self.values.get("maximum") is None:
            self.note("", "no bounds: the rule only keeps its vehicles from the rules after it")
        return self.number("maximum")

    def named[T](self, key: str, table: Mapping[str, T]) -> T:
        """Return what a text stands for; the first of the table where it is none of its names."""
        value = self.values.get(key)
        if not isinstance(value, str) or value not in table:
            self.error(key, f"one of {', '.join(table)} is expected")
            return next(iter(table.values()))
        return table[value]

    def number(self, key: str) -> int | None:
        """Return a whole number of 0 or more, None where the key is null or missing."""
        value = self.values.get(key)
        if value is None:
            return None
        found = whole(value)
        if found is None:
            self.error(key, "a whole number of 0 or more is expected")
        return found

    def unbounded(self, minimum: float | None, maximum: float | None) -> bool:
        """Return whether no bounds are given, of those that were read: one that is wrong is a mistake already."""
        read = {"minimum": minimum, "maximum": maximum}
        wrong = any(found is None and self.values.get(key) is not None for key, found in read.items())
        return not minimum and maximum is None and not wrong

    def decimal(self, key: str) -> float | None:
        """Return a number of 0 or more, None where the key is null or missing."""
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
            self.error(key, "a number of 0 or more is expected")
            return None
        return float(value)

    def timestamp(self, key: str, *, required: bool) -> int | None:
        """Return milliseconds since the epoch, None where there are none."""
        value = self.values.get(key)
        if value is None and not required:
            return None
        found = whole(value)
        if found is None:
            self.error(key, f"{_TIME} are expected")
        elif 0 < found < _FIRST_MS:
            day = datetime.fromtimestamp(found / 1000, UTC)
            self.error(
                key, f"{_TIME} are expected, and as such it is {day:%Y-%m-%d}; give seconds times 1,000"
            )
        elif found > _LAST_MS:
            self.error(
                key,
                f"{_TIME} are expected, and as such it lies after the year 9999; divide microseconds by 1,000",
            )
        else:
            return found
        return None

    def yes(self, key: str) -> bool:
        """Return true or false; true where the key is null or missing."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            self.error(key, "true or false is expected")
        return value is None or bool(value)

    def states(self) -> tuple[str, ...]:
        """Return the states that a rule counts; all that can be counted where none is named."""
        value = self.values.get("states")
        if value is None or value in ({}, []):
            return COUNTED_STATES
        if not isinstance(value, dict):
            self.error("states", 'an object such as {"available": []} is expected')
            return COUNTED_STATES
        counted = not value.keys().isdisjoint(COUNTED_STATES)
        for state, events in value.items():
            place = f"{self.place}.states.{state}"
            if state in COUNTED_STATES:
                self._all_events(place, state, events)
            elif state in GONE_STATES and counted:
                self._findings.note(place, "a vehicle in this state is in no cell, so none is evaluated")
            else:
                way_out = (
                    "leave it out"
                    if counted
                    else "name one of them, or remove the rule: without states it would apply to others"
                )
                rule = f"vehicles are counted in the states {', '.join(COUNTED_STATES)}; {way_out}"
                self._findings.error(place, rule)
        return tuple(state for state in COUNTED_STATES if state in value)

    def _all_events(self, place: str, state: str, events: object) -> None:
        """Refuse a state by which only some of the events that lead to it are meant: readings do not tell of events."""
        if not isinstance(events, list | None) or not all(isinstance(event, str) for event in events or ()):
            self._findings.error(place, f"is {shown(events)}; a list of events is expected, [] for all")
        elif missing := left_out(state, events or ()):
            rule = f"is {events!r:.200}; vehicles are counted by state, not by event: use [], or name all events "
            self._findings.error(place, f"{rule}that lead to it (left out: {', '.join(missing)})")

    def hours(self) -> Hours:
        """Return the days and times of the day of a rule."""
        value = self.values.get("days")
        days = frozenset(range(7))
        if value is not None and value != []:
            if isinstance(value, list) and all(isinstance(v, str) and v in DAYS for v in value):
                days = frozenset(map(DAYS.index, value))
            else:
                self.error("days", f"a list of {', '.join(DAYS)} is expected")
        hours = Hours(days, self._second("start_time", 0), self._second("end_time", DAY_S - 1))
        if hours.start == hours.end:
            self.note(
                "end_time",
                f"the rule is in effect for one second a day, at {clock(hours.start)}; "
                "leave start_time and end_time out for whole days",
            )
        return hours

    def _second(self, key: str, usual: int) -> int:
        value = self.values.get(key)
        if value is None:
            return usual
        found = (
            re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])", value)
            if isinstance(value, str)
            else None
        )
        if found is None:
            self.error(key, "a time of the day as hh:mm:ss, 00:00:00 to 23:59:59, is expected")
            return usual
        hour, minute, second = map(int, found.groups())
        return hour * 3600 + minute * 60 + second
