"""The rules of CAP 1.2 (OASIS, section 3.2 and its XML Schema) as a check that shares no code with the renderer.

Order and number of elements, closed lists of values, forms of times, identifiers, references and areas.
"""

import re
from xml.etree import ElementTree as ET

NAMESPACE = "{urn:oasis:names:tc:emergency:cap:1.2}"
TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[-+]\d{2}:\d{2}")
PLAIN = re.compile(r"[^\s,<&]+")
PAIR = re.compile(r"-?\d+(\.\d+)?,-?\d+(\.\d+)?")

ALERT = [
    ("identifier", 1, 1), ("sender", 1, 1), ("sent", 1, 1), ("status", 1, 1), ("msgType", 1, 1),
    ("source", 0, 1), ("scope", 1, 1), ("restriction", 0, 1), ("addresses", 0, 1), ("code", 0, 99),
    ("note", 0, 1), ("references", 0, 1), ("incidents", 0, 1), ("info", 0, 99),
]  # fmt: skip
INFO = [
    ("language", 0, 1), ("category", 1, 99), ("event", 1, 1), ("responseType", 0, 99), ("urgency", 1, 1),
    ("severity", 1, 1), ("certainty", 1, 1), ("audience", 0, 1), ("eventCode", 0, 99), ("effective", 0, 1),
    ("onset", 0, 1), ("expires", 0, 1), ("senderName", 0, 1), ("headline", 0, 1), ("description", 0, 1),
    ("instruction", 0, 1), ("web", 0, 1), ("contact", 0, 1), ("parameter", 0, 99), ("resource", 0, 99),
    ("area", 0, 99),
]  # fmt: skip
AREA = [
    ("areaDesc", 1, 1), ("polygon", 0, 99), ("circle", 0, 99), ("geocode", 0, 99), ("altitude", 0, 1),
    ("ceiling", 0, 1),
]  # fmt: skip
PAIRED = [("valueName", 1, 1), ("value", 1, 1)]
VALUES = {
    "status": "Actual Exercise System Test Draft",
    "msgType": "Alert Update Cancel Ack Error",
    "scope": "Public Restricted Private",
    "category": "Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other",
    "responseType": "Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None",
    "urgency": "Immediate Expected Future Past Unknown",
    "severity": "Extreme Severe Moderate Minor Unknown",
    "certainty": "Observed Likely Possible Unlikely Unknown",
}

INSTRUCTED = {"Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor"}
"""Response types that by their definition are described in `instruction`."""


def check(document: bytes) -> ET.Element:
    """Return the root of a message that breaks no rule; AssertionError names the rule."""
    root = ET.fromstring(document)
    assert root.tag == f"{NAMESPACE}alert"
    _children(root, ALERT)
    assert PLAIN.fullmatch(text(root, "identifier"))
    assert PLAIN.fullmatch(text(root, "sender"))
    assert (text(root, "scope") == "Restricted") == (root.find(f"{NAMESPACE}restriction") is not None)
    references = root.find(f"{NAMESPACE}references")
    assert (text(root, "msgType") in ("Update", "Cancel", "Ack", "Error")) == (references is not None)
    for reference in (references.text or "").split(" ") if references is not None else []:
        sender, identifier, sent = reference.split(",")
        assert PLAIN.fullmatch(sender)
        assert PLAIN.fullmatch(identifier)
        assert TIME.fullmatch(sent)
    for info in root.findall(f"{NAMESPACE}info"):
        _children(info, INFO)
        if info.find(f"{NAMESPACE}instruction") is None:
            assert not INSTRUCTED & {found.text for found in info.findall(f"{NAMESPACE}responseType")}
        for parameter in info.findall(f"{NAMESPACE}parameter"):
            _children(parameter, PAIRED)
        for area in info.findall(f"{NAMESPACE}area"):
            _area(area)
    for element in root.iter():
        name = element.tag.removeprefix(NAMESPACE)
        if name in VALUES:
            assert element.text in VALUES[name].split(), (name, element.text)
        if name in ("sent", "effective", "onset", "expires"):
            assert TIME.fullmatch(element.text or ""), (name, element.text)
    return root


def text(parent: ET.Element, name: str) -> str:
    found = parent.find(f"{NAMESPACE}{name}")
    assert found is not None, name
    assert found.text, name
    return found.text


def _area(area: ET.Element) -> None:
    _children(area, AREA)
    for polygon in area.findall(f"{NAMESPACE}polygon"):
        pairs = (polygon.text or "").split(" ")
        assert len(pairs) >= 4
        assert pairs[0] == pairs[-1]
        assert all(map(PAIR.fullmatch, pairs))
        places = [tuple(map(float, pair.split(","))) for pair in pairs]
        assert all(abs(lat) <= 90 and abs(lon) <= 180 for lat, lon in places), "WGS-84"
    for circle in area.findall(f"{NAMESPACE}circle"):
        centre, _, radius = (circle.text or "").partition(" ")
        assert PAIR.fullmatch(centre)
        assert float(radius) >= 0
    for geocode in area.findall(f"{NAMESPACE}geocode"):
        _children(geocode, PAIRED)


def _children(parent: ET.Element, rule: list[tuple[str, int, int]]) -> None:
    names = [child.tag.removeprefix(NAMESPACE) for child in parent]
    order = [name for name, _, _ in rule]
    assert names == sorted(names, key=order.index), (parent.tag, names)
    for name, least, most in rule:
        assert least <= names.count(name) <= most, (parent.tag, name)
