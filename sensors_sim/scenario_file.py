"""Scenario files: TOML, read and checked but for what events name in the city. docs/scenarios.md describes the form."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Annotated, Any

import msgspec

from schemas.owners import RESERVED
from schemas.vehicles import ID_PATTERN
from sensors_sim.city import City
from sensors_sim.errors import FaultsError
from sensors_sim.events.catalogue import EVENTS
from sensors_sim.events.contract import Event
from sensors_sim.faults import NO_FAULTS, Faults
from sensors_sim.sensors.world import FEWEST_SENSORS, MOST_SENSORS, SHARES
from sensors_sim.tables import MOST_DAYS, Problems, Refused, build, choice
from sensors_sim.toml_file import table_of, wrong
from sensors_sim.zones import is_skipped

CITY = "pudong"
MOST_BIKES = 1_000_000
MOST_SEED = 2**63 - 1

_DAY_S = 86_400
MOST_SECONDS = MOST_DAYS * _DAY_S
_YEARS = 2002, 2089
"""Of the start: also ten years later, seconds and milliseconds cannot be mistaken for one another."""

_Whole = Annotated[int, msgspec.Meta(ge=1, le=MOST_BIKES)]
_Operator = Annotated[str, msgspec.Meta(pattern=ID_PATTERN, max_length=57)]
"""An id of its bikes is 7 characters longer."""


@dataclass(frozen=True, slots=True)
class When:
    """The table [calendar]: `start` is local time of the city, without an offset.

    settle, warm_up   how long bikes and sensors live before the start without reporting
    """

    start: datetime
    duration_s: float
    holidays: tuple[date, ...] = ()
    working_days: tuple[date, ...] = ()
    settle_s: float = 900.0
    warm_up_s: float = 3_600.0


_SOME_DAY = When(datetime(2026, 1, 1), 86_400)
"""For looking up names where no calendar can be read."""


@dataclass(frozen=True, slots=True)
class Populations:
    """The table [populations].

    bikes     how many, in all or by operator; 0 stands for what the city has room for
    sensors   how many, in all or by kind
    requests  how many people call, as a share of the usual number
    """

    bikes: _Whole | dict[_Operator, _Whole] = 0
    sensors: Annotated[int, msgspec.Meta(ge=FEWEST_SENSORS, le=MOST_SENSORS)] | dict[str, _Whole] = 600
    requests: Annotated[float, msgspec.Meta(ge=0, le=100)] = 1.0


@dataclass(frozen=True, slots=True)
class _Keys:
    """What a file may say at its top."""

    summary: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    calendar: dict[str, Any]
    city: str = CITY
    seed: Annotated[int, msgspec.Meta(ge=0, le=MOST_SEED)] = 1
    populations: dict[str, Any] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    faults: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """What a file says. `at` names the place of each event in it, for errors.

    problems  what is wrong with it, a line each; the other fields have the usual value in place of each wrong one
    unsure    keys of events that cannot be looked up because of these problems
    """

    source: str
    summary: str
    city: City
    seed: int
    when: When
    populations: Populations
    events: tuple[Event, ...]
    at: tuple[str, ...]
    faults: Faults
    problems: tuple[str, ...] = ()
    unsure: frozenset[str] = frozenset()


def read(text: bytes, source: str, city_of: Callable[[str], City]) -> ScenarioFile:
    """Return what a file says, with its mistakes, a line each; ScenarioError lists them if its city is one.

    source   its name
    city_of  returns the city of a name; Refused if there is none
    """
    problems = Problems()
    file = _file(table_of(text, source), source, city_of, problems)
    if file is None:
        raise wrong(source, problems.lines)
    return replace(file, problems=tuple(problems.lines))


def _file(
    table: Mapping[str, Any], source: str, city_of: Callable[[str], City], problems: Problems
) -> ScenarioFile | None:
    keys = build(_Keys, table, "", problems, None)
    city = _city(table.get("city", CITY), city_of, problems)
    zone = UTC if city is None else city.zone
    parts = {name: table.get(name) for name in ("calendar", "populations", "events", "faults")}
    when = None
    if isinstance(parts["calendar"], dict):
        when = build(When, parts["calendar"], "calendar", problems, None)
        if when is None:  # the start may be wrong too, by a rule that only a start has
            start = {"start": parts["calendar"].get("start"), "duration": "1 s"}
            begins = build(When, start, "calendar", Problems(), None)
            if begins is not None:
                _check_when(begins, zone, problems)
        else:
            before = len(problems.lines)
            _check_when(when, zone, problems)
            when = when if len(problems.lines) == before else None
    said = parts["populations"]
    before = len(problems.lines)
    populations = build(
        Populations,
        said if isinstance(said, dict) else {},
        "populations",
        problems,
        None,
    )
    sensors = said.get("sensors") if isinstance(said, dict) else None
    if isinstance(sensors, dict):
        for kind in sorted(sensors.keys() - SHARES.keys()):
            rule = f"no such kind of sensor; {choice(kind, SHARES)}"
            problems.add(f"populations.sensors.{kind}", sensors[kind], rule)
    bikes = said.get("bikes") if isinstance(said, dict) else None
    if isinstance(bikes, dict):
        for name in sorted(bikes.keys() & RESERVED):
            rule = f"no operator is called {name}: the system uses that name on MQTT; choose another"
            problems.add(f"populations.bikes.{name}", bikes[name], rule)
    known = len(problems.lines) == before
    events, at = _events(parts["events"], when, zone, problems)
    faults = NO_FAULTS
    if isinstance(parts["faults"], dict):
        faults = _faults(parts["faults"], problems)
    if city is None:
        return None
    unsure: tuple[str, ...] = () if when is not None else ("begins",)
    unsure += () if known else ("operator", "vehicle", "sensors")
    return ScenarioFile(
        source,
        "" if keys is None else keys.summary,
        city,
        1 if keys is None else keys.seed,
        _SOME_DAY if when is None else when,
        Populations() if populations is None or not known else populations,
        tuple(events),
        tuple(at),
        faults,
        unsure=frozenset(f".{key}" for key in unsure),
    )


def _faults(table: Mapping[str, object], problems: Problems) -> Faults:
    """Return the faults on the way; each that is wrong is noted by itself, and left out."""
    sound = {}
    for name, value in table.items():
        try:
            Faults.parse({name: value})
            sound[name] = value
        except FaultsError as error:
            problems.lines.append(f"faults: {error}")
    return Faults.parse(sound)


def _city(name: object, city_of: Callable[[str], City], problems: Problems) -> City | None:
    """Return the city, None where there is no such one; a name that is no text has been noted already."""
    if not isinstance(name, str):
        return None
    try:
        return city_of(name)
    except Refused as refused:
        problems.add(refused.key, refused.value, refused.rule)
        return None


def _check_when(when: When, zone: tzinfo, problems: Problems) -> None:
    if not _YEARS[0] <= when.start.year <= _YEARS[1]:
        rule = f"a year from {_YEARS[0]} to {_YEARS[1]} is expected"
        problems.add("calendar.start", str(when.start), rule)
    elif when.start.tzinfo is not None:
        rule = "local time of the city without an offset is expected, such as 2026-03-02T07:00:00"
        problems.add("calendar.start", str(when.start), rule)
    elif is_skipped(when.start, zone):
        rule = f"clocks of {zone} are put forward over it; there is no such time on that day"
        problems.add("calendar.start", str(when.start), rule)
    if when.start.microsecond:
        problems.add("calendar.start", str(when.start), "whole seconds are expected")
    for day in sorted({*when.holidays} & {*when.working_days}):
        rule = "it is among the holidays, too; leave it out of one of them"
        problems.add("calendar.working_days", str(day), rule)
    for key, seconds, least, most in (
        ("duration", when.duration_s, 1, MOST_SECONDS),
        ("settle", when.settle_s, 0, _DAY_S),
        ("warm_up", when.warm_up_s, 0, 7 * _DAY_S),
    ):
        if seconds > most:
            problems.add(f"calendar.{key}", f"{seconds:g} s", f"{most / _DAY_S:g} d are the most")
        if seconds < least or seconds % 1:
            problems.add(
                f"calendar.{key}", f"{seconds:g} s", f"whole seconds are expected, {least} at the least"
            )


def _events(
    tables: object, when: When | None, zone: tzinfo, problems: Problems
) -> tuple[list[Event], list[str]]:
    """Return the events, and where each stands; times of the clock count from the start."""
    events: list[Event] = []
    at: list[str] = []
    for number, table in enumerate(tables if isinstance(tables, list) else []):
        path = f"events[{number}]"
        if not isinstance(table, dict):
            problems.add(path, table, "a table is expected: begin it with [[events]]")
            continue
        kind = table.get("event")
        if kind is None:
            problems.missing(f"{path}.event", f"one of {', '.join(sorted(EVENTS))}")
            continue
        if not isinstance(kind, str) or kind not in EVENTS:
            problems.add(f"{path}.event", kind, f"there is no such event; {choice(str(kind), EVENTS)}")
            continue
        values = {key: value for key, value in table.items() if key != "event"}
        start = (when.start if when is not None else datetime(1970, 1, 1)).replace(tzinfo=zone)
        event = build(EVENTS[kind], values, path, problems, start)
        if event is None:
            continue
        if when is not None and event.begins_s >= when.duration_s:
            rule = f"it begins after the end of the scenario, which lasts {when.duration_s / 60:g} min"
            problems.add(f"{path}.begins", table.get("begins"), rule)
        events.append(event)
        at.append(path)
    return events, at
