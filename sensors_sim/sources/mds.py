"""MDS 2.0 vehicles as positions: /vehicles/status (the last event and telemetry of each) and /events/recent.

https://github.com/openmobilityfoundation/mobility-data-specification/tree/2.0.0/provider. Times are milliseconds since
the epoch; device ids are UUIDs and stay as they are. Pages (JSON:API `links.next`) are files of a folder, or
followed.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from schemas.vehicles import VehicleState, VehicleType
from sensors_sim.columns import Mixed
from sensors_sim.errors import SourceError
from sensors_sim.not_json import NOT_JSON
from sensors_sim.sources.contract import BadRow, Listener, Report, as_object, unheard
from sensors_sim.sources.files import UNREADABLE, Document, documents, json_files
from sensors_sim.sources.gbfs_reference import objects
from sensors_sim.sources.held import Held
from sensors_sim.sources.instants import instant
from sensors_sim.sources.names import is_id, is_owner, owner_name
from sensors_sim.sources.places import place
from sensors_sim.sources.polls import SHOWN
from sensors_sim.told import Position

_STATES: Mapping[str, VehicleState] = {state: state for state in get_args(VehicleState)} | {
    "stopped": "on_trip"  # of passenger services: with a rider, waiting
}
_TYPES = frozenset(get_args(VehicleType))
_KINDS = ("vehicles_status", "events", "vehicles")


class MdsReader:
    """Turns documents into positions, each with its operator; remembers the types of vehicles."""

    def __init__(self, report: Report, owner: str | None) -> None:
        self._report = report
        self._owner = owner
        self._types: dict[str, VehicleType] = {}

    def learn(self, body: Mapping[str, Any]) -> None:
        """Take in which types the vehicles of a document have."""
        for vehicle in objects(body.get("vehicles")):
            type_ = str(vehicle.get("vehicle_type"))
            self._types[str(vehicle.get("device_id"))] = type_ if type_ in _TYPES else "other"  # type: ignore[assignment]

    def read(self, body: Mapping[str, Any], where: str) -> Iterator[tuple[str, Position]]:
        """Yield the positions of a document in its order; rows without one are counted."""
        self._report.figures["pages"] += 1
        self.learn(body)
        for kind, read in (("vehicles_status", _last), ("events", _event)):
            rows = body.get(kind)
            for number, found in enumerate(rows if isinstance(rows, list) else (), 1):
                self._report.rows += 1
                try:
                    row = as_object(found)
                    device, ts, position, state = read(row)
                    yield self._operator(row), self._position(device, ts, position, state)
                except BadRow as bad:
                    self._report.skip(bad.reason, f"{where} {kind} {number}: {bad.value[:80]}")

    def _position(self, device: str, ts: int, at: Mapping[str, Any], state: object) -> Position:
        known = _STATES.get(str(state))
        if known is None:
            raise BadRow("state_unknown", f"vehicle_state {state!r}")
        location = at.get("location")
        location = location if isinstance(location, dict) else {}
        lat, lon = place(location.get("lat"), location.get("lng"))
        type_ = self._types.get(device, "bicycle")
        battery = self._battery(at)
        return Position(
            device, ts, lat, lon, vehicle_state=known, vehicle_type=type_, battery_percent=battery
        )

    def _battery(self, at: Mapping[str, Any]) -> int | None:
        """Return per cent, an integer in MDS, though some write 54.0; what is beyond 0 to 100 says nothing."""
        charge = at.get("battery_percent")
        if isinstance(charge, int | float) and not isinstance(charge, bool) and 0 <= charge <= 100:
            return round(charge)
        if charge is not None:
            self._report.note("value_unreadable", f"battery_percent {charge!r:.100} is none of 0 to 100")
        return None

    def _operator(self, row: Mapping[str, Any]) -> str:
        provider = str(row.get("provider_id") or "mds")
        return self._owner or (provider if is_owner(provider) else owner_name(provider))


def _last(row: Mapping[str, Any]) -> tuple[str, int, Mapping[str, Any], object]:
    """Return what a status says: the state of the last event, where and when the newer of event and telemetry was."""
    event, telemetry = row.get("last_event"), row.get("last_telemetry")
    if not isinstance(event, dict):
        raise BadRow("event_missing", f"last_event {event!r}")
    newest, ts = event, _time(event)
    if isinstance(telemetry, dict) and isinstance(telemetry.get("location"), dict):
        measured = instant(telemetry.get("timestamp"))
        if measured is not None and (measured >= ts or not isinstance(event.get("location"), dict)):
            newest, ts = telemetry, max(measured, ts)
    return _device(row), ts, newest, event.get("vehicle_state")


def _event(row: Mapping[str, Any]) -> tuple[str, int, Mapping[str, Any], object]:
    return _device(row), _time(row), row, row.get("vehicle_state")


def _device(row: Mapping[str, Any]) -> str:
    device = row.get("device_id")
    if not isinstance(device, str) or not is_id(device):
        raise BadRow("bad_id", f"device_id {device!r}")
    return device


def _time(row: Mapping[str, Any]) -> int:
    ts = instant(row.get("timestamp"))
    if ts is None:
        raise BadRow("time_unreadable", f"timestamp {row.get('timestamp')!r}")
    return ts


class MdsFiles:
    """A page, a folder of pages, or JSON lines of them, told in order of time: pages need not be in order."""

    def __init__(self, where: Path, owner: str | None, listener: Listener = unheard) -> None:
        self.report = Report()
        self._held = Held(repeats=self.report, listener=listener)
        reader = MdsReader(self.report, owner)
        files = json_files(where)
        for _, body in _pages(files, where, Report()):
            reader.learn(body)  # which types there are, before the first position
        for name, body in _pages(files, where, self.report):
            for operator, position in reader.read(body, name):
                self._held.add(operator, "vehicles", position)
        if not self.report.figures["pages"]:
            raise SourceError(
                f"{where} holds no MDS page: a JSON document with one of {', '.join(_KINDS)} is expected; "
                f"found: {next(iter(self.report.examples.values()), 'nothing')}"
            )

    @property
    def start_ms(self) -> int | None:
        """Time of the first position."""
        return self._held.start_ms

    @property
    def end_ms(self) -> int | None:
        """Time of the last position."""
        return self._held.end_ms

    def batches(self) -> Iterator[Mixed]:
        """Yield the positions."""
        return self._held.batches()


def _pages(files: list[Path], where: Path, report: Report) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in files:
        name = path.name if where.is_file() else str(path.relative_to(where))
        try:
            for document in documents(path, name):
                body = page(document, report)
                if body is not None:
                    yield document.where, body
        except UNREADABLE as error:
            report.rows += 1
            report.skip("file_unreadable", f"{name}: {error}")


def is_page(body: Mapping[str, Any]) -> bool:
    """Whether a document has one of the lists that pages have."""
    return any(isinstance(body.get(kind), list) for kind in _KINDS)


def page(document: Document, report: Report) -> dict[str, Any] | None:
    """Return a document as a page, or None: what is none is counted."""
    try:
        body = msgspec.json.decode(document.body)
    except NOT_JSON:
        body, reason = None, "not_json"
    else:
        reason = "not_a_feed"
    if isinstance(body, dict) and is_page(body):
        return body
    report.rows += 1
    shown = document.body[: 4 * SHOWN].decode(errors="replace").strip()[:SHOWN]
    report.skip(reason, f"{document.where}: {shown!r}")
    return None
