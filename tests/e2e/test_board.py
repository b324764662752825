"""What stands retained on MQTT sets itself right, whoever wrote it and whatever the broker lost."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h3
import pytest

from deploy.endpoints import Endpoints
from deploy.native.directory import private_directory
from deploy.native.mosquitto import Mosquitto
from streams import topics
from streams.partition import Partitions
from streams.store.migrate import migrate
from tests.conftest import new_database
from tests.e2e.city import City
from tests.e2e.services import brokers_of_its_own
from tests.e2e.taps import MqttMessage
from tests.e2e.traffic import BEGIN_MS, array, reading

pytestmark = pytest.mark.e2e

LAT, LON = 31.21, 121.51
HERE = h3.latlng_to_cell(LAT, LON, 9)
ELSEWHERE = h3.grid_ring(HERE, 5)[0]
TOO_MANY = array("alpha", [reading(f"alpha-{n}", "alpha", BEGIN_MS, LAT, LON) for n in range(30)])
NOBODYS = 77
"""A partition that ub.cells does not have."""


class ForgetfulBroker(Mosquitto):
    """A Mosquitto whose disk can be lost."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._database = directory / "mosquitto" / "mosquitto.db"

    def lose_everything(self) -> None:
        """End it, and start one with nothing on its disk."""
        self.stop()
        self._database.unlink()
        self.start()


@contextmanager
def a_city_with_a_broker(stack: Endpoints, kind: str) -> Iterator[tuple[City, ForgetfulBroker]]:
    if kind != "native":
        pytest.skip("the broker is to lose its disk, and only the native one is ours")
    with private_directory() as directory, private_directory() as beside, new_database(stack) as database:
        asyncio.run(migrate(database.owner_url, lambda _line: None))
        broker = ForgetfulBroker(beside)
        broker.start()
        try:
            with brokers_of_its_own(kind, stack, directory) as (endpoints, _):
                ours = replace(endpoints, mqtt_host=broker.host, mqtt_port=broker.port)
                city = City(ours, database, directory, {"UB_MIN_DURATION_S": "0"})
                try:
                    yield city, broker
                finally:
                    city.close()
        finally:
            broker.stop()


def standing(city: City) -> dict[str, bytes]:
    """What a subscriber is told first who comes only now."""
    found: list[MqttMessage] = []
    for name in topics.MQTT_BOARD_FILTERS:
        found += city.retained(name)
    return {message.topic: message.payload for message in found}


def all_bikes_were_counted(found: dict[str, bytes]) -> bool:
    """They lie in two partitions: with those of one the cell is just full, and the alert minor."""
    return len(found) == 4 and all("/major/" in topic for topic in found)


def pin(city: City, notices: dict[str, bytes]) -> None:
    """Retain messages as anybody might; an empty one takes away what stands."""
    with city.mqtt_tap("ub/test/none") as client:
        for topic, payload in notices.items():
            client.publish(topic, payload, retain=True)


def changed(payload: bytes, **fields: object) -> bytes:
    """An event of an alert or incident with other fields; `partition` is that of its evidence."""
    told = json.loads(payload)
    if "partition" in fields:
        told["evidence"]["partition"] = fields.pop("partition")
    return json.dumps(told | fields).encode()


def test_what_stands_retained_sets_itself_right(stack: Endpoints, stack_kind: str) -> None:
    with a_city_with_a_broker(stack, stack_kind) as (city, broker):
        city.start_gateway()
        worker = city.start_worker()
        city.publish([TOO_MANY])
        right = city.eventually(lambda: standing(city), 60.0, until=all_bikes_were_counted)
        alert, own, of_alpha, incident = (
            next(name for name in right if name.startswith(f"{tree}/"))
            for tree in (
                topics.MQTT_ALERTS,
                topics.MQTT_OPEN_ALERTS,
                f"{topics.MQTT_OPEN_ALERTS_BY}/operator/alpha",
                topics.MQTT_INCIDENTS,
            )
        )
        assert right[own] == right[of_alpha] == right[alert]

        with city.kafka_tap() as tap:
            [key, partition] = city.eventually(lambda: [(r.key, r.partition) for r in tap.of(topics.CELLS)])[
                0
            ]
        assert Partitions(2)[key.decode()] == partition, "so a worker knows whose an incident is"

        stale = {
            topics.alert_topic("major", "oversaturation", ELSEWHERE): changed(
                right[alert], alert_id="stale", cell=ELSEWHERE
            ),
            topics.open_alert_topic("major", "oversaturation", ELSEWHERE, "stale"): changed(
                right[alert], alert_id="stale", cell=ELSEWHERE
            ),
            own.replace("open-alerts", "open-alerts-by/operator/beta"): right[
                own
            ],  # it counts none of beta's
            topics.incident_topic("major", "stale"): changed(right[incident], incident_id="stale"),
        }
        none_of_ours = {
            topics.alert_topic("minor", "oversaturation", ELSEWHERE): changed(
                right[alert], alert_id="theirs", partition=NOBODYS
            ),
            topics.alert_topic("minor", "too_many", ELSEWHERE): b"\xff garbage",
        }
        pin(city, {**stale, **none_of_ours})  # the worker says below that it found them: it may be quick
        city.eventually(lambda: standing(city), 60.0, until=lambda found: found == {**right, **none_of_ours})

        pin(
            city,
            {alert: b"", own: b"", of_alpha: b"", incident: stale[topics.incident_topic("major", "stale")]},
        )
        city.eventually(lambda: standing(city), 60.0, until=lambda found: found == {**right, **none_of_ours})

        broker.lose_everything()
        city.eventually(lambda: standing(city), 60.0, until=lambda found: found == right)

        [row] = city.query("SELECT sequence, status FROM ub.alert")
        sequence = json.loads(right[alert])["sequence"]
        assert (row["sequence"], row["status"]) == (sequence, "active")
        said = worker.log.read_text()
        assert f"MQTT {alert!r}: found nothing retained; published again" in said
        assert f"MQTT {own!r}: found nothing retained; published again" in said
        assert f"MQTT {of_alpha!r}: found nothing retained; published again" in said
        assert f"found event {sequence} of stale retained; removed" in said
