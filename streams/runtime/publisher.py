"""Publishes the folds' outputs to Kafka through Faust's producer, and to MQTT, confirmed and in order."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import faust

from schemas import envelope
from streams.fold.contract import Output
from streams.runtime.mqtt import MqttPublisher

log = logging.getLogger(__name__)

_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.2, 5.0


class Publisher:
    """Sends outputs until Kafka and MQTT have confirmed them all; an outage is waited for, never skipped."""

    def __init__(self, app: faust.App, mqtt: MqttPublisher, source: str) -> None:
        self._app = app
        self._mqtt = mqtt
        self._source = source

    async def publish(self, outputs: Sequence[Output]) -> None:
        """Return when every output is confirmed. A record may be sent twice; consumers know its id."""
        if not outputs:
            return
        delay = _FIRST_DELAY_S
        while True:
            try:
                await self._send(outputs)
                break
            except Exception as error:
                log.warning("Kafka did not confirm (%s); trying again in %.1f s", error, delay)
                await asyncio.sleep(delay)
                delay = min(2 * delay, _LONGEST_DELAY_S)
        messages = [message for output in outputs for message in output.mqtt]
        if messages:
            await self._mqtt.publish(messages)

    async def _send(self, outputs: Sequence[Output]) -> None:
        producer: Any = self._app.producer
        confirmations = []
        for output in outputs:
            headers = envelope.headers(
                type_=output.type_, source=self._source, id_=output.id_, time_ms=output.time_ms
            )
            confirmations.append(
                await producer.send(output.topic, output.key.encode(), output.value, None, None, headers)
            )
        await asyncio.gather(*confirmations)
