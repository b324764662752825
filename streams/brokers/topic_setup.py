"""How topics are set up that exist already: nobody changes them, and what does not suit us holds records up later."""

import logging
from collections.abc import Mapping

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError

from streams import topics
from streams.brokers.admin import OF_A_BATCH, admin_client
from streams.brokers.kafka_login import kafka_login_of
from streams.errors import ServiceUnavailable
from streams.settings import Settings

log = logging.getLogger(__name__)

Setup = Mapping[str, str]
"""Values by name, as Kafka has them: `max.message.bytes`, `cleanup.policy`."""

_SOURCES = topics.VEHICLES, topics.SENSORS, topics.REQUESTS
_GROW_WITH_THE_CITY = topics.PARTIALS, topics.CELLS, topics.INCIDENTS


def say_misfits(settings: Settings, timeout_s: float = 10.0) -> None:
    """Warn of each topic that does not suit us. It may do for long, so nobody ends for it, nor if Kafka is slow."""
    try:
        found = setups(settings, timeout_s)
    except ServiceUnavailable as error:
        log.warning("it is not known how topics are set up: %s", error)
        return
    for line in misfits(found, settings.frame_max_bytes):
        log.warning("%s", line)


def setups(settings: Settings, timeout_s: float) -> dict[str, Setup]:
    """Return how our topics are set up; nothing of one that we may not ask about."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in topics.kafka_topics(1, 1)]
    with admin_client(settings.kafka_bootstrap, timeout_s, kafka_login_of(settings)) as client:
        try:
            told = client.describe_configs(asked, config_filter="all").get("topic", {})
        except KafkaError as error:  # nobody needs it to work
            log.debug("Kafka does not say how topics are set up: %s", error)
            return {}
    return {
        topic: {name: one["value"] for name, one in found.items() if one["value"] is not None}
        for topic, found in told.items()
    }


def misfits(found: Mapping[str, Setup], frame_max_bytes: int) -> list[str]:
    """Return one sentence for each topic of ours that would refuse, or forget, what is written to it."""
    problems = []
    for topic in (spec.name for spec in topics.kafka_topics(1, 1)):
        setup = found.get(topic, {})
        most = int(setup.get("max.message.bytes", topics.LARGEST_RECORD + OF_A_BATCH))
        if topic in _SOURCES and most < frame_max_bytes + OF_A_BATCH:
            problems.append(
                f"topic {topic} takes {most} bytes at once, and frames have up to "
                f"UB_FRAME_MAX_BYTES={frame_max_bytes}, and {OF_A_BATCH} around them; raise its max.message.bytes, or "
                "lower the setting"
            )
        if topic in _GROW_WITH_THE_CITY and most < topics.LARGEST_RECORD + OF_A_BATCH:
            problems.append(
                f"topic {topic} takes {most} bytes at once, and a large city's records need more; set its "
                f"max.message.bytes={topics.LARGEST_RECORD + OF_A_BATCH}"
            )
        policy = setup.get("cleanup.policy", "delete")
        if "compact" in policy:
            problems.append(
                f"topic {topic} has cleanup.policy={policy}: Kafka would keep the last record of each key alone, and "
                "take none without a key; set it to delete"
            )
    return problems
