"""The worker's MQTT client with a real broker."""

import asyncio
import socket

import pytest

from deploy.endpoints import Endpoints
from streams.fold.contract import MqttMessage
from streams.runtime.mqtt import MqttPublisher
from streams.settings import load

pytestmark = pytest.mark.integration


def test_a_storm_of_alerts_is_not_held_back_by_tcp(stack: Endpoints) -> None:
    """Nagle's algorithm made each few messages wait for 40 ms; `make bench` (`told`) shows what that is in alerts."""

    async def held_back() -> bool:
        worker = MqttPublisher(
            load(mqtt_host=stack.mqtt_host, mqtt_port=stack.mqtt_port), "urbanbrain-worker-tcp"
        )
        worker.start()
        await asyncio.wait_for(worker.publish([MqttMessage("ub/test/storm", b"", retain=False)]), 60)
        connection = worker._client.socket()
        assert connection is not None
        at_once = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        worker.stop()
        return not at_once

    assert not asyncio.run(held_back())
