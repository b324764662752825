"""The envelope of MDS documents: {"version": …, "data": {"policies": […]}}, or with geographies; there may be none."""

from collections.abc import Mapping
from typing import Any

from streams.incidents.json_turns import loads
from streams.incidents.policy_findings import Findings


def is_mds(document: Any) -> bool:
    """Return whether a JSON value has the form of an MDS policy document."""
    return isinstance(data_of(document).get("policies"), list)


def geographies_of(value: Any) -> Any:
    """Return the list of geographies of what an MDS document holds, or None."""
    return data_of(enveloped(value, "geographies", "geography")).get("geographies")


def read_other(document: str, findings: Findings) -> Any:
    """Return the list of geographies of the other document, or None; that it is no JSON is a mistake."""
    try:
        value = loads(document)
    except (ValueError, RecursionError) as error:
        findings.error("geographies.json", f"not JSON ({error})")
        return []
    return geographies_of(value)


def enveloped(value: Any, many: str, one: str) -> Any:
    """Return a document in the form of the flat files: {"data": {"policies": [...]}}, or with geographies.

    Agencies publish a policy, a geography, or a list of them without that, too; APIs of MDS 1 `data.policy`.
    """
    held = value.get("data", value) if isinstance(value, dict) else value
    if isinstance(held, dict) and isinstance(held.get(one), dict):
        data = {**held, many: [held[one]]}
    elif isinstance(held, dict) and f"{one}_id" in held:
        data = {many: [held]}
    elif isinstance(held, list) and any(isinstance(v, dict) and f"{one}_id" in v for v in held):
        data = {many: held}
    else:
        return value
    around = value if isinstance(value, dict) and ("data" in value or one in value) else {}
    return {**{key: field for key, field in around.items() if key != one}, "data": data}


def data_of(document: Any) -> Mapping[str, Any]:
    """Return what a document holds, be it in an envelope or not; nothing where that is no object."""
    data = document.get("data", document) if isinstance(document, dict) else None
    return data if isinstance(data, dict) else {}
