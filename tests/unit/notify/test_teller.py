"""What notify says while it cannot publish what people did about alerts."""

import asyncio

import pytest

from streams.errors import ServiceUnavailable
from streams.notify.service import Teller
from streams.settings import Settings


def test_that_actions_are_not_published_is_said_once_and_so_is_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = iter([None, "away", "away", None, None, "away"])

    def work(_teller: Teller) -> None:
        if reason := next(outcomes):
            raise ServiceUnavailable("MQTT", "broker:1883", reason)

    async def tell() -> None:
        for _ in range(6):
            await teller.tell()

    monkeypatch.setattr(Teller, "_work", work)
    teller = Teller(Settings())
    asyncio.run(tell())
    assert [line.partition(":")[0] for line in caplog.messages] == [
        "actions on alerts are not published yet",
        "actions on alerts are published again",
        "actions on alerts are not published yet",
    ]
