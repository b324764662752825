"""Types of vehicles of GBFS: ids of a feed's own, which its `vehicle_types.json` explains, or the names that we use."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.vehicles import TYPES_OF_FORM_FACTORS, VEHICLE_TYPES, VehicleType
from streams.incidents.policy_findings import Findings


class VehicleTypes:
    """What `vehicle_type_ids` of rules mean.

    https://github.com/MobilityData/gbfs/blob/v3.0/gbfs.md#vehicle_typesjson. Readings know the form of a vehicle and
    not its id, so a rule must be about all ids of a form or about none.
    """

    def __init__(self, document: str | None, findings: Findings) -> None:
        """Read `vehicle_types.json` (None: there is none); mistakes are added to the findings."""
        self._findings = findings
        self._known = {} if document is None else self._read(document)

    def __iter__(self) -> Iterator[tuple[str, VehicleType]]:
        """Yield ids and what they mean: they decide what a rule says."""
        return iter(sorted(self._known.items()))

    def of(self, rule: Mapping[str, Any], place: str) -> frozenset[str] | None:
        """Return the types that a rule is about, empty for all; None where that cannot be said, with the reason."""
        key = "vehicle_type_ids" if "vehicle_type_ids" in rule else "vehicle_type_id"  # until 2.3
        named = rule.get(key) or []
        ids = {str(one) for one in (named if isinstance(named, list) else [named])}
        if not ids <= self._known.keys():
            if ids <= set(VEHICLE_TYPES):
                return frozenset(ids)
            self._findings.error(
                f"{place}.{key}",
                f"is {named!r}; put the feed's vehicle_types.json beside the file, with all of them in it, or name "
                f"types of vehicles: {', '.join(VEHICLE_TYPES)}",
            )
            return None
        types = {self._known[one] for one in ids}
        others = {one for one, type_ in self._known.items() if type_ in types} - ids
        if others:
            self._findings.error(
                f"{place}.{key}",
                f"is {named!r}, without {sorted(others)!r} of the same form ({', '.join(sorted(types))}), and readings "
                "do not distinguish them; name all of a form",
            )
            return None
        return frozenset(types)

    def _read(self, document: str) -> dict[str, VehicleType]:
        try:
            kinds = json.loads(document)["data"]["vehicle_types"]
            return {
                str(kind["vehicle_type_id"]): TYPES_OF_FORM_FACTORS.get(str(kind.get("form_factor")), "other")
                for kind in kinds
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            self._findings.error(
                "vehicle_types.json",
                f"not a vehicle_types file of GBFS ({type(error).__name__}: {error}); correct it",
            )
            return {}
