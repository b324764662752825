"""Rules of type `count` of an MDS policy: how many vehicles may be in their geographies."""

from collections.abc import Sequence
from typing import cast

import shapely

from schemas.vehicles import VEHICLE_TYPES
from streams.incidents.counts.rules import CountRule, Units
from streams.incidents.geometry import outline_of
from streams.incidents.mds.fields import Fields
from streams.incidents.mds.geographies import City, Geography, holder, middle
from streams.incidents.stays.rules import Area
from streams.incidents.trips.document import day_bounds
from streams.incidents.trips.rules import TripRule


def count_rule(
    fields: Fields, rule_id: str, found: Sequence[Geography], city: City
) -> CountRule | TripRule | None:
    """Return a rule of these geographies (none: they are faulty), or None where it counts nothing."""
    trips = fields.values.get("rule_units") == "trips"
    units = "devices" if trips else _units(fields)
    if fields.values.get("propulsion_types") not in (None, []):
        fields.error("propulsion_types", "vehicles are not counted by propulsion; leave it out")
    types = _types(fields, city)
    if trips and types:
        fields.error(
            "vehicle_types",
            f"trips are not counted by type, and {', '.join(sorted(city.vehicle_types - types))} may be among them; "
            "leave it out, or set UB_POLICY_VEHICLE_TYPES to the types that vehicles here have",
        )
    minimum, maximum = (None, None) if trips else _bounds(fields, units)
    a_day = day_bounds(fields) if trips else (None, None)
    name, states, hours = fields.text("name"), fields.states(), fields.hours()
    if units == "utilization" and "on_trip" not in states:
        fields.error("states", "on_trip must be among them: utilization is the share of vehicles on a trip")
    cells = frozenset(cell for one in found for cell in one.cells or ())
    area = Area.of(shapely.union_all([one.shape for one in found]))
    by_position = found and not trips
    edge = city.edge(shapely.geometry.mapping(area.shape)) if by_position else frozenset[str]()
    if found and not cells | edge:
        fields.error(
            "geographies", "they hold no centre of a cell, so nothing would be counted; draw them larger"
        )
    if not cells | edge or types is None:
        return None
    regions = sorted({city.region(cell) for cell in cells | edge})
    if len(regions) > 1:
        rule = f"its cells lie in the regions {', '.join(regions)}, and a rule is counted in one; divide it, or set "
        fields.error("geographies", rule + "UB_REGION_RESOLUTION lower")
        return None
    cell = middle(cells, city) if cells else holder(area.shape, city)
    outline = outline_of(area.shape)
    ids, names = tuple(one.geography_id for one in found), ", ".join(one.name for one in found)
    if trips:
        return TripRule(
            rule_id, name, ids, names, cells, regions[0], cell, *city.centre(cell), states, *a_day, outline
        )  # fmt: skip
    return CountRule(
        rule_id, name, ids, names, cells, regions[0], cell, *city.centre(cell), states, minimum, maximum,
        hours, area, edge, outline, units, types,
    )  # fmt: skip


def _types(fields: Fields, city: City) -> frozenset[str] | None:
    """Return the types of vehicles that a rule is about; empty: all; None: vehicles here have other types."""
    types = fields.vehicle_types()
    if not types or city.vehicle_types <= types:
        return frozenset()
    if not city.vehicle_types & types:
        fields.note("vehicle_types", "no vehicle here has one of these types; the rule is not evaluated")
        return None
    return types & frozenset(VEHICLE_TYPES)


def _units(fields: Fields) -> Units:
    """Return what the bounds are in; all but devices are an extension of MDS."""
    units = fields.values.get("rule_units")
    if units in ("percent", "utilization"):
        fields.note("rule_units", f"{units} is an extension of MDS 2.0; each operator is evaluated by itself")
        return cast(Units, units)
    if units not in (None, "devices"):
        fields.error("rule_units", "one of devices, percent, utilization and trips is expected")
    return "devices"


def _bounds(fields: Fields, units: Units) -> tuple[int | None, int | None]:
    """Return the least and the greatest number within bounds."""
    minimum, maximum = fields.number("minimum"), fields.number("maximum")
    if units != "devices":
        _check_percent(fields, minimum, maximum)
        return minimum or None, maximum
    if maximum is not None and not fields.yes("inclusive_maximum"):
        maximum -= 1
        if maximum < 0:
            fields.error("maximum", "no number is below 0; leave inclusive_maximum out")
    if minimum is not None and not fields.yes("inclusive_minimum"):
        minimum += 1
    if minimum is not None and maximum is not None and minimum > maximum:
        given = fields.number("maximum")
        exceeds = (fields.number("minimum") or 0) > (given or 0)
        fields.error(
            "minimum",
            f"it must not exceed the maximum of {given}" if exceeds else "no whole number is in bounds",
        )
    if fields.unbounded(minimum, maximum):
        fields.note("", "no bounds: the rule only keeps its vehicles from the rules after it")
    return minimum or None, maximum


def _check_percent(fields: Fields, minimum: int | None, maximum: int | None) -> None:
    for key, value in (("minimum", minimum), ("maximum", maximum)):
        if value is not None and value > 100:
            fields.error(key, "per cent from 0 to 100 are expected")
        if not fields.yes(f"inclusive_{key}"):
            fields.error(f"inclusive_{key}", "bounds in per cent are inclusive; leave it out")
    if minimum is not None and maximum is not None and minimum > maximum:
        fields.error("minimum", f"it must not exceed the maximum of {maximum}")
    if fields.unbounded(minimum, maximum):
        fields.error("maximum", "a rule in per cent without bounds has no effect; give a minimum or maximum")
