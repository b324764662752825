"""Write the JSON Schemas of the wire types to schemas/json: `python -m schemas.generate [--check]`.

Types come from the msgspec structs, meanings and ranges from schemas/fields. Each file stands alone
(JSON Schema 2020-12, everything it needs under `$defs`). With --check nothing is written: the exit code is 1
when a file differs from what would be written.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from schemas.alert_actions import AlertHandling
from schemas.alerts import Alert
from schemas.cells import (
    CellsEdges,
    CellsHealth,
    CellsMetrics,
    CellsNow,
    CellsRequests,
    CellsVehicles,
    CellsWindow,
)
from schemas.fields import FIELDS, RULES
from schemas.gateways import GatewayAtWork
from schemas.incidents import Incident
from schemas.partials import FleetPartial, RequestsPartial, SensingPartial
from schemas.rejected import Rejected
from schemas.requests import CitizenRequest, RequestFrame
from schemas.sensors import SensorFrame, SensorReading
from schemas.vehicle_events import VehicleEvent
from schemas.vehicles import VehicleFrame, VehiclePosition

FOLDER = Path(__file__).parent / "json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REF = "#/$defs/"

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wire:
    """A type that travels by itself, and the version of its form."""

    name: str
    type_: Any
    title: str
    version: int = 1


WIRES: tuple[Wire, ...] = (
    Wire("VehiclePosition", VehiclePosition, "Position of a vehicle"),
    Wire("VehiclePositions", list[VehiclePosition], "Positions of vehicles of one operator"),
    Wire("VehicleFrame", VehicleFrame, "Frame of vehicle positions"),
    Wire("VehicleEvent", VehicleEvent, "Vehicle that fell silent"),
    Wire("SensorReading", SensorReading, "Reading of a sensor"),
    Wire("SensorReadings", list[SensorReading], "Readings of sensors of one owner"),
    Wire("SensorFrame", SensorFrame, "Frame of sensor readings"),
    Wire("CitizenRequest", CitizenRequest, "Event of a citizen's request"),
    Wire("CitizenRequests", list[CitizenRequest], "Events of citizens' requests of one owner"),
    Wire("RequestFrame", RequestFrame, "Frame of events of citizens' requests"),
    Wire("FleetPartial", FleetPartial, "Counts of vehicles of one source partition"),
    Wire("SensingPartial", SensingPartial, "Windows of metrics of one source partition"),
    Wire("RequestsPartial", RequestsPartial, "Windows of requests of one source partition"),
    Wire("CellsNow", CellsNow, "Live cells"),
    Wire("CellsWindow", CellsWindow, "Closed windows of cells"),
    Wire("CellsMetrics", CellsMetrics, "Closed windows of metrics"),
    Wire("CellsRequests", CellsRequests, "Closed windows of citizens' requests"),
    Wire("CellsVehicles", CellsVehicles, "News of single vehicles"),
    Wire("CellsEdges", CellsEdges, "Live counts by position, in cells on the edge of areas"),
    Wire("CellsHealth", CellsHealth, "Health of sensors"),
    Wire("Alert", Alert, "Alert"),
    Wire("AlertHandling", AlertHandling, "Something that a person did about an alert"),
    Wire("Incident", Incident, "Incident: alerts that belong together"),
    Wire("Rejected", Rejected, "Refused input"),
    Wire("GatewayAtWork", GatewayAtWork, "Gateway that is at work"),
)


def render(wire: Wire) -> bytes:
    """Return the file of one type."""
    (root,), structs = msgspec.json.schema_components([wire.type_], ref_template=_REF + "{name}")
    for name, struct in structs.items():
        _annotate(name, struct)
    head: Schema = {"$schema": DIALECT, "$id": f"urn:urbanbrain:schema:{wire.name}:v{wire.version}"}
    if root.get("type") == "array":
        root = {
            "description": "Readings are judged one by one: a bad one does not harm the others.",
            **root,
            "minItems": 1,
        }
    else:
        root = structs.pop(root["$ref"].removeprefix(_REF))
    root.pop("title", None)
    schema = {**head, "title": wire.title, **root}
    if structs:
        schema["$defs"] = structs
    return json.dumps(schema, indent=2, ensure_ascii=False).encode() + b"\n"


def _annotate(name: str, struct: Schema) -> None:
    """Add to a struct's schema what schemas/fields says of it. A name that is not there is a KeyError."""
    fields = FIELDS[name]
    for field, schema in struct["properties"].items():
        keywords = dict(fields[field])
        description = keywords.pop("description")
        for values in _values(schema):
            values.update(keywords)
        struct["properties"][field] = {"description": description, **schema}
    struct.update(RULES.get(name, {}))


def _values(schema: Schema) -> Iterator[Schema]:
    """Yield the schemas of the values that are not null: in each alternative, inside a column its items."""
    if "anyOf" in schema:
        for alternative in schema["anyOf"]:
            yield from _values(alternative)
    elif schema.get("type") == "array":
        yield from _values(schema["items"])
    elif schema.get("type") != "null":
        yield schema


def files() -> dict[str, bytes]:
    """Return every file by name."""
    return {f"{wire.name}.json": render(wire) for wire in WIRES}


def drift(folder: Path = FOLDER) -> list[str]:
    """Return what is wrong with the files in `folder`, a line each."""
    wanted = files()
    found = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    return [
        *(f"{name} is missing" for name in wanted if name not in found),
        *(
            f"{name} differs from the wire types"
            for name in wanted
            if found.get(name, wanted[name]) != wanted[name]
        ),
        *(f"{name} belongs to no wire type" for name in sorted(found) if name not in wanted),
    ]


def write(folder: Path = FOLDER) -> None:
    """Make `folder` hold these files and no other schema."""
    folder.mkdir(exist_ok=True)
    wanted = files()
    for path in folder.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (folder / name).write_bytes(content)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns its exit code."""
    if list(arguments) not in ([], ["--check"]):
        print("usage: python -m schemas.generate [--check]", file=sys.stderr)
        return 2
    if not arguments:
        write()
        return 0
    faults = drift()
    for fault in faults:
        print(f"schemas/json/{fault}; run: python -m schemas.generate", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
