"""Mappings: every mistake is named with its key and the way out."""

import tomllib
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sensors_sim.errors import SourceError
from sensors_sim.sources.mapping import parse, read_mapping
from tests.unit.sensors_sim.sources import feed_samples as samples

GOOD = """
kind = "vehicles"
owner = "north"
columns = { vehicle_id = "bike", ts = "t", lat = "lat", lon = "lon" }
"""
SENSORS = """
kind = "sensors"
owner = "city"
columns = { sensor_id = "id", ts = "t", lat = "lat", lon = "lon" }
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_what_is_left_out_has_its_usual_value() -> None:
    mapping = parse(tomllib.loads(GOOD))
    assert (mapping.delimiter, mapping.decimal, mapping.encoding, mapping.times.format) == (
        ",", ".", "utf-8-sig", "iso",
    )  # fmt: skip
    assert mapping.times.zone is UTC
    assert mapping.needed == ("bike", "t", "lat", "lon")


def test_a_mapping_is_read_whole() -> None:
    mapping = parse(tomllib.loads(samples.VEHICLES_TOML))
    assert mapping.columns["ts"] == ("day", "time")
    assert mapping.values["vehicle_state"]["frei"] == "available"
    assert mapping.times.zone == ZoneInfo("Europe/Berlin")
    assert [measure.unit for measure in parse(tomllib.loads(samples.WIDE_TOML)).measures] == [None, "[degF]"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "kind is missing"),
        ('kind = "trams"', "kind = 'trams': one of vehicles, sensors, requests"),
        ('kind = "vehicles"', "owner is missing"),
        (GOOD.replace("north", "no/rth"), "owner = 'no/rth': at most 64 letters"),
        (
            GOOD.replace("north", "gateway"),
            "owner = 'gateway': at most 64 letters, digits and _ . : -, and none of",
        ),
        (
            GOOD.replace("vehicle_id", "vehicle"),
            "there is no key columns.'vehicle'; did you mean 'vehicle_id'?",
        ),
        (GOOD.replace("columns", "colums"), "there is no key 'colums'; did you mean 'columns'?"),
        (GOOD + "columns.weather = 1", "is not TOML"),
        (
            GOOD.replace(', lon = "lon"', ""),
            "columns.lon is missing: kind = 'vehicles' needs it (or constants.lon)",
        ),
        (GOOD.replace('ts = "t"', "ts = 5"), "columns.ts = [5]: a list of texts expected|columns.ts = 5"),
        (GOOD.replace('ts = "t"', "ts = []"), "columns.ts = []: the name of a column"),
        (GOOD + "constants = { lat = 5 }", "columns.lat and constants.lat exclude each other"),
        (GOOD + 'constants = { vehicle_type = "tram" }', "constants.vehicle_type = 'tram': one of bicycle"),
        (GOOD + "constants = { vehicle_type = true }", "constants.vehicle_type = True: a text or a number"),
        (
            GOOD + 'values.vehicle_state = { a = "parked" }',
            "values.vehicle_state.a = 'parked': one of available",
        ),
        (GOOD + "values.vehicle_state = 5", "values.vehicle_state = 5: a table of texts"),
        (GOOD + 'delimiter = "||"', "delimiter = '||': one character"),
        (GOOD + 'decimal = ";"', "decimal = ';': one of ., ,"),
        (GOOD + 'encoding = "klingon"', "encoding = 'klingon' is not known"),
        (GOOD + 'time = { format = "dd.mm" }', "time.format = 'dd.mm': one of iso, seconds, milliseconds"),
        (GOOD + 'time = { format = "%d.%m.%Y %Q" }', "time.format = '%d.%m.%Y %Q': 'Q' is a bad directive"),
        (GOOD + 'time = { format = "%H:%M %H" }', "time.format = '%H:%M %H': a directive comes twice"),
        (
            GOOD + 'time = { format = "%d.%m. %H:%M %Z" }',
            "strptime reads the name of a zone (%Z) and forgets it",
        ),
        ("x = " + "[" * 3_000, "is not TOML"),
        (GOOD + 'time = { zone = "Mars/Base" }', "time.zone = 'Mars/Base' is not a time zone"),
        (GOOD + 'time = { zon = "UTC" }', "there is no key time.'zon'; did you mean 'zone'?"),
        (GOOD + 'time = "iso"', "time = 'iso': a table [time] expected"),
        (GOOD + 'missing = "NA"', "missing = 'NA': a list of texts"),
        (GOOD + '[[measures]]\ncolumn = "a"\nmetric = "pm25"', "measures belong to kind = 'sensors'"),
        (SENSORS, "sensors need [[measures]]"),
        (SENSORS + '[[measures]]\ncolumn = "a"\nmetric = "pm"', "measures[1].metric = 'pm': one of flow"),
        (SENSORS + '[[measures]]\nmetric = "pm25"', "measures[1].column is missing"),
        (
            SENSORS + 'constants = { value = 1 }\n[[measures]]\ncolumn = "a"\nmetric = "pm25"',
            "measures and columns.value exclude each other",
        ),
        (
            SENSORS + '[[measures]]\ncolumn = "a"\nmetric = "temperature"\nunit = "degF"',
            "measures[1]: unit 'degF': temperature is measured in Cel; ",
        ),
        (
            SENSORS + '[[measures]]\ncolumn = "a"\nmetric = "temperature"\nunit = "m"',
            "measures[1]: unit 'm': temperature is measured in Cel; ",
        ),
        (
            SENSORS + 'constants = { metric = "laeq", unit = "m", value = 1 }',
            "constants.unit: unit 'm': laeq is measured in dB; dB or dB[SPL] or B or B[SPL] expected",
        ),
        (
            SENSORS + "".join(f'[[measures]]\ncolumn = "{c}"\nmetric = "pm25"\n' for c in "ab"),
            "measures[2].metric = 'pm25': measures[1] has it already; a sensor measures a metric once, "
            "so leave one out, or write a second mapping with an id_prefix of its own; "
            "of columns that are hours make rows first (docs/feeds.md)",
        ),
    ],
)
def test_a_mistake_is_named_with_its_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError) as error:
        read_mapping(written(tmp_path / "m.toml", text))
    message = str(error.value)
    assert message.startswith(str(tmp_path / "m.toml"))
    assert any(part in message for part in said.split("|")), message


def test_a_mapping_that_is_away_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot read the mapping"):
        read_mapping(tmp_path / "m.toml")
