"""Rules of type `speed` of an MDS policy: how fast a vehicle may go in their geographies."""

from collections.abc import Mapping, Sequence
from math import nextafter

from streams.incidents.mds.fields import Fields
from streams.incidents.mds.geographies import Geography
from streams.incidents.speeds.rules import SpeedRule
from streams.incidents.stays.rules import Area

_KMH = {"kph": 1.0, "mph": 1.609344, "kmh": 1.0}
"""By unit; `kmh` is none of MDS, but its own examples have it."""
RIDING = ("on_trip",)
"""States that a rule without any is about: a vehicle that moves in another one is carried, or its GPS errs."""


def speed_rule(
    fields: Fields, rule_id: str, geographies: Sequence[Geography], areas: Mapping[str, Area]
) -> SpeedRule | None:
    """Return a rule of these geographies, or None where it is about no vehicle that there is.

    `areas` are by id of geography.
    """
    types = fields.of_single_vehicles("speed")
    if types is None:
        return None
    return SpeedRule(
        rule_id=rule_id,
        name=fields.text("name"),
        zone=", ".join(one.name for one in geographies),
        areas=frozenset(areas[one.geography_id].area_id for one in geographies),
        states=fields.states() if fields.values.get("states") else RIDING,
        vehicle_types=types,
        limit_kmh=_limit_kmh(fields),
        hours=fields.hours(),
    )


def _limit_kmh(fields: Fields) -> float | None:
    kmh = fields.named("rule_units", _KMH)
    maximum = fields.only_maximum()
    if maximum is None:
        return None
    if fields.yes("inclusive_maximum"):
        return maximum * kmh
    if maximum == 0:
        fields.error("maximum", "no speed is below 0; leave inclusive_maximum out")
    return nextafter(maximum * kmh, 0.0)  # whoever is faster than this has reached the maximum
