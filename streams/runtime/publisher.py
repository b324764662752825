"""Publishes the folds' outputs to Kafka through Faust's producer, and to MQTT, confirmed and in order."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import faust
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError
from faust.exceptions import ProducerSendError

from schemas import envelope
from schemas.rejected import Reason
from streams import topics
from streams.brokers.refused_records import InvalidRecordError, invalid, too_large
from streams.fold.contract import Output
from streams.fold.refusals import not_taken
from streams.numbering import Numbering
from streams.partition import Partitions
from streams.runtime.confirming import Confirming
from streams.runtime.mqtt import MqttPublisher

log = logging.getLogger(__name__)

_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.2, 5.0
_KEYS = 10_000
"""Keys of a topic whose partitions are remembered: regions and cells come again and again, vehicles seldom."""
_TOO_LARGE = MessageSizeTooLargeError, RecordListTooLargeError
_OF_THE_RECORD = *_TOO_LARGE, InvalidRecordError


class Publisher:
    """Sends one stage's outputs until Kafka and MQTT have confirmed them all; an outage is waited for, never skipped.

    Of a record that is larger than Kafka takes, or that its validation refuses, which would hold up all others for
    ever, ub.rejected gets the beginning. But what another stage reads waits until the topic takes it, if it is not
    larger than a topic of ours does: the tables would be wrong without it. What else Kafka refuses, it refuses of all
    records until somebody puts it right, such as an account.
    """

    def __init__(
        self,
        app: faust.App,
        mqtt: MqttPublisher,
        confirming: Confirming,
        *,
        source: str,
        stage: str,
        partitions: Mapping[str, int],
    ) -> None:
        """`partitions` of each topic: keys keep to them, though some are added while their state is in those."""
        self._partition_of = {topic: Partitions(count, _KEYS) for topic, count in partitions.items()}
        self._app = app
        self._mqtt = mqtt
        self._confirming = confirming
        self._stage = stage
        self._source = source
        self._refuses_as = f"{source}/{stage}"
        self._numbering = Numbering(lambda: time.time_ns() // 1000)
        self._said: set[str] = set()

    async def publish(self, outputs: Sequence[Output]) -> None:
        """Return when every output is confirmed. A record may be sent twice; consumers know its id."""
        if not outputs:
            return
        try:
            await self._send_all(list(outputs))
        except asyncio.CancelledError:
            self._confirming.given_up(self._stage)
            raise
        self._confirming.confirmed(self._stage)
        messages = [message for output in outputs for message in output.mqtt]
        if messages:
            await self._mqtt.publish(messages)

    async def _send_all(self, records: list[Output]) -> None:
        one_by_one, delay = False, _FIRST_DELAY_S
        while True:
            try:
                await (self._send_one_by_one(records) if one_by_one else self._send(records))
                return
            except Exception as error:
                if _is_of_the_record(error) and not one_by_one:
                    one_by_one = True  # Kafka refuses a batch as a whole
                    continue
                if not self._app.should_stop:  # else its producer is gone, whatever Kafka does
                    self._confirming.failed(self._stage, str(error) or type(error).__name__)
                await asyncio.sleep(delay)
                delay = min(2 * delay, _LONGEST_DELAY_S)

    async def _send(self, outputs: Sequence[Output]) -> None:
        producer: Any = self._app.producer
        confirmations = []
        for output in outputs:
            headers = envelope.headers(
                type_=output.type_, source=self._source, id_=output.id_, time_ms=output.time_ms
            )
            partition = self._partition_of[output.topic][output.key]
            confirmations.append(
                await producer.send(output.topic, output.key.encode(), output.value, partition, None, headers)
            )
        await asyncio.gather(*confirmations)

    async def _send_one_by_one(self, records: list[Output]) -> None:
        """Send records, putting a refusal in the place of each that Kafka does not take."""
        for at, record in enumerate(records):
            try:
                await self._send([record])
            except Exception as error:
                if not _is_of_the_record(error):
                    raise
                if record.topic in topics.READ_BY.values() and not _is_of_client(error):
                    is_invalid = isinstance(error, InvalidRecordError)
                    what = invalid(record.topic) if is_invalid else too_large(record.topic, len(record.value))
                    raise KafkaError(what) from error
                records[at] = self._refusal(record, error)
                await self._send([records[at]])

    def _refusal(self, record: Output, error: Exception) -> Output:
        size = len(record.value)
        reason: Reason = "too_large"
        detail, way_out = f"{size} bytes are more than Kafka takes", "raise max.message.bytes of the topic"
        if isinstance(error, InvalidRecordError):
            reason, detail, way_out = "invalid_record", "Kafka's validation refuses it", invalid(record.topic)
        if record.topic not in self._said:
            self._said.add(record.topic)
            log.error(
                "Kafka takes no record of %d bytes on %s (%s): %s gets the beginning of it, and of others like it; %s",
                *(size, record.topic, error, topics.REJECTED, way_out),
            )
        return not_taken(
            record,
            reason,
            f"{record.id_}: {detail}",
            source=self._refuses_as,
            sequence=self._numbering.next(),
            now_ms=time.time_ns() // 1_000_000,
        )


def _is_of_the_record(error: Exception) -> bool:
    return isinstance(error, _OF_THE_RECORD) or _is_of_client(error)


def _is_of_client(error: Exception) -> bool:
    """Return whether Kafka's client says so before it sends anything, by topics.LARGEST_RECORD; Faust wraps that."""
    return isinstance(error, ProducerSendError) and isinstance(error.__cause__, _TOO_LARGE)
