"""The JSON Schemas: as generated, self-contained, and saying what the program does."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas import fields, generate, limits
from schemas.vehicles import STANDING_STATES
from streams import topics
from streams.fold.contract import Output, Record
from streams.gateway.address import KINDS
from streams.gateway.decode import Limits, decode
from streams.gateway.framing import Framer
from streams.gateway.receipt import Receipt
from streams.gateway.vehicles import VEHICLES
from streams.grid import locate
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import City, frame, restored

NOW = 1_772_406_000_000
LIMITS = Limits(max_payload_bytes=1_000_000, max_clock_ahead_ms=4_000_000_000_000)
TOPIC = topics.positions_topic("hello")
SOUND = {"vehicle_id": "bike-1", "ts": NOW, "lat": 31.2304, "lon": 121.4737}


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads((generate.FOLDER / f"{name}.json").read_bytes()))


POSITION = validator("VehiclePosition")


# ------------------------------------------------------------------ the files


def test_the_files_are_what_the_wire_types_give() -> None:
    assert generate.drift() == [], "run: python -m schemas.generate"


def test_a_changed_a_missing_and_a_surplus_file_are_each_named(tmp_path: Path) -> None:
    generate.write(tmp_path)
    assert generate.drift(tmp_path) == []

    (tmp_path / "Alert.json").write_bytes(b"{}")
    (tmp_path / "Rejected.json").unlink()
    (tmp_path / "Tram.json").write_bytes(b"{}")

    assert generate.drift(tmp_path) == [
        "Rejected.json is missing",
        "Alert.json differs from the wire types",
        "Tram.json belongs to no wire type",
    ]
    generate.write(tmp_path)
    assert generate.drift(tmp_path) == []


def test_an_unknown_argument_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("name", sorted(generate.files()))
def test_each_schema_is_valid_and_stands_alone(name: str) -> None:
    schema = json.loads(generate.files()[name])
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:urbanbrain:schema:{name.removesuffix('.json')}:v1"
    for reference in references(schema):
        assert reference.removeprefix("#/$defs/") in schema["$defs"], reference


def references(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [found for item in schema for found in references(item)]
    if not isinstance(schema, dict):
        return []
    inside = [found for value in schema.values() for found in references(value)]
    return [schema["$ref"], *inside] if "$ref" in schema else inside


def test_what_is_said_of_fields_names_no_field_that_is_gone() -> None:
    known: dict[str, set[str]] = {}
    for wire in generate.WIRES:
        _, structs = msgspec.json.schema_components([wire.type_])
        known |= {name: set(struct["properties"]) for name, struct in structs.items()}
    assert {name: set(described) for name, described in fields.FIELDS.items()} == known


# ------------------------------------------------------------------ the gateway and the schema agree


def gateway_accepts(reading: Any) -> bool:
    decoded = decode(TOPIC, json.dumps(reading).encode(), now_ms=NOW, limits=LIMITS)
    return bool(decoded.accepted)


@pytest.mark.parametrize(
    ("change", "sound"),
    [
        ({}, True),
        ({"operator": None, "battery_percent": None}, True),
        ({"vehicle_state": "on_trip", "vehicle_type": "moped", "battery_percent": 0}, True),
        ({"vehicle_state": "flying"}, False),
        ({"vehicle_type": "tram"}, False),
        ({"speed": 3}, False),
        ({"vehicle_id": "bike 1"}, False),
        ({"vehicle_id": ""}, False),
        ({"vehicle_id": "b" * 64}, True),
        ({"vehicle_id": "b" * 65}, False),
        ({"vehicle_id": 7}, False),
        ({"operator": "a/b"}, False),
        ({"ts": limits.EARLIEST_MS}, True),
        ({"ts": limits.EARLIEST_MS - 1}, False),
        ({"ts": limits.END_MS - 1}, True),
        ({"ts": limits.END_MS}, False),
        ({"ts": str(NOW)}, False),
        ({"lat": 90}, True),
        ({"lat": 90.001}, False),
        ({"lon": -180}, True),
        ({"lon": -180.001}, False),
        ({"lat": None}, False),
        ({"lat": 0, "lon": 0.0009}, False),
        ({"lat": 0, "lon": 0.001}, True),
        ({"lat": 0}, True),
        ({"battery_percent": 100}, True),
        ({"battery_percent": 101}, False),
        ({"battery_percent": 50.5}, False),
    ],
)
def test_the_schema_refuses_what_the_gateway_refuses(change: dict[str, Any], sound: bool) -> None:
    reading = {**SOUND, **change}
    assert gateway_accepts(reading) is sound
    assert POSITION.is_valid(reading) is sound


@pytest.mark.parametrize("field", sorted(SOUND))
def test_the_schema_demands_the_fields_that_the_gateway_demands(field: str) -> None:
    reading = {name: value for name, value in SOUND.items() if name != field}
    assert not gateway_accepts(reading)
    assert not POSITION.is_valid(reading)


around = st.one_of(
    st.floats(-200, 200), st.sampled_from([0, -0.001, 0.001, 0.0005, 90, -90, 180, -180, None, "1"])
)
readings = st.fixed_dictionaries(
    {
        "vehicle_id": st.one_of(
            st.from_regex(r"[A-Za-z0-9_.:\-]{1,64}", fullmatch=True), st.text(max_size=70)
        ),
        "ts": st.one_of(st.integers(0, 2**63), st.integers(NOW - 1000, NOW), st.none()),
        "lat": around,
        "lon": around,
    },
    optional={
        "operator": st.sampled_from(["hello", None, "", 5]),
        "vehicle_state": st.sampled_from(["available", "missing", "", None]),
        "battery_percent": st.one_of(st.integers(-5, 105), st.none()),
    },
)


@given(readings)
def test_schema_and_gateway_agree_on_any_reading(reading: dict[str, Any]) -> None:
    assume(not reading["vehicle_id"].endswith("\n"))
    # A line feed at the end of an id is left out: Python's `$` lets it pass, that of ECMAScript does not.
    assert POSITION.is_valid(reading) is gateway_accepts(reading)


# ------------------------------------------------------------------ what the program writes fits


def test_frames_of_the_gateway_fit_their_schema() -> None:
    framer = Framer(KINDS, 2, lambda id_: int(id_[-1]) % 2, max_readings=500, max_bytes=256_000, linger_ms=30)
    for operator in ("hello", "meituan"):
        payload = [{**SOUND, "vehicle_id": f"{operator}-{n}", "battery_percent": n or None} for n in range(4)]
        decoded = decode(
            topics.positions_topic(operator), json.dumps(payload).encode(), now_ms=NOW, limits=LIMITS
        )
        framer.add(
            VEHICLES, operator, decoded.accepted, Receipt(mid=1, qos=1, connection=1, size=1, parts=4), NOW
        )
    found = framer.flush_all()
    assert len(found) == 2
    for each in found:
        validator("VehicleFrame").validate(json.loads(each.value))


def test_what_the_stages_write_fits_their_schemas() -> None:
    """One cell fills up, over its capacity of 2, and empties again; one reading is out of range."""
    seen = {
        kind: [json.loads(output.value) for output in outputs]
        for kind, outputs in outputs_of_a_road().items()
    }

    for name in ("FleetPartial", "CellsNow", "CellsWindow", "Alert", "Rejected"):
        assert seen[name], name
        for message in seen[name]:
            validator(name).validate(message)
    assert [alert["action"] for alert in seen["Alert"]] == ["raised", "cleared"]


SCHEMA_OF = {
    "ub.partials.fleet.v1": "FleetPartial",
    "ub.cells.now.v1": "CellsNow",
    "ub.cells.window.v1": "CellsWindow",
    "ub.cells.health.v1": "CellsHealth",
    "ub.alert.v1": "Alert",
    "ub.rejected.v1": "Rejected",
}


def outputs_of_a_road() -> dict[str, list[Output]]:
    city = City(sources=1)
    rule = Rule("default", capacity=2, raise_ratio=1, clear_ratio=0.8, min_duration_ms=60_000)
    incidents = IncidentsState(parse(None, rule, "default"), locate.centre, restored(0))
    told: list[Output] = []
    cells: list[bytes] = []

    def advance(bikes: int, minute: int, state: str) -> None:
        moment = NOW + minute * 60_000
        positions = [
            {**SOUND, "vehicle_id": f"b{n}", "ts": moment, "operator": "hello", "vehicle_state": state}
            for n in range(bikes)
        ]
        city.feed(0, frame(positions))
        fleet = city.fleets[0].take_outputs(at_checkpoint=True)
        for output in fleet:
            if output.topic == topics.PARTIALS:
                city.grid.apply(Record(topics.PARTIALS, 0, len(told), output.value, 0))
        city.grid.idle(city.wall)
        grid = city.grid.take_outputs(at_checkpoint=True)
        for output in grid:
            cells.append(output.value)
            incidents.apply(Record(topics.CELLS, 0, len(cells), output.value, 0))
        told.extend([*fleet, *grid, *incidents.take_outputs(at_checkpoint=True)])

    for minute in range(4):
        advance(3, minute, STANDING_STATES[0])
    city.feed(0, frame([{**SOUND, "lat": 95.0, "operator": "hello", "vehicle_state": "available"}]))
    for minute in range(4, 7):
        advance(3, minute, "on_trip")
    kinds: dict[str, list[Output]] = {name: [] for name in SCHEMA_OF.values()}
    for output in told:
        kinds[SCHEMA_OF[output.type_]].append(output)
    return kinds


def test_a_vehicle_that_fell_silent_fits_its_schema() -> None:
    city = City(sources=1)
    for day in (0, 1):
        reading = {**SOUND, "vehicle_id": f"b{day}", "ts": NOW + day * 86_400_000}
        city.feed(0, frame([{**reading, "operator": "hello", "vehicle_state": "available"}]))
    events = [
        json.loads(output.value)
        for output in city.fleets[0].take_outputs(at_checkpoint=True)
        if output.topic == topics.VEHICLE_EVENTS
    ]
    assert [event["vehicle_id"] for event in events] == ["b0"]
    validator("VehicleEvent").validate(events[0])
