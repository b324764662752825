"""Rules of type `time` of an MDS policy: for how long a vehicle may stand in their geographies."""

from collections.abc import Mapping, Sequence

from schemas.vehicles import STANDING_STATES
from streams.incidents.mds.fields import Fields
from streams.incidents.mds.geographies import Geography
from streams.incidents.stays.rules import Area, StayRule

_UNITS = {"seconds": 1, "minutes": 60, "hours": 3_600, "days": 86_400}
_LONGEST_S = 366 * 86_400


def stay_rule(
    fields: Fields, rule_id: str, geographies: Sequence[Geography], areas: Mapping[str, Area], notice_ms: int
) -> StayRule | None:
    """Return a rule of these geographies, or None where it is about no vehicle that there is.

    `areas` are by id of geography. Where none may stand at all, a vehicle may for `notice_ms`.
    """
    types = fields.of_single_vehicles("parking")
    if types is None:
        return None
    limit_s = _limit_s(fields)
    states = fields.states() if fields.values.get("states") else tuple(STANDING_STATES)
    hours = fields.hours()
    if limit_s is not None and hours.length_s is not None and limit_s > hours.length_s:
        fields.note(
            "maximum",
            f"{limit_s:,} s are never reached: the rule is in effect for {hours.length_s:,} s at a time, "
            "and time outside of its hours does not count",
        )
    return StayRule(
        rule_id=rule_id,
        name=fields.text("name"),
        kind="no_parking" if limit_s == 0 else "overstay",
        zone=", ".join(one.name for one in geographies),
        areas=frozenset(areas[one.geography_id].area_id for one in geographies),
        states=states,
        vehicle_types=types,
        limit_ms=None if limit_s is None else limit_s * 1000 or notice_ms,
        hours=hours,
    )


def _limit_s(fields: Fields) -> int | None:
    seconds = fields.named("rule_units", _UNITS)
    maximum = fields.only_maximum()
    if maximum is None:
        return None
    if not fields.yes("inclusive_maximum"):
        fields.note(
            "inclusive_maximum",
            "makes no difference: a vehicle that has stood for the maximum exceeds it a moment later",
        )
    if maximum * seconds > _LONGEST_S:
        fields.error("maximum", "a year at most is expected")
    return maximum * seconds
