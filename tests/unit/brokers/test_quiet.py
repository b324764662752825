"""kafka-python says nothing of its own while anybody connects, and speaks again afterwards."""

import logging
from contextlib import ExitStack

from streams.brokers.admin import quiet_kafka


def test_whoever_ends_first_of_two_that_connect_at_once_leaves_the_other_its_silence() -> None:
    kafka = logging.getLogger("kafka")
    usual = kafka.level
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(quiet_kafka())
        second.enter_context(quiet_kafka())
        first.close()
        assert not kafka.isEnabledFor(logging.ERROR)
        second.close()
        assert kafka.level == usual
