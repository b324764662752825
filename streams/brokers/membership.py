"""What Kafka has against a member of its group: said, and tried again. Who is not in its group has no partitions."""

import logging
from typing import Any

from aiokafka.errors import GroupAuthorizationFailedError, KafkaError

from streams.said_once import SaidOnce

log = logging.getLogger(__name__)


class Membership:
    """Has aiokafka go on after its group refused it.

    It waits until somebody asks what went wrong. The methods of its consumer do, but Faust takes records past them:
    nobody asked, and the worker stood still for good. And who has asked still has to join again: after the group
    refused a heartbeat none is sent any more, and each method of the consumer raises.
    """

    def __init__(self, group: str, member: str) -> None:
        """`member` is what people call it."""
        self._group = group
        self._member = member
        self._refused = SaidOnce()

    def look(self, consumer: Any) -> None:
        """Ask, say it once, and join again. `consumer`: a started aiokafka consumer.

        Raises KafkaError once aiokafka has given up: only another consumer helps then.
        """
        coordinator = consumer._coordinator
        try:
            coordinator.check_errors()
        except KafkaError as error:
            if coordinator._coordination_task.done():
                raise
            coordinator.request_rejoin()
            if self._refused.is_new(str(error)):
                log.warning("%s; trying again", self._told(error))
        else:
            if consumer.assignment():
                self._refused.over()

    def _told(self, error: KafkaError) -> str:
        told = f"Kafka does not let {self._member} into group {self._group} ({error})"
        if isinstance(error, GroupAuthorizationFailedError):
            return f"{told}: let its account read the group"
        return told
