"""What a rule on trips of an MDS policy says: an extension of MDS."""

from streams.incidents.mds.fields import Fields

Bounds = tuple[float | None, float | None]


def day_bounds(fields: Fields) -> Bounds:
    """Return the least and the most trips a vehicle and day that are within bounds."""
    fields.note("rule_units", "trips is an extension of MDS 2.0; each operator is evaluated by itself")
    for key in ("days", "start_time", "end_time"):
        if fields.values.get(key) not in (None, []):
            fields.error(key, "trips are counted over a whole day, at any hour; leave it out")
    for key in ("inclusive_minimum", "inclusive_maximum"):
        if not fields.yes(key):
            fields.error(key, "bounds on trips are inclusive; leave it out")
    minimum, maximum = fields.decimal("minimum"), fields.decimal("maximum")
    if minimum is not None and maximum is not None and minimum > maximum:
        fields.error("minimum", f"it must not exceed the maximum of {maximum:g}")
    if fields.unbounded(minimum, maximum):
        fields.error("maximum", "a rule on trips without bounds has no effect; give a minimum or maximum")
    return minimum or None, maximum
