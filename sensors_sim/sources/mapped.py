"""Rows of a table, as texts by column, turned into wire types by a mapping."""

import re
from collections.abc import Iterator, Mapping

import msgspec

from schemas.metrics import METRICS
from schemas.requests import MAX_NAME, MAX_TEXT, RequestEventType
from schemas.units import BadUnit, conversion
from sensors_sim.numbers import number
from sensors_sim.requests.events import Event
from sensors_sim.sources.contract import BadRow, Report
from sensors_sim.sources.instants import by_format, from_milliseconds, instant
from sensors_sim.sources.mapping import CLOSED_LISTS, Measure, TableMapping
from sensors_sim.sources.names import is_id
from sensors_sim.sources.places import Place, place
from sensors_sim.told import Position, Reading, Row

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_REPLACED = "\ufffd"
"""What stands for bytes that are no text in the encoding."""


class Mapper:
    """Applies a mapping; what is sent otherwise than it stood is noted in `report`.

    `in_full`: each event of a request says all that its row says: another row may say something else.
    """

    def __init__(self, mapping: TableMapping, report: Report, *, in_full: bool = False) -> None:
        self._mapping = mapping
        self._in_full = in_full
        self._report = report
        self._rows = {"vehicles": self._vehicle, "sensors": self._sensor, "requests": self._request}[
            mapping.kind
        ]

    def rows(self, texts: Mapping[str, str], where: str) -> list[Row]:
        """Return what one row says. Raises BadRow."""
        fields, damaged = dict(self._mapping.constants), ""
        for name, columns in self._mapping.columns.items():
            text = " ".join(texts[column].strip() for column in columns).strip()
            if text in self._mapping.missing:
                continue
            if _REPLACED in text:
                damaged = f"{where}: {name} {text!r:.100}; set `encoding` in the mapping, such as cp1252"
            fields[name] = self._meant(name, text)
        rows = list(self._rows(fields, texts, where))
        if damaged:
            self._report.note("not_in_encoding", damaged)
        return rows

    def _meant(self, name: str, text: str) -> str:
        meanings = self._mapping.values.get(name)
        meant = text if meanings is None else meanings.get(text, meanings.get("*", text))
        choices = CLOSED_LISTS[self._mapping.kind].get(name)
        if choices is not None and meant not in choices and self._mapping.kind != "requests":
            raise BadRow(f"{name}_unknown", text)
        return meant

    def _vehicle(self, fields: Mapping[str, str], _texts: Mapping[str, str], where: str) -> Iterator[Row]:
        battery = fields.get("battery_percent")
        yield Position(
            self._id(fields, "vehicle_id"),
            self._time(fields, "ts", where),
            *self._place(fields),
            vehicle_state=fields.get("vehicle_state", "available"),  # type: ignore[arg-type]
            vehicle_type=fields.get("vehicle_type", "bicycle"),  # type: ignore[arg-type]
            battery_percent=None if battery is None else self._per_cent(battery, where),
        )

    def _sensor(self, fields: Mapping[str, str], texts: Mapping[str, str], where: str) -> Iterator[Row]:
        sensor_id, ts, (lat, lon) = (
            self._id(fields, "sensor_id"),
            self._time(fields, "ts", where),
            self._place(fields),
        )
        measured = [(measure, self._measured(measure, texts, where)) for measure in self._mapping.measures]
        if not self._mapping.measures:
            metric, unit = fields.get("metric"), fields.get("unit")
            if metric is None or "value" not in fields:
                raise BadRow("value_missing", f"{sensor_id} {metric}")
            if isinstance(how := conversion(metric, unit), BadUnit):
                raise BadRow("bad_unit", how.detail)
            measured = [(Measure("value", metric, unit), self._number(fields["value"]))]
        if all(value is None for _, value in measured):
            raise BadRow("value_missing", sensor_id)
        capacity = self._capacity(fields["capacity"], where) if "capacity" in fields else None
        for measure, value in measured:
            if value is not None:
                yield Reading(
                    sensor_id, METRICS[measure.metric].kind, measure.metric, value, ts, lat, lon,
                    unit=measure.unit, status=fields.get("status", "ok"), capacity=capacity,  # type: ignore[arg-type]
                )  # fmt: skip

    def _request(self, fields: Mapping[str, str], _texts: Mapping[str, str], where: str) -> Iterator[Row]:
        request_id, opened = self._id(fields, "service_request_id"), self._time(fields, "opened", where)
        lat, lon = self._place(fields)
        if "service_code" not in fields:
            raise BadRow("category_missing", request_id)
        updated, closed = self._optional(fields, "updated", where), self._optional(fields, "closed", where)
        status = fields.get("status", "").lower()
        if closed is None and status not in ("", "open", "closed"):
            self._report.note("status_unknown", f"{where}: {request_id} {fields['status']!r}; taken for open")
        if closed is None and status == "closed":
            closed = updated
            if closed is None:
                self._report.note("closed_without_a_time", f"{where}: {request_id}; it stays open")
        notes = self._cut(fields.get("status_notes"), MAX_TEXT, where)
        opening = Event(
            request_id,
            "opened",
            opened,
            lat=lat,
            lon=lon,
            service_code=self._cut(fields["service_code"], MAX_NAME, where),
            description=self._cut(fields.get("description"), MAX_TEXT, where),
            agency_responsible=self._cut(fields.get("agency_responsible"), MAX_NAME, where),
            address=self._cut(fields.get("address"), MAX_TEXT, where),
            district=self._cut(fields.get("district"), MAX_NAME, where),
            expected_datetime=self._optional(fields, "expected_datetime", where),
        )
        yield opening
        if updated is not None and updated > opened and (closed is None or updated < closed):
            yield self._later(opening, "updated", updated, notes)
        if closed is not None and closed < opened:
            self._report.note("closed_before_opened", f"{where}: {request_id}; it stays open")
        elif closed is not None:
            yield self._later(opening, "closed", closed, notes)

    def _later(self, opening: Event, kind: RequestEventType, ts: int, notes: str | None) -> Event:
        if self._in_full:
            return msgspec.structs.replace(opening, event=kind, ts=ts, status_notes=notes)
        return Event(opening.service_request_id, kind, ts, status_notes=notes)

    def _id(self, fields: Mapping[str, str], name: str) -> str:
        if name not in fields:
            raise BadRow("id_missing", name)
        id_ = self._mapping.id_prefix + fields[name]
        if not is_id(id_):
            raise BadRow("bad_id", f"{name} {id_!r}")
        return id_

    def _place(self, fields: Mapping[str, str]) -> Place:
        lat, lon = (self._point(fields[name]) if name in fields else None for name in ("lat", "lon"))
        return place(lat, lon)

    def _point(self, text: str) -> str:
        return text.replace(",", ".") if self._mapping.decimal == "," else text

    def _number(self, text: str) -> float:
        # a point of thousands, most likely: a thousandth would be published
        if self._mapping.decimal == "," and "." in text:
            raise BadRow("value_unreadable", text)
        try:
            value = number(self._point(text))
        except ValueError:
            raise BadRow("value_unreadable", text) from None
        if not -1e15 < value < 1e15:
            raise BadRow("value_unreadable", text)
        return value

    def _measured(self, measure: Measure, texts: Mapping[str, str], where: str) -> float | None:
        """Return the value of a column; one that is none spoils itself, not its row."""
        text = texts[measure.column].strip()
        if text in self._mapping.missing:
            self._report.note("value_missing", f"{where}: {measure.column}")
            return None
        try:
            return self._number(text)
        except BadRow as bad:
            self._report.note(bad.reason, f"{where}: {measure.column} {bad.value!r}")
            return None

    def _capacity(self, text: str, where: str) -> float | None:
        """Return a capacity; without one that is a number, the value is told all the same."""
        try:
            return self._number(text)
        except BadRow as bad:
            self._report.note(bad.reason, f"{where}: capacity {text!r}")
            return None

    def _per_cent(self, text: str, where: str) -> int | None:
        """Return per cent; without one that can be, the position is told all the same."""
        try:
            value = self._number(text)
        except BadRow:
            value = -1.0
        if not 0 <= value <= 100:
            self._report.note("value_unreadable", f"{where}: battery_percent {text!r}")
            return None
        return round(value)

    def _time(self, fields: Mapping[str, str], name: str, where: str) -> int:
        ts = self._instant(fields[name], f"{where}: {name}") if name in fields else None
        if ts is None:
            raise BadRow("time_unreadable", f"{name} {fields.get(name)!r}")
        return ts

    def _optional(self, fields: Mapping[str, str], name: str, where: str) -> int | None:
        if name not in fields:
            return None
        ts = self._instant(fields[name], f"{where}: {name}")
        if ts is None:
            self._report.note("time_left_out", f"{where}: {name} {fields[name]!r} is not a time")
        return ts

    def _instant(self, text: str, where: str) -> int | None:
        times = self._mapping.times

        def doubt(what: str) -> None:
            self._report.note(what, f"{where} {text!r}")

        if times.format == "iso":
            return instant(text, times.zone, doubt)
        if "%" in times.format:
            return by_format(text, times.format, times.zone, doubt)
        try:
            return from_milliseconds(number(text) * (1000 if times.format == "seconds" else 1))
        except ValueError:
            return None

    def _cut(self, text: str | None, most: int, where: str) -> str | None:
        if text is None:
            return None
        clean = _CONTROL.sub(" ", text).strip()
        if len(clean) > most:
            self._report.note("text_cut", f"{where}: {len(clean)} characters, {most} kept")
        return clean[:most] or None
