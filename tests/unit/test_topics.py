"""The contract's names, as publishers and subscribers spell them."""

from schemas.owners import OWN_LEVELS
from streams import topics


def test_kafka_topics_are_those_of_the_contract_with_their_partitions() -> None:
    found = {spec.name: spec.partitions for spec in topics.kafka_topics(8, 4)}
    assert found == {
        "ub.vehicles": 8,
        "ub.sensors": 8,
        "ub.requests": 8,
        "ub.vehicle_events": 8,
        "ub.partials": 4,
        "ub.cells": 4,
        "ub.alerts": 4,
        "ub.alert_actions": 4,
        "ub.incidents": 4,
        "ub.rejected": 2,
    }


def test_no_owner_is_called_like_a_topic_of_our_own() -> None:
    ours = [
        topic for name, topic in vars(topics).items() if name.startswith("MQTT_") and isinstance(topic, str)
    ]
    levels = {topic.split("/")[2] for topic in ours}
    assert levels - {"+"} <= OWN_LEVELS
    assert len(levels) > 5


def test_every_topic_of_kafka_says_its_key_and_how_long_it_is_kept() -> None:
    for spec in topics.kafka_topics(1, 1):
        assert spec.key
        assert spec.retention_hours is None or spec.retention_hours >= 24


def test_an_alert_has_its_place_by_severity_kind_and_cell() -> None:
    assert topics.alert_topic("major", "oversaturation", "89309959d07ffff") == (
        "ub/v1/alerts/major/oversaturation/89309959d07ffff"
    )


def test_every_open_alert_has_a_place_of_its_own() -> None:
    topic = topics.open_alert_topic("major", "oversaturation", "89309959d07ffff", "a-1")
    assert topic == "ub/v1/open-alerts/major/oversaturation/89309959d07ffff/a-1"
    assert not matches(f"{topics.MQTT_ALERTS}/#", topic)


def test_every_open_alert_has_a_place_for_each_operator_and_for_its_district() -> None:
    place = "major", "oversaturation", "89309959d07ffff", "a-1"
    topic = topics.open_alert_topic_by("operator", "hello", *place)
    assert topic == "ub/v1/open-alerts-by/operator/hello/major/oversaturation/89309959d07ffff/a-1"
    assert matches(f"{topics.MQTT_OPEN_ALERTS_BY}/operator/hello/#", topic)
    assert not matches(f"{topics.MQTT_OPEN_ALERTS}/#", topic)
    assert not any(matches(wanted, topic) for wanted in topics.MQTT_GATEWAY_FILTERS)
    odd = topics.open_alert_topic_by("district", "A/B + #1 (50%) 浦东", *place)
    assert odd.split("/")[4] == "A%2FB %2B %231 (50%25) 浦东"


def test_what_people_do_about_an_alert_has_its_place_by_kind_cell_and_id() -> None:
    topic = topics.alert_action_topic("oversaturation", "89309959d07ffff", "a-1")
    assert topic == "ub/v1/alert-actions/oversaturation/89309959d07ffff/a-1"
    assert not matches(f"{topics.MQTT_ALERTS}/#", topic)


def test_an_incident_has_its_place_by_severity_and_id() -> None:
    assert topics.incident_topic("major", "i-1") == "ub/v1/incidents/major/i-1"


def test_no_gateway_hears_what_gateways_say_of_themselves() -> None:
    assert topics.gateway_topic("north/1") == "ub/v1/gateway/at-work/north%2F1"
    for name in ("gateway-0", "vehicles", "sensors"):
        assert not any(matches(wanted, topics.gateway_topic(name)) for wanted in topics.MQTT_GATEWAY_FILTERS)


def test_the_filter_takes_what_operators_publish_and_what_was_misspelt_below_their_vehicles() -> None:
    assert topics.positions_topic("north") == "ub/v1/north/vehicles"
    for topic in (
        "ub/v1/north/vehicles",
        "ub/v1/north/vehicles/bike-1/position",
        "ub/v1/north/vehicles/bike-1/positon",
        "ub/v1/north/vehicles/bike-1",
    ):
        assert matches(topics.MQTT_VEHICLES_FILTER, topic)
    assert not matches(topics.MQTT_VEHICLES_FILTER, "ub/v1/alerts/major/oversaturation/c")


def matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT filter takes a topic (MQTT 5, section 4.7)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    for number, level in enumerate(wanted):
        if level == "#":
            return True
        if number >= len(levels) or level not in ("+", levels[number]):
            return False
    return len(wanted) == len(levels)
