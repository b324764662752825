"""What a field means and which values it may have, beyond its type: read by schemas/generate.py.

It stands here and not in the structs as msgspec.Meta, because msgspec would then refuse values itself, with one
error for all: the gateway (streams/gateway/rules.py) refuses them with the reason that the publisher needs.
A test holds the two together.
"""

from collections.abc import Mapping

from schemas.fields import alerts, cells, gateways, partials, requests, sensors, vehicles
from schemas.fields.keywords import Keywords, Structs

FIELDS: Structs = {
    **vehicles.FIELDS,
    **sensors.FIELDS,
    **requests.FIELDS,
    **partials.FIELDS,
    **cells.FIELDS,
    **alerts.FIELDS,
    **gateways.FIELDS,
}
RULES: Mapping[str, Keywords] = {**vehicles.RULES, **sensors.RULES, **requests.RULES}
"""Keywords of a whole struct."""
