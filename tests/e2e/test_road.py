"""A reading walks the whole road: from MQTT to the tables, to Kafka and to whoever follows alerts."""

import json
from collections.abc import Iterator

import psycopg
import pytest
from psycopg.rows import dict_row

from schemas import codec
from schemas.alerts import Alert
from tests import oracle
from tests.contract.wire import Contract
from tests.e2e import story as flood
from tests.e2e.conftest import CityMaker
from tests.e2e.story import CELL, OTHER_CELL, Story
from tests.e2e.tables import difference, ledger

pytestmark = pytest.mark.e2e

TOPIC = "ub/v1/alerts/{}/oversaturation/" + CELL
LIFE = [
    ("raised", "major", 30),
    ("updated", "critical", 40),
    ("updated", "major", "under 36"),
    ("updated", "minor", "under 27"),
    ("cleared", "minor", "under 16"),
]
"""Action, severity and bikes in the cell, event by event; they leave one by one, so it falls at any below a bound."""


@pytest.fixture(scope="module")
def story(a_city: CityMaker) -> Iterator[Story]:
    with a_city() as city:
        yield flood.tell(city)


def life(alerts: list[Alert]) -> list[tuple[str, str, int | str]]:
    return [event(alert.action, alert.severity, alert.evidence.occupancy) for alert in alerts]


def event(action: str, severity: str, occupancy: int) -> tuple[str, str, int | str]:
    bound = {"major": 36, "minor": 27}.get(severity) if action == "updated" else 16
    return action, severity, f"under {bound}" if bound and occupancy < bound else occupancy


def test_the_tables_hold_what_a_batch_computation_expects(story: Story) -> None:
    assert difference(story.city, oracle.batch(story.readings)) == []
    everything = len(story.readings)
    assert ledger(story.city) == {
        "received": everything,
        "applied": everything,
        "superseded": 0,
        "rejected": 0,
    }


def test_the_views_show_another_service_the_same(story: Story) -> None:
    expected = oracle.batch(story.readings)
    with psycopg.connect(story.city.database.reader_url, row_factory=dict_row) as reader:
        latest = reader.execute("SELECT * FROM api.vehicle_latest").fetchall()
        assert {row["vehicle_id"]: row["hex"] for row in latest} == {
            name: row["cell"] for name, row in expected.vehicle_state.items()
        }
        minutes = reader.execute("SELECT * FROM api.cell_minute WHERE hex = %s", (CELL,)).fetchall()
        assert {
            (int(row["minute"].timestamp()) * 1000, CELL, row["operator"]): {
                name: row[name] for name in ("readings", "arrivals", "departures", "occupancy")
            }
            for row in minutes
        } == {key: row for key, row in expected.cell_window.items() if key[1] == CELL}
        assert {json.dumps(row["boundary"]) for row in minutes} != {"null"}
        now = reader.execute(
            "SELECT sum(occupancy) AS n FROM api.cell_now WHERE hex = %s", (CELL,)
        ).fetchall()
        assert now == [{"n": 10}]
        assert reader.execute("SELECT * FROM api.alerts_open").fetchall() == []
        history = reader.execute("SELECT * FROM api.alert_history ORDER BY sequence").fetchall()
        assert [event(row["action"], row["severity"], row["occupancy"]) for row in history] == LIFE


def test_the_alert_and_its_events_are_on_file(story: Story) -> None:
    (alert,) = story.city.query("SELECT *, to_hex(cell) AS hex FROM ub.alert")
    assert (alert["hex"], alert["status"], alert["severity"], alert["sequence"]) == (
        CELL,
        "cleared",
        "minor",
        4,
    )
    assert (alert["updated_at"] - alert["starts_at"]).total_seconds() >= 60
    events = story.city.query("SELECT * FROM ub.alert_event ORDER BY sequence")
    assert [(event["action"], event["severity"]) for event in events] == [item[:2] for item in LIFE]
    assert {event["alert_id"] for event in events} == {alert["alert_id"]}


def test_kafka_carries_every_reading_in_frames_of_one_partition(story: Story) -> None:
    seen: list[tuple[str, int]] = []
    homes: dict[str, set[int]] = {}
    for record in story.kafka:
        if record.topic == "ub.vehicles":
            frame = codec.vehicle_frame.decode(record.value)
            seen += zip(frame.vehicle_id, frame.ts, strict=True)
            for vehicle_id in frame.vehicle_id:
                homes.setdefault(vehicle_id, set()).add(record.partition)
    assert sorted(seen) == sorted((r["vehicle_id"], r["ts"]) for r in story.readings)
    assert all(len(partitions) == 1 for partitions in homes.values())


def test_kafka_carries_the_alert_in_cloud_events(story: Story) -> None:
    records = sorted((r for r in story.kafka if r.topic == "ub.alerts"), key=lambda r: r.offset)
    alerts = [codec.alert.decode(record.value) for record in records]
    assert life(alerts) == LIFE
    for record, alert in zip(records, alerts, strict=True):
        assert record.key == CELL.encode()
        headers = record.headers
        assert headers["ce_specversion"] == "1.0"
        assert headers["ce_type"] == "ub.alert.v1"
        assert headers["ce_id"] == f"{alert.alert_id}/{alert.sequence}"
        assert headers["ce_source"].startswith("urbanbrain/")
        assert headers["content-type"] == "application/json"
        assert alert.evidence.topic == "ub.cells"


def test_kafka_carries_windows_and_live_cells_that_add_up_to_the_tables(story: Story) -> None:
    now: dict[tuple[str, str], int] = {}
    windows: dict[tuple[int, str, str], tuple[int, int, int, int]] = {}
    for record in story.kafka:
        if record.topic != "ub.cells":
            continue
        message = codec.cells.decode(record.value)
        if record.headers["ce_type"] == "ub.cells.now.v1":
            counts = message.counts
            now |= zip(
                zip(counts.cell, counts.operator, strict=True), map(int, counts.available), strict=True
            )
        elif record.headers["ce_type"] == "ub.cells.window.v1":
            rows = message.rows
            keys = zip(rows.window_start, rows.cell, rows.operator, strict=True)
            figures = zip(rows.readings, rows.arrivals, rows.departures, rows.occupancy, strict=True)
            windows |= zip(keys, figures, strict=True)
    expected = oracle.batch(story.readings)
    assert {key: n for key, n in now.items() if n} == {
        key: row["available"] for key, row in expected.cell_now.items()
    }
    assert windows == {key: tuple(row.values()) for key, row in expected.cell_window.items()}


def test_the_alert_is_an_incident_from_its_beginning_to_its_end(story: Story) -> None:
    records = [r for r in story.kafka if r.topic == "ub.incidents"]
    incidents = [codec.incident.decode(record.value) for record in records]
    assert [(one.action, one.severity) for one in incidents] == [
        *(
            ("begun", "major"),
            ("updated", "critical"),
            ("updated", "major"),
            ("updated", "minor"),
            ("ended", "minor"),
        )
    ]
    (alert,) = story.city.query("SELECT alert_id FROM ub.alert")
    assert {(one.incident_id, tuple(one.cells), tuple(one.alerts)) for one in incidents} == {
        (incidents[0].incident_id, (CELL,), (alert["alert_id"],))
    }
    (row,) = story.city.query("SELECT * FROM api.incidents")
    assert (row["status"], row["kinds"], row["cells"]) == ("ended", ["oversaturation"], [CELL])
    (part,) = story.city.query("SELECT * FROM api.incident_alerts")
    assert (part["alert_id"], part["hex"]) == (alert["alert_id"], CELL)
    assert story.city.retained("ub/v1/incidents/#") == []
    assert incidents[0].incident_id in story.city.run("incidents", "list", "--all").out
    again = story.city.run("alerts", "replay", alert["alert_id"])
    assert again.code == 0, again
    assert "5 events with the same evidence" in again.out


def test_a_late_subscriber_gets_the_alert_while_it_is_open(story: Story) -> None:
    for severity in ("major", "critical"):
        (message,) = story.retained[severity]
        assert message.topic == TOPIC.format(severity)
        assert codec.alert.decode(message.payload).status == "active"
    assert story.retained["cleared"] == []


def test_a_subscriber_sees_the_alert_change_its_topic_and_go(story: Story) -> None:
    steps = [
        (m.topic, codec.alert.decode(m.payload).action if m.payload else "taken back") for m in story.alerts
    ]
    assert steps == [
        (TOPIC.format("major"), "raised"),
        (TOPIC.format("major"), "taken back"),
        (TOPIC.format("critical"), "updated"),
        (TOPIC.format("critical"), "taken back"),
        (TOPIC.format("major"), "updated"),
        (TOPIC.format("major"), "taken back"),
        (TOPIC.format("minor"), "updated"),
        (TOPIC.format("minor"), "cleared"),
        (TOPIC.format("minor"), "taken back"),
    ]


def test_alerts_tail_follows_what_it_was_told_to(story: Story) -> None:
    lines = story.city.eventually(lambda: story.tail("all"), until=lambda found: len(found) >= 5)
    assert [word for line in lines for word in ("RAISED", "CHANGED", "CLEARED") if word in line] == [
        *("RAISED", "CHANGED", "CHANGED", "CHANGED", "CLEARED")
    ]
    assert all(CELL in line for line in lines)
    lines = story.city.eventually(
        lambda: story.tail("critical"), until=lambda found: len(found) >= len(LIFE) - 1
    )
    critical = [codec.alert.decode(line.encode()) for line in lines]
    assert life(critical) == LIFE[1:], "it is followed to its end, whatever its severity"
    assert story.tail("another cell") == []


def test_alerts_tail_ends_in_order_when_asked(story: Story) -> None:
    for tail in story.tails.values():
        tail.stop()
    assert all("Traceback" not in tail.log.read_text() for tail in story.tails.values())


def test_everything_on_the_wire_is_as_the_contract_says(story: Story) -> None:
    contract = Contract()
    said = [m for m in story.mqtt if m.topic.startswith("ub/v1/")]
    assert [fault for m in said for fault in contract.mqtt_faults(m.topic, m.payload)] == []
    faults = [
        fault for r in story.kafka for fault in contract.kafka_faults(r.topic, r.key, r.headers, r.value)
    ]
    assert faults == []
    told = {"ub.vehicles", "ub.partials", "ub.cells", "ub.alerts", "ub.incidents"}
    assert {record.topic for record in story.kafka} == told


def test_alerts_list_shows_open_and_cleared_ones(story: Story) -> None:
    (line,) = (line for line in story.listing.splitlines() if CELL in line)
    assert "critical" in line
    assert " 40 " in line
    listed = {
        options: story.city.run("alerts", "list", *options)
        for options in ((), ("--status", "cleared"), ("--status", "cleared", "--cell", OTHER_CELL))
    }
    assert all(done.code == 0 for done in listed.values())
    assert [CELL in done.out for done in listed.values()] == [False, True, False]


def test_the_doctor_finds_a_running_city_healthy(story: Story) -> None:
    done = story.city.run("doctor")
    assert done.code == 0, done
    assert not [line for line in done.out.splitlines() if line.startswith("FAULT")]
