"""Vehicles of a GBFS poll: free_bike_status (1.1, 2.x) and vehicle_status (3.0, which renamed bikes and bike_id).

https://github.com/MobilityData/gbfs/blob/v3.0/gbfs.md#vehicle_statusjson. A vehicle that is rented or taken away is not
in the feed, and one whose id rotates is there under another id. So a vehicle that left the feed is published as
`removed`: no vehicle may stand where the feed has none. A poll without any vehicle that can be published, after one
with some, is ignored.
1.x writes 0 and 1 for false and true; last_reported came with 2.1, as seconds, and is RFC 3339 in 3.0.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from schemas.vehicles import VehicleState, VehicleType
from sensors_sim.sources.contract import BadRow, Report, as_object
from sensors_sim.sources.gbfs_reference import Reference, objects
from sensors_sim.sources.instants import instant
from sensors_sim.sources.names import owned_id
from sensors_sim.sources.places import Place, middle, place, require_near
from sensors_sim.sources.polls import Poll
from sensors_sim.sources.seen import Claim, Seen
from sensors_sim.told import Position


class Said(NamedTuple):
    """What a row says of a vehicle, besides its time."""

    place: Place
    state: VehicleState
    type_: VehicleType
    battery: int | None


def rows(data: Mapping[str, Any]) -> list[object] | None:
    """Return the vehicles of a document, or None when it is about something else."""
    return next((data[name] for name in ("bikes", "vehicles") if isinstance(data.get(name), list)), None)


def positions(
    vehicles: list[object], poll: Poll, reference: Reference, owner: str, seen: Seen[Said], report: Report
) -> list[Position]:
    """Return what is new in a poll, by time, those included that left; every other row is counted in `report`."""
    places = [_place_or_none(vehicle) for vehicle in objects(vehicles)]
    centre = middle([found for found in places if found is not None])
    listed: list[Position] = []
    for number, vehicle in enumerate(vehicles, 1):
        report.rows += 1
        try:
            listed.append(_position(as_object(vehicle), poll.at, reference, owner, seen, report, centre))
        except BadRow as bad:
            report.skip(bad.reason, f"{poll.where} vehicle {number}: {bad.value[:80]}")
    if not seen.lists_some and len(seen):
        report.rows += 1
        report.skip("poll_without_vehicles", f"{poll.where}: the poll before had {len(seen)}")
        return []
    gone = seen.close(poll.at)
    # Whoever left comes first: where ids rotate, both are of one time.
    out = [_once_more(vehicle_id, claim.content, poll.at, "removed") for vehicle_id, claim in gone.items()]
    out += listed
    if again := seen.again(poll.at):
        vehicle_id, claim = again
        out.append(_once_more(vehicle_id, claim.content, poll.at, claim.content.state))
    out.sort(key=lambda position: position.ts)
    return out


def _once_more(vehicle_id: str, said: Said, at: int, state: VehicleState) -> Position:
    """Return that a vehicle stands, or is gone from, where it said to be."""
    return Position(
        vehicle_id,
        at,
        *said.place,
        vehicle_state=state,
        vehicle_type=said.type_,
        battery_percent=said.battery,
    )


def _position(
    vehicle: Mapping[str, Any],
    at: int,
    reference: Reference,
    owner: str,
    seen: Seen[Said],
    report: Report,
    centre: Place | None,
) -> Position:
    raw = vehicle.get("vehicle_id", vehicle.get("bike_id"))
    if not isinstance(raw, str | int) or raw == "":
        raise BadRow("id_missing", f"vehicle_id {raw!r}")
    vehicle_id = owned_id(owner, str(raw))
    if vehicle.get("lat") is None and vehicle.get("station_id") is not None:
        where = _of_station(str(vehicle["station_id"]), reference)
    else:
        where = place(vehicle.get("lat"), vehicle.get("lon"))
    require_near(where, centre)
    type_id = vehicle.get("vehicle_type_id")
    type_ = reference.types.get(str(type_id))
    said = Said(where, _state(vehicle), type_ or "bicycle", _battery(vehicle, report))
    ts = seen.date(vehicle_id, Claim(instant(vehicle.get("last_reported")), said), at)
    if type_ is None and type_id is not None:
        report.note("type_unknown", f"vehicle_type_id {type_id!r} is not in vehicle_types; bicycle taken")
    return Position(
        vehicle_id,
        ts,
        *where,
        vehicle_state=said.state,
        vehicle_type=said.type_,
        battery_percent=said.battery,
    )


def _of_station(station_id: str, reference: Reference) -> Place:
    station = reference.stations.get(station_id)
    if station is None:
        raise BadRow("coordinates_missing", f"no lat, and station {station_id} is not known")
    return station.place


def _place_or_none(vehicle: Mapping[str, Any]) -> Place | None:
    try:
        return place(vehicle.get("lat"), vehicle.get("lon"))
    except BadRow:
        return None


def _state(vehicle: Mapping[str, Any]) -> VehicleState:
    if yes(vehicle.get("is_disabled")):
        return "non_operational"
    return "reserved" if yes(vehicle.get("is_reserved")) else "available"


def _battery(vehicle: Mapping[str, Any], report: Report) -> int | None:
    """Return per cent from current_fuel_percent, a share of 1; what is beyond it says nothing."""
    share = vehicle.get("current_fuel_percent")
    if isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1:
        return round(100 * share)
    if share is not None:
        report.note("value_unreadable", f"current_fuel_percent {share!r:.100} is not a share, 0 to 1")
    return None


def yes(value: object) -> bool:
    """Return a boolean of any version."""
    return value in (True, 1, "1", "true")
