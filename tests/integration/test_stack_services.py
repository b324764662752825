"""What tests get from the session's stack: databases of their own, topics as the settings ask."""

import psycopg
import pytest

from deploy.endpoints import Endpoints, with_database
from streams.brokers import admin
from streams.brokers.probe import probe_mqtt
from streams.errors import ServiceUnavailable, SettingsError
from streams.settings import load
from streams.topics import kafka_topics
from tests.conftest import Database

pytestmark = pytest.mark.integration


def test_each_test_gets_an_empty_database(database: Database) -> None:
    with psycopg.connect(database.owner_url) as connection:
        assert connection.execute("SELECT current_database()").fetchone() == (database.name,)
        assert connection.execute("SELECT to_regnamespace('ub') IS NULL").fetchone() == (True,)


def test_a_migrated_database_lets_the_writer_write_and_the_reader_read(migrated: Database) -> None:
    with psycopg.connect(migrated.writer_url) as connection:
        connection.execute("INSERT INTO ub.rejected_count VALUES (0, 't', 'empty', 1, now())")
    with psycopg.connect(migrated.reader_url) as connection:
        assert connection.execute("SELECT count(*) FROM api.cell_now").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM ub.rejected_count")


def test_topics_are_created_once_with_the_partitions_of_the_settings(fresh_kafka: str) -> None:
    settings = load(source_partitions=3, region_partitions=2)
    wanted = kafka_topics(3, 2)
    assert admin.create_topics(fresh_kafka, settings) == [spec.name for spec in wanted]
    assert admin.create_topics(fresh_kafka, settings) == []
    assert admin.topic_partitions(fresh_kafka) == {spec.name: spec.partitions for spec in wanted}


def test_a_topic_with_other_partitions_is_reported_and_left_alone(fresh_kafka: str) -> None:
    admin.create_topics(fresh_kafka, load(source_partitions=3))
    with pytest.raises(SettingsError, match=r"ub\.vehicles has 3 partitions, the settings ask for 5"):
        admin.create_topics(fresh_kafka, load(source_partitions=5))
    assert admin.topic_partitions(fresh_kafka)["ub.vehicles"] == 3


def test_a_topic_with_more_partitions_is_told_and_left_alone(
    fresh_kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Workers keep to those that were there, and must be able to read them to the end."""
    admin.create_topics(fresh_kafka, load(source_partitions=5))
    assert admin.create_topics(fresh_kafka, load(source_partitions=3)) == []
    assert "ub.vehicles has 5 partitions, the settings ask for 3" in caplog.text
    assert admin.topic_partitions(fresh_kafka)["ub.vehicles"] == 5


def test_looking_at_topics_creates_none(fresh_kafka: str) -> None:
    assert admin.topic_partitions(fresh_kafka) == {}
    assert admin.topic_partitions(fresh_kafka) == {}


def test_the_brokers_and_the_database_answer_at_their_endpoints(stack: Endpoints) -> None:
    assert probe_mqtt(stack.mqtt_host, stack.mqtt_port).session_kept
    assert admin.wait_for_kafka(stack.kafka_bootstrap)
    psycopg.connect(with_database(stack.database_url, "postgres")).close()


def test_services_that_are_away_are_named_with_their_address(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ServiceUnavailable, match=r"Kafka at 127\.0\.0\.1:9 does not answer"):
        admin.wait_for_kafka("127.0.0.1:9", timeout_s=0.5)
    with pytest.raises(ServiceUnavailable, match=r"MQTT at 127\.0\.0\.1:9 does not answer"):
        probe_mqtt("127.0.0.1", 9, timeout_s=0.5)
    assert caplog.text == ""  # the exception says it; the clients say nothing on their own
