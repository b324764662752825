"""A whole country under one incident: what is told of it has to pass Kafka, or the worker would get no further."""

import h3
import msgspec
import pytest

from schemas import codec
from schemas.incidents import Incident
from streams import topics
from streams.incidents.grouping.incident import MOST_CORNERS, begun
from streams.incidents.grouping.members import Member
from streams.incidents.grouping.open_incidents import OpenIncidents
from streams.incidents.grouping.telling import MOST_LISTED, announce, rows
from tests.pipeline import T0
from tests.unit.alerts.events import alert
from tests.unit.incidents.grouping.grouped import CENTRE, REGION, config

COUNTRY = 300_000
_incident = msgspec.json.Decoder(Incident)


@pytest.fixture(scope="module")
def huge() -> Incident:
    one = Member("a", CENTRE, "oversaturation", "minor", "default", T0, None)
    small = begun("i", REGION, [one], None, T0, config())
    cells = [f"89{number:013x}" for number in range(COUNTRY)]
    alerts = [f"{number:08d}-0000-5000-8000-000000000000" for number in range(COUNTRY)]
    return msgspec.structs.replace(small, cells=cells, alerts=alerts)


def test_an_incident_of_a_whole_country_is_told_in_a_record_that_kafka_takes(huge: Incident) -> None:
    told = announce(huge, None)
    assert len(told.value) + 42 * MOST_CORNERS < 0.8 * topics.LARGEST_RECORD
    assert [message.payload for message in told.mqtt] == [told.value]


def test_of_very_many_alerts_the_oldest_are_listed_and_the_summary_counts_all(huge: Incident) -> None:
    told = _incident.decode(announce(huge, None).value)
    assert told.alerts == huge.alerts[:MOST_LISTED]
    assert told.cells == huge.cells[:MOST_LISTED]
    assert told.summary == huge.summary


def test_tables_have_all_cells_and_alerts_of_a_whole_country(huge: Incident) -> None:
    (stored,) = rows([huge], [])
    assert msgspec.json.decode(stored.columns["alerts"][0]) == huge.alerts
    assert msgspec.json.decode(stored.columns["cells"][0]) == huge.cells


def test_what_ought_to_stand_retained_is_what_was_told(huge: Incident) -> None:
    saved = msgspec.msgpack.encode((huge, huge.alerts[0], []))
    incidents = OpenIncidents(config())
    incidents.restore({f"incident/{huge.incident_id}": saved}, [])
    told = announce(huge, None)
    assert incidents.retained() == {told.mqtt[0].topic: [told.value]}


def test_an_outline_with_too_many_corners_is_that_of_the_parents() -> None:
    apart = [
        cell
        for cell in h3.grid_disk(CENTRE, 140)
        if h3.cell_to_center_child(h3.cell_to_parent(cell, 8), 9) == cell
    ]
    members = [
        Member(cell, cell, "oversaturation", "minor", "default", alert("raised").starts_at, None)
        for cell in apart
    ]
    few, many = (begun("i", REGION, some, None, T0, config()) for some in (members[:1000], members))
    assert sum(len(polygon[0]) for polygon in few.outline.coordinates) == 7_000
    assert 7 * len(apart) > MOST_CORNERS
    assert many.outline.coordinates == config().outline(many.rollup)
    assert len(codec.encode(many)) < topics.LARGEST_RECORD
