"""MQTT publisher of the worker: QoS 1, confirmed, awaited from asyncio; paho's network thread does the I/O."""

import asyncio
import logging
import random
from collections.abc import Sequence
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from streams.fold import MqttMessage
from streams.settings import Settings

log = logging.getLogger(__name__)


class MqttPublisher:
    """Publishes messages in order and waits until the broker has confirmed them."""

    def __init__(self, settings: Settings, client_id: str) -> None:
        self._settings = settings
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        if settings.mqtt_username is not None:
            password = settings.mqtt_password
            self._client.username_pw_set(
                settings.mqtt_username, password.get_secret_value() if password else None
            )
        self._client.reconnect_delay_set(min_delay=1, max_delay=int(10 + random.random() * 10))
        self._client.max_queued_messages_set(0)
        self._client.on_connect = self._on_connect
        self._client.on_publish = self._on_publish
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._early: set[int] = set()

    def start(self) -> None:
        """Connect in the background; call from the event loop that will publish."""
        self._loop = asyncio.get_running_loop()
        self._client.connect_async(self._settings.mqtt_host, self._settings.mqtt_port, keepalive=30)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end the network thread."""
        self._client.disconnect()
        self._client.loop_stop()

    async def publish(self, messages: Sequence[MqttMessage]) -> None:
        """Publish and wait for every PUBACK. Messages sent while disconnected go out after the reconnect."""
        assert self._loop is not None
        futures = []
        for message in messages:
            info = self._client.publish(message.topic, message.payload, qos=1, retain=message.retain)
            if info.mid in self._early:
                self._early.discard(info.mid)
                continue
            future = self._waiting[info.mid] = self._loop.create_future()
            futures.append(future)
        await asyncio.gather(*futures)

    def _on_connect(
        self, client: mqtt.Client, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            log.error("MQTT at %s:%s refuses: %s", self._settings.mqtt_host, self._settings.mqtt_port, reason)

    def _on_publish(self, client: mqtt.Client, userdata: Any, mid: int, reason: Any, properties: Any) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._confirmed, mid)

    def _confirmed(self, mid: int) -> None:
        future = self._waiting.pop(mid, None)
        if future is None:
            self._early.add(mid)
        elif not future.done():
            future.set_result(None)
