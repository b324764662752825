"""OASIS Common Alerting Protocol 1.2: one XML document a message, the area as an outline.

https://docs.oasis-open.org/emergency/cap/v1.2/CAP-v1.2-os.html
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from schemas.alerts import Alert
from schemas.metrics import METRICS, SensorKind
from streams.grid.antimeridian import cut
from streams.grid.locate import is_cell, outline
from streams.notify.message import Message, Payload, Told

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"

_SEVERITY = {"critical": "Severe", "major": "Moderate", "minor": "Minor", "warning": "Minor"}
"""CAP's Extreme is an extraordinary threat to life or property."""

_URGENCY = {"critical": "Immediate", "major": "Immediate", "minor": "Expected", "warning": "Future"}

_CATEGORY: Mapping[SensorKind, str] = {
    "traffic": "Transport",
    "parking": "Transport",
    "air": "Env",
    "noise": "Env",
    "waste": "Env",
    "crowd": "Safety",
    "water": "Met",
    "weather": "Met",
    "street_light": "Infra",
    "heating": "Infra",
}
"""By what was measured. CAP: Env is pollution, Met includes floods, Infra is utilities and telecommunication."""


def render(message: Message) -> Payload:
    """Return the message: an Alert the first time its receiver hears of it, then Updates, in the end a Cancel.

    A repeat is the same message once more, as the Cancel names none but those.
    """
    alert, receiver, reason = message.alert, message.receiver, str(message.reason)
    cleared = alert.status == "cleared"
    name, told = identifier(alert.alert_id, message.id_), _told(message)
    if message.reason == "repeat":
        while told and told[-1].sequence > message.sequence:
            told.pop()
        if told:
            again = told.pop()
            name, reason = _name(alert, again), again.reason.partition("/")[0]
    root = ET.Element("alert", xmlns=NAMESPACE)
    _add(root, "identifier", name)
    _add(root, "sender", receiver.sender)
    _add(root, "sent", _time(alert.updated_at))
    _add(root, "status", receiver.status)
    _add(root, "msgType", ("Cancel" if cleared else "Update") if told else "Alert")
    _add(root, "scope", receiver.scope)
    if receiver.scope == "Restricted":
        _add(root, "restriction", "operations staff")
    if told:
        _add(
            root,
            "references",
            " ".join(f"{receiver.sender},{_name(alert, t)},{_time(t.updated_at)}" for t in told),
        )
    _add_info(root, message, reason)
    return Payload(
        ET.tostring(root, encoding="utf-8", xml_declaration=True), "application/cap+xml; charset=utf-8"
    )


def identifier(alert_id: str, message_id: str) -> str:
    """Return the identifier of a message: no spaces, commas, < or &."""
    return alert_id + message_id.removeprefix(alert_id).replace("/", ".")


def _told(message: Message) -> list[Told]:
    """Return what the receiver was told before; a repeat is no message of its own."""
    return [told for told in message.told if told.reason != "repeat"]


def _name(alert: Alert, told: Told) -> str:
    suffix = "" if told.reason == "event" else f"/{told.reason}"
    return identifier(alert.alert_id, f"{alert.alert_id}/{told.sequence}{suffix}")


def _add_info(root: ET.Element, message: Message, reason: str) -> None:
    alert = message.alert
    cleared = alert.status == "cleared"
    info = ET.SubElement(root, "info")
    _add(info, "language", message.receiver.language)
    for category in _categories(alert):
        _add(info, "category", category)
    _add(info, "event", alert.kind.replace("_", " "))
    if cleared:
        # All other types but Assess and None say that an instruction follows, and we have none to give.
        _add(info, "responseType", "AllClear")
    _add(info, "urgency", "Past" if cleared else _URGENCY[alert.severity])
    _add(info, "severity", _SEVERITY[alert.severity])
    _add(info, "certainty", "Likely" if alert.kind == "saturation_expected" else "Observed")
    _add(info, "onset", _time(alert.starts_at))
    _add(info, "headline", f"{alert.severity} {alert.kind}, {alert.action}")
    _add(info, "description", alert.summary)
    parameters = {"alert_id": alert.alert_id, "policy": f"{alert.policy} {alert.policy_version}"}
    if reason in ("escalation", "overdue"):
        parameters["reason"] = reason
    for name, value in parameters.items():
        parameter = ET.SubElement(info, "parameter")
        _add(parameter, "valueName", name)
        _add(parameter, "value", value)
    _add_area(info, alert, message)


def _categories(alert: Alert) -> list[str]:
    found = alert.evidence.threshold or alert.evidence.anomaly
    if found is not None:  # an anomaly may be of several metrics
        metrics = [METRICS[name] for name in found.metric.split(", ") if name in METRICS]
        return sorted({_CATEGORY[metric.kind] for metric in metrics}) or ["Other"]
    if alert.kind == "feed_silent" or alert.kind.startswith("sensor_"):
        return ["Infra"]
    return ["Other" if alert.kind == "hot_spot" else "Transport"]


def _add_area(info: ET.Element, alert: Alert, message: Message) -> None:
    area = ET.SubElement(info, "area")
    district = "" if message.district is None else f"{message.district}, "
    _add(area, "areaDesc", f"{district}zone {alert.zone}, cell {alert.cell}")
    rings = _of_several_cells(alert) or ([] if message.boundary is None else _rings(message.boundary))
    for ring in rings:
        _add(area, "polygon", " ".join(f"{lat:.6f},{lon:.6f}" for lon, lat in ring))
    if not rings:
        _add(area, "circle", f"{alert.lat:.6f},{alert.lon:.6f} 0")
    geocode = ET.SubElement(area, "geocode")
    _add(geocode, "valueName", "H3")
    _add(geocode, "value", alert.cell)


def _of_several_cells(alert: Alert) -> list[Sequence[Sequence[float]]]:
    """Return the outlines of what is more than the cell: a rule's geographies, without their holes, or a cluster."""
    evidence = alert.evidence
    if evidence.hot_spot is not None:
        polygons = outline(cell for cell in evidence.hot_spot.cells if is_cell(cell))
    else:
        rule = evidence.rule or evidence.trips
        polygons = [] if rule is None or rule.outline is None else rule.outline.coordinates
    return [polygon[0] for polygon in polygons]


def _rings(boundary: Mapping[str, Any]) -> list[Sequence[Sequence[float]]]:
    """Return the outlines of a cell (longitude, latitude): CAP takes several polygons for one area.

    A Polygon is cut at the antimeridian here: rows of cells that an earlier version stored are in one piece.
    """
    polygons = boundary["coordinates"] if boundary["type"] == "MultiPolygon" else cut(boundary["coordinates"])
    return [polygon[0] for polygon in polygons]


def _add(parent: ET.Element, name: str, text: str) -> None:
    # XML 1.0 has no control characters but these three, and neither U+FFFE nor U+FFFF
    ET.SubElement(parent, name).text = "".join(
        c for c in text if (c >= " " and c not in "\ufffe\uffff") or c in "\t\n\r"
    )


def _time(milliseconds: int) -> str:
    """CAP has no fractions of a second, and UTC is -00:00, never Z."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S-00:00")
