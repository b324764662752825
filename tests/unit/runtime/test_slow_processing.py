"""Faust's own word on a stream that does not get on."""

import logging
from types import SimpleNamespace

import pytest
from faust.types import TP

from streams.runtime.driver import FetchWaitConsumerThread

PLACE = TP("ub.vehicles", 0)
NOW = 10_000.0
LONG = 900.0
LIMIT = 300.0


def thread(*, seen_ago: float) -> FetchWaitConsumerThread:
    """One that has run for a quarter of an hour and never committed; a record waits, one came some seconds ago."""
    state = SimpleNamespace(highwater=10, position=9, timestamp=NOW * 1_000)
    assignment = SimpleNamespace(active=True, state_value=lambda _tp: state)
    subscriptions = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
    made = object.__new__(FetchWaitConsumerThread)
    made._consumer = SimpleNamespace(_fetcher=SimpleNamespace(_subscriptions=subscriptions))
    made.consumer = SimpleNamespace(
        app=SimpleNamespace(
            monitor=SimpleNamespace(stream_inbound_time={PLACE: NOW - seen_ago}),
            topics=SimpleNamespace(acks_enabled_for=lambda _topic: True),
            conf=SimpleNamespace(broker_commit_livelock_soft_timeout=LIMIT, stream_processing_timeout=LIMIT),
        )
    )
    made.time_started = NOW - LONG
    made.tp_stream_timeout_secs = made.tp_commit_timeout_secs = made.tp_fetch_request_timeout_secs = LIMIT
    made.tp_last_committed_at = {}
    made.log = logging.getLogger("faust.driver")
    return made


def test_the_first_record_after_a_quiet_quarter_of_an_hour_is_not_called_stuck(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is committed with the next checkpoint. An ERROR that asks for a bug report wakes somebody up at night."""
    thread(seen_ago=1.0).verify_event_path(NOW, PLACE)
    assert caplog.records == []


def test_a_stream_that_stopped_is_told(caplog: pytest.LogCaptureFixture) -> None:
    thread(seen_ago=LONG).verify_event_path(NOW, PLACE)
    assert "Stream stopped processing" in caplog.text


def test_a_partition_whose_position_is_not_known_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """So it is while the log begins after the record that was to come."""

    class Lost(SimpleNamespace):
        @property
        def position(self) -> int:
            raise AssertionError

    made = thread(seen_ago=1.0)
    subscriptions = made._consumer._fetcher._subscriptions
    subscriptions.subscription.assignment.state_value = lambda _tp: Lost(highwater=10, timestamp=NOW * 1_000)
    made.verify_event_path(NOW, PLACE)
    subscriptions.subscription = None  # and while there is no group
    made.verify_event_path(NOW, PLACE)
    assert caplog.records == []
