"""Alerts of vehicles that stand where they may not, or for too long. Their subject is the vehicle's id."""

from schemas.alerts import Alert, Evidence, StayBroken
from streams.fold.contract import Record
from streams.incidents.lifecycle import Place, PlaceOf, alert_id, first_event, resting_on
from streams.incidents.stays.watch import Broken, Stay
from streams.printable import quoted

_WHAT = {
    "overstay": "has stood in {zone} for longer than {limit} ({name})",
    "no_parking": "is parked in {zone}, where none may be ({name})",
    "outside_service_area": "is parked where no zone allows it ({name})",
}


def raised(
    vehicle_id: str,
    stay: Stay,
    broken: Broken,
    where: tuple[str, PlaceOf],
    as_of: int,
    file: str,
    record: Record,
) -> Alert:
    """Return a new alert; `where` is the region, and who knows the places of cells."""
    region, place_of = where
    rule, place = broken.rule, place_of(stay.cell)
    before = stay.not_before
    starts_at = max(broken.begin, before if isinstance(before, int) else before.get(rule.rule_id, 0))
    return first_event(
        alert_id(rule.kind, f"{vehicle_id}/{rule.rule_id}", starts_at),
        rule.kind,
        "minor",
        cell=stay.cell,
        region=region,
        place=Place(place.lat, place.lon, rule.zone),
        starts_at=starts_at,
        at=as_of,
        summary=_summary(vehicle_id, stay, broken),
        policy=file,
        policy_version=broken.policy.version,
        evidence=_evidence(vehicle_id, stay, broken, record),
        subject=vehicle_id,
    )


def _summary(vehicle_id: str, stay: Stay, broken: Broken) -> str:
    rule = broken.rule
    what = _WHAT[rule.kind].format(
        zone=rule.zone, name=quoted(rule.name), limit=_span((rule.limit_ms or 0) // 1000)
    )
    return f"{stay.vehicle_type} {vehicle_id} ({stay.operator}, {stay.vehicle_state}) {what}"


def _span(seconds: int) -> str:
    for unit, name in ((3_600, "h"), (60, "min")):
        if seconds and seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"


def _evidence(vehicle_id: str, stay: Stay, broken: Broken, record: Record) -> Evidence:
    rule = broken.rule
    found = StayBroken(
        vehicle_id=vehicle_id,
        operator=stay.operator,
        vehicle_type=stay.vehicle_type,
        vehicle_state=stay.vehicle_state,
        policy_id=broken.policy.policy_id,
        rule_id=rule.rule_id,
        name=rule.name,
        since=broken.start,
        limit_ms=rule.limit_ms or 0,
    )
    return resting_on(record, stay.first_offset, {stay.operator: 1}, stay=found)
