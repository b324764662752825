"""Which topics are told to be set up in a way that holds records up."""

import pytest

from deploy.native.ports import free_port
from streams import topics
from streams.brokers.topic_setup import misfits, say_misfits
from streams.settings import Settings

KAFKAS_DEFAULT = {"max.message.bytes": "1048588", "cleanup.policy": "delete"}


def test_topics_as_we_make_them_and_topics_of_which_nothing_is_known_suit_us() -> None:
    ours = {"max.message.bytes": "8010000", "cleanup.policy": "delete"}
    assert misfits({spec.name: ours for spec in topics.kafka_topics(1, 1)}, 256_000) == []
    assert misfits({}, 256_000) == []


def test_kafkas_default_is_enough_but_for_what_grows_with_the_city() -> None:
    found = misfits({spec.name: KAFKAS_DEFAULT for spec in topics.kafka_topics(1, 1)}, 900_000)
    assert [line.split()[1] for line in found] == [topics.PARTIALS, topics.CELLS, topics.INCIDENTS]
    assert all("max.message.bytes=8010000" in line for line in found)


@pytest.mark.parametrize("topic", [topics.VEHICLES, topics.SENSORS, topics.REQUESTS])
def test_a_topic_that_takes_less_than_a_frame_is_told(topic: str) -> None:
    assert misfits({topic: {"max.message.bytes": "266000"}}, 256_000) == []
    [line] = misfits({topic: {"max.message.bytes": "265999"}}, 256_000)
    assert line.startswith(f"topic {topic} takes 265999 bytes at once")
    assert "UB_FRAME_MAX_BYTES=256000" in line


@pytest.mark.parametrize("policy", ["compact", "compact,delete"])
def test_a_compacted_topic_is_told(policy: str) -> None:
    [line] = misfits({topics.CELLS: {"cleanup.policy": policy}}, 256_000)
    assert line.startswith(f"topic ub.cells has cleanup.policy={policy}")


def test_who_starts_goes_on_where_kafka_does_not_say(caplog: pytest.LogCaptureFixture) -> None:
    say_misfits(Settings(kafka_bootstrap=f"127.0.0.1:{free_port()}"), timeout_s=0.2)
    assert "it is not known how topics are set up: Kafka at 127.0.0.1:" in caplog.text
