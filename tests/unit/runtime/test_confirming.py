"""What a worker says of a Kafka that does not confirm: once for all of its stages."""

import pytest

from streams.runtime.confirming import Confirming

BEGAN = "Kafka at kafka:9092 did not confirm (timed out); trying again until it does"
ENDED = "Kafka at kafka:9092 confirms again"


def test_an_outage_is_told_once_for_all_stages_and_its_end_when_none_waits_any_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    confirming = Confirming("kafka:9092")
    confirming.confirmed("grid")
    for _ in range(60):
        confirming.failed("fleet", "timed out")
        confirming.failed("grid", "timed out")
    assert caplog.messages == [BEGAN]
    confirming.confirmed("grid")
    confirming.confirmed("rejects")
    assert caplog.messages == [BEGAN], "fleet waits still"
    confirming.confirmed("fleet")
    confirming.confirmed("fleet")
    assert caplog.messages == [BEGAN, ENDED]


def test_a_kafka_that_confirms_in_between_is_told_of_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    seconds = iter(range(150))
    confirming = Confirming("kafka:9092", lambda: float(next(seconds)))
    for _ in range(150):
        confirming.failed("grid", "timed out")
        confirming.confirmed("grid")
    assert caplog.messages == [BEGAN, ENDED] * 3


def test_another_reason_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    confirming = Confirming("kafka:9092")
    for why in ("timed out", "not authorized", "timed out", "not authorized"):
        confirming.failed("fleet", why)
    assert [
        why in line for line, why in zip(caplog.messages, ("timed out", "not authorized"), strict=True)
    ] == [
        True,
        True,
    ]


def test_who_gives_up_holds_the_end_up_no_more(caplog: pytest.LogCaptureFixture) -> None:
    """Its partitions are another worker's now, so it may have nothing to say ever again."""
    confirming = Confirming("kafka:9092")
    confirming.failed("fleet", "timed out")
    confirming.given_up("fleet")
    confirming.confirmed("grid")
    assert caplog.messages == [BEGAN, ENDED]
