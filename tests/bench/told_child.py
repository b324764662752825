"""Alerts on their way out alone: one storm, all told at once over MQTT as a worker does, and heard by it.

The worker's client follows what stands retained (streams/runtime/board.py), so all that it publishes comes back to it.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from streams import settings
from streams.fold.contract import MqttMessage
from streams.incidents.open_alerts import OpenAlerts
from streams.runtime.board import Board
from streams.runtime.mqtt import MqttPublisher
from tests.bench import marks
from tests.bench.cells import city
from tests.bench.marks import Mark
from tests.unit.alerts.events import alert


def storm(alerts: int) -> list[MqttMessage]:
    """Return the messages of so many alerts that are raised, each on another cell."""
    told, one = OpenAlerts(), alert()
    events = [
        msgspec.structs.replace(one, alert_id=f"alert-{number}", cell=cell)
        for number, cell in enumerate(city(alerts))
    ]
    return [message for event in events for message in told.tell(event).mqtt]


class _Board(Board):
    """Says when all is heard."""

    def __init__(self, messages: int) -> None:
        super().__init__(lambda _region: 0)
        self.full = asyncio.Event()
        self._messages = messages

    def heard(self, topic: str, payload: bytes, retain: bool) -> None:
        super().heard(topic, payload, retain)
        if len(self.notices) >= self._messages:
            self.full.set()


async def publish(messages: Sequence[MqttMessage], alerts: int) -> tuple[Mark, Mark, int]:
    """Publish all, until the broker has confirmed them; also returns how many stand on the board in the end."""
    board = _Board(len(messages))
    publisher = MqttPublisher(settings.load(), "bench-told", board)
    publisher.start()
    await publisher.publish([MqttMessage("ub/v1/bench", b"", retain=False)])
    begin = marks.now()
    await publisher.publish(messages)
    end = marks.now(alerts)
    async with asyncio.timeout(60):
        await board.full.wait()
    publisher.stop()
    return begin, end, len(board.notices)


def main() -> None:
    """Measure."""
    alerts: int = marks.spec()["alerts"]
    messages = storm(alerts)
    marks.settled()
    begin, end, stand = asyncio.run(publish(messages, alerts))
    marks.report(begin=begin, end=end, sent=len(messages), stand=stand)


if __name__ == "__main__":
    main()
