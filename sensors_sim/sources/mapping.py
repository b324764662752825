"""A mapping: which columns of a table make up which fields on the wire (TOML). Read and checked here; docs/feeds.md.

Every mistake is an error that names the key.
"""

import codecs
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, cast, get_args
from zoneinfo import ZoneInfo

from schemas.metrics import METRICS
from schemas.sensors import SENSOR_STATUSES
from schemas.units import BadUnit, conversion
from schemas.vehicles import MAX_ID_LENGTH, VEHICLE_STATES, VEHICLE_TYPES
from sensors_sim.errors import SourceError
from sensors_sim.sources.names import OWNER_RULE, is_owner

Kind = Literal["vehicles", "sensors", "requests"]

FIELDS: Mapping[Kind, Mapping[str, bool]] = {
    "vehicles": {
        "vehicle_id": True, "ts": True, "lat": True, "lon": True, "vehicle_state": False, "vehicle_type": False,
        "battery_percent": False,
    },
    "sensors": {
        "sensor_id": True, "ts": True, "lat": True, "lon": True, "metric": False, "value": False, "unit": False,
        "status": False, "capacity": False,
    },
    "requests": {
        "service_request_id": True, "opened": True, "lat": True, "lon": True, "service_code": True, "updated": False,
        "closed": False, "expected_datetime": False, "status": False, "description": False,
        "agency_responsible": False, "address": False, "district": False, "status_notes": False,
    },
}  # fmt: skip
"""What a row can say, and whether it must. Of requests, opened, updated and closed are times: an event each."""

CLOSED_LISTS: Mapping[Kind, Mapping[str, Sequence[str]]] = {
    "vehicles": {"vehicle_state": VEHICLE_STATES, "vehicle_type": VEHICLE_TYPES},
    "sensors": {"metric": tuple(METRICS), "status": SENSOR_STATUSES},
    "requests": {"status": ("open", "closed")},
}
_KEYS = {
    "kind", "owner", "id_prefix", "delimiter", "encoding", "decimal", "missing", "columns", "constants", "values",
    "measures", "time",
}  # fmt: skip
_MEASURE_KEYS = {"column", "metric", "unit"}
_TIME_KEYS = {"format", "zone"}
_FORMATS = ("iso", "seconds", "milliseconds")


@dataclass(frozen=True, slots=True)
class Measure:
    """A column that holds one metric of a sensor."""

    column: str
    metric: str
    unit: str | None


@dataclass(frozen=True, slots=True)
class Times:
    """How times are written: iso, seconds, milliseconds, or a strptime format; without an offset in `zone`."""

    format: str = "iso"
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class TableMapping:
    """How to read a table.

    columns    field to the names of its columns; the texts of several are joined by a blank
    constants  field to its text
    values     field to what a text in the table means on the wire
    measures   of sensors: columns with a metric each, in place of the fields metric and value
    missing    texts that mean nothing
    """

    kind: Kind
    owner: str
    columns: Mapping[str, tuple[str, ...]]
    constants: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()
    times: Times = field(default_factory=Times)
    id_prefix: str = ""
    delimiter: str = ","
    encoding: str = "utf-8-sig"
    decimal: str = "."
    missing: frozenset[str] = frozenset({""})

    @property
    def needed(self) -> tuple[str, ...]:
        """Return the columns that a table must have."""
        named = [name for names in self.columns.values() for name in names]
        return tuple(dict.fromkeys([*named, *(measure.column for measure in self.measures)]))


def read_mapping(path: Path) -> TableMapping:
    """Return the mapping in a file. Raises SourceError that names file and key."""
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise SourceError(
            f"cannot read the mapping {path} ({error.strerror}); give a readable TOML file"
        ) from None
    except UnicodeDecodeError as error:
        raise SourceError(f"cannot read the mapping {path} ({error}); UTF-8 is expected") from None
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path} is not TOML: {error}") from None
    try:
        return parse(document)
    except _Wrong as wrong:
        raise SourceError(f"{path}: {wrong}") from None


class _Wrong(Exception):
    """What is wrong with a mapping, and with which key."""


def parse(document: Mapping[str, Any]) -> TableMapping:
    """Return a mapping from what its TOML says."""
    _known("", document, _KEYS)
    kind = cast(Kind, _one_of("kind", document.get("kind"), get_args(Kind)))
    owner = _text("owner", document.get("owner"))
    if not is_owner(owner):
        raise _Wrong(f"owner = {owner!r}: at most {MAX_ID_LENGTH} {OWNER_RULE}")
    fields: Mapping[str, bool] = FIELDS[kind]
    columns = {name: _columns(name, value) for name, value in _table("columns", document, fields).items()}
    constants = {
        name: _constant(kind, name, value) for name, value in _table("constants", document, fields).items()
    }
    values = {name: _values(kind, name, value) for name, value in _table("values", document, fields).items()}
    measures = _measures(document.get("measures", []), kind)
    _complete(kind, fields, columns, constants, measures)
    return TableMapping(
        kind=kind,
        owner=owner,
        columns=columns,
        constants=constants,
        values=values,
        measures=measures,
        times=_times(document.get("time", {})),
        id_prefix=_text("id_prefix", document.get("id_prefix", ""), empty=True),
        delimiter=_delimiter(document.get("delimiter", ",")),
        encoding=_encoding(document.get("encoding", "utf-8-sig")),
        decimal=_one_of("decimal", document.get("decimal", "."), (".", ",")),
        missing=frozenset({"", *_texts("missing", document.get("missing", []))}),
    )


def _complete(
    kind: str,
    fields: Mapping[str, bool],
    columns: Mapping[str, Any],
    constants: Mapping[str, str],
    measures: tuple[Measure, ...],
) -> None:
    said = columns.keys() | constants.keys()
    for name in columns.keys() & constants.keys():
        raise _Wrong(f"columns.{name} and constants.{name} exclude each other; leave one out")
    for name, required in fields.items():
        if required and name not in said:
            raise _Wrong(f"columns.{name} is missing: kind = {kind!r} needs it (or constants.{name})")
    if kind != "sensors":
        return
    single = said & {"metric", "value", "unit", "capacity"}
    if measures and single:
        raise _Wrong(
            f"measures and columns.{min(single)} exclude each other: a row holds several metrics, or one"
        )
    if not measures and not {"metric", "value"} <= said:
        raise _Wrong("sensors need [[measures]] (a column a metric), or columns.metric and columns.value")
    if "metric" in constants and "unit" in constants:
        _fitting("constants.unit", constants["metric"], constants["unit"])


def _known(where: str, table: Mapping[str, Any], keys: Any) -> None:
    for key in table:
        if key not in keys:
            near = get_close_matches(key, list(keys), 1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(sorted(keys))}"
            raise _Wrong(f"there is no key {where}{key!r}{hint}")


def _table(key: str, document: Mapping[str, Any], fields: Mapping[str, bool]) -> Mapping[str, Any]:
    table = document.get(key, {})
    if not isinstance(table, dict):
        raise _Wrong(f"{key} = {table!r}: a table [{key}] expected")
    _known(f"{key}.", table, fields)
    return table


def _text(key: str, value: object, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (value or empty):
        raise _Wrong(f"{key} is missing" if value is None else f"{key} = {value!r}: a text expected")
    return value


def _texts(key: str, value: object) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _Wrong(f"{key} = {value!r}: a list of texts expected")
    return value


def _one_of(key: str, value: object, choices: Sequence[str]) -> str:
    if value not in choices:
        raise _Wrong(
            f"{key} is missing" if value is None else f"{key} = {value!r}: one of {', '.join(choices)}"
        )
    return str(value)


def _delimiter(value: object) -> str:
    if not isinstance(value, str) or len(value) != 1 or value in '"\r\n':
        raise _Wrong(f"delimiter = {value!r}: one character expected, such as ';' or '\\t'")
    return value


def _encoding(value: object) -> str:
    try:
        "".encode(_text("encoding", value))
    except LookupError:
        raise _Wrong(f"encoding = {value!r} is not known; utf-8 or latin-1, for example") from None
    return "utf-8-sig" if codecs.lookup(str(value)).name == "utf-8" else str(value)


def _columns(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [value]
    names = _texts(f"columns.{name}", value)
    if not names or "" in names:
        raise _Wrong(f"columns.{name} = {value!r}: the name of a column, or a list of names, expected")
    return tuple(names)


def _constant(kind: Kind, name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise _Wrong(f"constants.{name} = {value!r}: a text or a number expected")
    if name in CLOSED_LISTS[kind]:
        _one_of(f"constants.{name}", value, CLOSED_LISTS[kind][name])
    return str(value)


def _values(kind: Kind, name: str, value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _Wrong(
            f'values.{name} = {value!r}: a table of texts expected, such as {{ "parked" = "available" }}'
        )
    if name in CLOSED_LISTS[kind]:
        for written, meant in value.items():
            _one_of(f"values.{name}.{written}", meant, CLOSED_LISTS[kind][name])
    return value


def _measures(value: object, kind: str) -> tuple[Measure, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _Wrong(f"measures = {value!r}: tables [[measures]] expected")
    if value and kind != "sensors":
        raise _Wrong(f"measures belong to kind = 'sensors', not to {kind!r}")
    out: list[Measure] = []
    for number, item in enumerate(value, 1):
        where = f"measures[{number}]"
        _known(f"{where}.", item, _MEASURE_KEYS)
        column = _text(f"{where}.column", item.get("column"))
        metric = _one_of(f"{where}.metric", item.get("metric"), tuple(METRICS))
        for before, measure in enumerate(out, 1):
            if measure.metric == metric:
                raise _Wrong(
                    f"{where}.metric = {metric!r}: measures[{before}] has it already; a sensor measures a metric once, "
                    "so leave one out, or write a second mapping with an id_prefix of its own; of columns that are "
                    "hours make rows first (docs/feeds.md)"
                )
        unit = None
        if "unit" in item:
            unit = _fitting(where, metric, _text(f"{where}.unit", item["unit"]))
        out.append(Measure(column, metric, unit))
    return tuple(out)


def _fitting(key: str, metric: str, unit: str) -> str:
    """Return a unit in which values of the metric can be: the pipeline would refuse all of them in another."""
    how = conversion(metric, unit)
    if isinstance(how, BadUnit):
        raise _Wrong(
            f"{key}: {how.detail.rstrip('.')}; take a UCUM code from docs/mqtt-and-kafka.md (Metrics and units), or "
            "leave the unit out"
        )
    return unit


def _check_format(format_: str) -> None:
    """Refuse a format that no text can match, as strptime says so only when it is used, and one that loses the zone."""
    if "%Z" in format_.replace("%%", ""):
        raise _Wrong(
            f"time.format = {format_!r}: strptime reads the name of a zone (%Z) and forgets it; take %z for an offset, "
            "or write the name itself and set time.zone, as in format = '%Y-%m-%d %H:%M:%S UTC', zone = 'UTC'"
        )
    try:
        datetime.strptime("", format_)
    except re.error as error:
        raise _Wrong(f"time.format = {format_!r}: a directive comes twice ({error})") from None
    except ValueError as error:
        if not str(error).startswith("time data"):
            raise _Wrong(
                f"time.format = {format_!r}: {error}; docs.python.org lists the directives"
            ) from None


def _times(value: object) -> Times:
    if not isinstance(value, dict):
        raise _Wrong(f"time = {value!r}: a table [time] expected")
    _known("time.", value, _TIME_KEYS)
    format_ = _text("time.format", value.get("format", "iso"))
    if format_ not in _FORMATS and "%" not in format_:
        raise _Wrong(
            f"time.format = {format_!r}: one of {', '.join(_FORMATS)}, or a format such as '%d.%m.%Y %H:%M'"
        )
    if "%" in format_:
        _check_format(format_)
    name = _text("time.zone", value.get("zone", "UTC"))
    try:
        return Times(format_, UTC if name == "UTC" else ZoneInfo(name))
    except (LookupError, ValueError, OSError):
        raise _Wrong(f"time.zone = {name!r} is not a time zone; 'Europe/Oslo', for example") from None
