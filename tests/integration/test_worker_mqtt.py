"""The worker's MQTT client with a real broker."""

import asyncio
import socket

import pytest

from deploy.endpoints import Endpoints
from streams.fold.contract import MqttMessage
from streams.runtime.mqtt import MqttPublisher
from streams.settings import load
from tests.waiting import wait_until

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


def test_a_worker_with_the_name_of_another_says_what_to_do(
    stack: Endpoints, caplog: pytest.LogCaptureFixture
) -> None:
    settings = load(mqtt_host=stack.mqtt_host, mqtt_port=stack.mqtt_port)

    async def meet() -> None:
        twins = [MqttPublisher(settings, "urbanbrain-twin") for _ in range(2)]
        for worker in twins:
            worker.start()
            await asyncio.wait_for(worker.publish([MqttMessage("ub/test/twin", b"", retain=False)]), 60)
        await asyncio.to_thread(wait_until, lambda: "give each its own UB_WORKER_ID" in caplog.text, "advice")
        for worker in twins:
            worker.stop()

    asyncio.run(meet())
    assert "Session taken over: another process is called urbanbrain-twin, too" in caplog.text
