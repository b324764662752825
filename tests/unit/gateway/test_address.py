"""Topics that mean something, and what they mean."""

import pytest

from schemas.vehicles import MAX_ID_LENGTH
from streams import topics
from streams.gateway.address import ADDRESSES, KINDS, parse
from streams.gateway.kind import Target
from streams.gateway.requests import REQUESTS
from streams.gateway.sensors import SENSORS
from streams.gateway.vehicles import VEHICLES
from tests.unit.test_topics import matches


@pytest.mark.parametrize(
    ("topic", "target"),
    [
        (topics.positions_topic("north"), Target(VEHICLES, "north", None)),
        ("ub/v1/north/vehicles/n-1/position", Target(VEHICLES, "north", "n-1")),
        (topics.sensors_topic("city"), Target(SENSORS, "city", None)),
        (topics.sensors_topic("city", "air-1"), Target(SENSORS, "city", "air-1")),
        (topics.requests_topic("city"), Target(REQUESTS, "city", None)),
        ("ub/v1/vehicles/sensors/position", Target(SENSORS, "vehicles", "position")),
    ],
)
def test_a_topic_says_kind_owner_and_entity(topic: str, target: Target) -> None:
    assert parse(topic) == target
    assert parse(topic) == target  # remembered


@pytest.mark.parametrize("topic", ["ub/v1/city/sensors/" + "s" * 5_000, "x" * 60_000])
def test_long_topics_are_read_and_not_remembered(topic: str) -> None:
    target = parse(topic)
    assert target is None or len(target.entity or "") == 5_000


def test_every_address_is_taken_by_one_subscription_of_the_gateway_and_read() -> None:
    for address in ADDRESSES:
        topic = address.replace("{", "").replace("}", "")
        assert sum(matches(pattern, topic) for pattern in topics.MQTT_GATEWAY_FILTERS) == 1
        assert parse(topic) is not None
        longest = "/".join(
            "x" * MAX_ID_LENGTH if level.startswith("{") else level for level in address.split("/")
        )
        assert parse(longest) is parse(longest) is not None


def test_kinds_differ_in_all_that_tells_them_apart() -> None:
    for tells in ("name", "kafka_topic", "envelope_type"):
        assert len({getattr(kind, tells) for kind in KINDS}) == len(KINDS)
