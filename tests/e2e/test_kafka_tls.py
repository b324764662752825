"""The whole road over TLS, with a login and a certificate of ours: no client of Kafka is left that speaks without."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kafka import KafkaProducer

from deploy.endpoints import Endpoints
from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from schemas import codec
from streams.brokers.kafka_login import kafka_login_of
from streams.store.migrate import migrate
from tests import oracle
from tests.conftest import new_database
from tests.e2e import story as flood
from tests.e2e.city import City
from tests.e2e.services import with_brokers
from tests.e2e.story import CELL, Story
from tests.e2e.tables import difference
from tests.integration.kafka_front import Account, TlsKafka, tls_kafka
from tests.integration.notify_support import hook
from tests.unit.alerts.events import alert

pytestmark = pytest.mark.e2e


@dataclass(frozen=True, slots=True)
class Told:
    """A story, and the Kafka that it went through."""

    story: Story
    kafka: TlsKafka


@pytest.fixture(scope="module", params=["SCRAM-SHA-512"])
def told(stack: Endpoints, stack_kind: str, request: pytest.FixtureRequest) -> Iterator[Told]:
    if stack_kind != "native":
        pytest.skip("it brings a Kafka and an MQTT broker of its own")
    with (
        private_directory() as directory,
        tls_kafka(strict=True, account=Account(request.param)) as kafka,
        new_database(stack) as database,
    ):
        asyncio.run(migrate(database.owner_url, lambda _line: None))
        mosquitto = Mosquitto(directory)
        endpoints = with_brokers(stack, mosquitto, kafka.bootstrap)
        ours = kafka.settings(kafka_cert_file=kafka.made.server, kafka_key_file=kafka.made.key)
        city = City(
            endpoints, database, directory, {f"UB_{name.upper()}": str(value) for name, value in ours.items()}
        )
        try:
            mosquitto.start()
            yield Told(flood.tell(city), kafka)
        finally:
            city.close()
            mosquitto.stop()


def test_readings_arrive_and_alerts_go_out(told: Told) -> None:
    story = told.story
    assert difference(story.city, oracle.batch(story.readings)) == []
    (row,) = story.city.query("SELECT status, sequence FROM ub.alert")
    assert row == {"status": "cleared", "sequence": 4}
    assert len([record for record in story.kafka if record.topic == "ub.alerts"]) == 5


def test_the_audit_finds_no_difference(told: Told) -> None:
    done = told.story.city.run("audit", "--json", timeout_s=120)
    assert done.code == 0, done


def test_alerts_are_judged_anew_from_the_log(told: Told) -> None:
    (row,) = told.story.city.query("SELECT alert_id FROM ub.alert")
    done = told.story.city.run("alerts", "replay", row["alert_id"])
    assert done.code == 0, done


def test_what_people_do_goes_to_kafka(told: Told) -> None:
    city = told.story.city
    (row,) = city.query("SELECT alert_id FROM ub.alert")
    done = city.run("alerts", "comment", row["alert_id"], "--text", "looked at it", "--by", "anna")
    assert done.code == 0, done
    assert "not published yet" not in done.err
    with city.kafka_tap() as tap:
        city.eventually(lambda: tap.of("ub.alert_actions"))


def test_receivers_are_told(told: Told) -> None:
    city = told.story.city
    with hook() as receiver:
        file = city.directory / "receivers.toml"
        file.write_text(f'[[receiver]]\nname = "desk"\nurl = "{receiver.url}"\n')
        city.environment["UB_NOTIFY_FILE"] = str(file)
        notify = city.start("notify", "notify")
        city.eventually(lambda: "desk is new" in notify.log.read_text())
        login = kafka_login_of(city.settings())
        producer = KafkaProducer(bootstrap_servers=city.kafka_bootstrap, acks="all", **login.options)
        producer.send("ub.alerts", key=CELL.encode(), value=codec.encode(alert())).get(10)
        producer.close()
        city.eventually(lambda: receiver.taken)
        notify.stop()


def test_kafka_is_recorded_and_played(told: Told, tmp_path: Path) -> None:
    city = told.story.city
    tape = tmp_path / "tape.jsonl.zst"
    where = ("--kafka", city.kafka_bootstrap)
    done = city.run("sim", "record", str(tape), *where, "--from-beginning", "--messages", "1", "--quiet")
    assert done.code == 0, done
    played = city.run("sim", "replay", str(tape), *where, "--speed", "max", "--quiet", "--json")
    assert json.loads(played.out)["messages_acknowledged"] == 1, played


def test_the_doctor_is_content_with_kafka(told: Told) -> None:
    done = told.story.city.run("doctor")
    assert f"{told.kafka.bootstrap} answers over TLS" in done.out.replace("\n", " "), done
