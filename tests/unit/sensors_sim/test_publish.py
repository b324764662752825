"""The publisher against a small real broker that can misbehave."""

import socket
from random import Random

import pytest

from sensors_sim import publish
from sensors_sim.backoff import Backoff
from sensors_sim.broker import Broker
from sensors_sim.encode import Message
from sensors_sim.errors import BrokerUnavailable
from sensors_sim.publish import Publisher
from tests.unit.sensors_sim.mqtt_fake import FakeBroker


def publisher_to(broker: FakeBroker, in_flight: int = 50) -> Publisher:
    return Publisher(Broker("127.0.0.1", broker.port), "ub-sim-test", in_flight, Random(1))


def message(number: int, readings: int = 3) -> Message:
    return Message("ub/v1/hello/vehicles", str(number).encode(), readings)


def never() -> bool:
    return False


def send(publisher: Publisher, n: int) -> None:
    publisher.connect()
    try:
        for number in range(n):
            assert publisher.publish(message(number), never)
        publisher.drain(never)
    finally:
        publisher.close()


def test_all_messages_arrive_in_order_and_are_counted() -> None:
    with FakeBroker().running() as broker:
        publisher = publisher_to(broker)
        send(publisher, 200)
    assert broker.received == [("ub/v1/hello/vehicles", str(n).encode()) for n in range(200)]
    assert (publisher.counts.readings_sent, publisher.counts.readings_acknowledged) == (600, 600)
    assert (publisher.counts.messages_sent, publisher.counts.messages_acknowledged) == (200, 200)
    assert publisher.counts.reconnects == 0


def test_a_cut_connection_loses_nothing_and_no_message_overtakes_another() -> None:
    with FakeBroker(cuts={7, 60, 61, 130}, hold=5).running() as broker:
        publisher = publisher_to(broker)
        send(publisher, 150)
    numbers = [int(payload) for _, payload in broker.received]
    newest_first_seen = [n for i, n in enumerate(numbers) if n not in numbers[:i]]
    assert newest_first_seen == list(range(150))
    assert publisher.counts.messages_acknowledged == 150
    assert publisher.counts.reconnects == 4
    assert broker.connections == 5


def test_the_window_is_never_exceeded() -> None:
    with FakeBroker(hold=1_000).running() as broker:
        send(publisher_to(broker, in_flight=10), 25)
    assert broker.most_unacknowledged == 10


def test_a_smaller_receive_maximum_of_the_broker_is_kept_to() -> None:
    with FakeBroker(hold=1_000, receive_maximum=4).running() as broker:
        send(publisher_to(broker, in_flight=10), 9)
    assert broker.most_unacknowledged == 4


def test_refused_messages_are_counted_with_the_reason() -> None:
    with FakeBroker(puback_reason=0x87).running() as broker:
        publisher = publisher_to(broker)
        send(publisher, 4)
    assert publisher.counts.readings_refused == 12
    assert publisher.counts.readings_acknowledged == 0
    assert "Not authorized" in publisher.counts.refusal


def test_what_exceeds_a_quota_is_sent_again_in_order_before_anything_new(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publish, "_QUOTA_PAUSE_S", 0.01)
    exceeds = dict.fromkeys((2, 4, 5, 9), 0x97)
    with FakeBroker(puback_reasons=exceeds, hold=4).running() as broker:
        publisher = publisher_to(broker, in_flight=4)
        send(publisher, 8)
    numbers = [int(payload) for _, payload in broker.received]
    taken = {number: place for place, number in enumerate(numbers, 1) if place not in exceeds}
    assert sorted(taken, key=lambda number: taken[number]) == list(range(8))  # as they were taken last
    first_sent = [number for place, number in enumerate(numbers) if number not in numbers[:place]]
    assert first_sent == list(range(8))
    assert (publisher.counts.messages_sent, publisher.counts.messages_acknowledged) == (8, 8)
    assert (publisher.counts.messages_repeated, publisher.counts.readings_refused) == (len(numbers) - 8, 0)
    assert publisher.in_flight == 0


def test_a_quota_that_does_not_come_back_is_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publish, "_QUOTA_PAUSE_S", 0.0)
    with FakeBroker(puback_reason=0x97).running() as broker:
        publisher = publisher_to(broker)
        send(publisher, 2)
    assert len(broker.received) in (2 * 61, 61 + 1)
    assert publisher.counts.readings_refused == 6
    assert "Quota exceeded" in publisher.counts.refusal


def test_what_exceeds_a_quota_can_be_given_up() -> None:
    with FakeBroker(puback_reason=0x97).running() as broker:
        publisher = publisher_to(broker)
        publisher.connect()
        try:
            assert publisher.publish(message(1), never)
            publisher.drain(lambda: publisher.in_flight > 0 and len(broker.received) > 1)
            assert publisher.in_flight == 1
        finally:
            publisher.close()


def test_no_subscriber_is_no_refusal() -> None:
    with FakeBroker(puback_reason=0x10).running() as broker:
        publisher = publisher_to(broker)
        send(publisher, 4)
    assert publisher.counts.readings_acknowledged == 12


def test_a_message_larger_than_the_broker_takes_is_refused_before_it_is_sent() -> None:
    with FakeBroker(largest_packet=200).running() as broker:
        publisher = publisher_to(broker)
        publisher.connect()
        try:
            with pytest.raises(BrokerUnavailable, match=r"exceeds the 200 .* --batch"):
                publisher.publish(Message("ub/v1/hello/vehicles", b"x" * 300, 1), never)
        finally:
            publisher.close()
    assert broker.received == []


def test_a_full_window_can_be_given_up() -> None:
    with FakeBroker(acknowledges=False).running() as broker:
        publisher = publisher_to(broker, in_flight=1)
        publisher.connect()
        try:
            assert publisher.publish(message(1), never)
            assert not publisher.publish(message(2), lambda: True)
            assert publisher.counts.messages_sent == 1
        finally:
            publisher.close()


def test_a_broker_that_is_away_is_named_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    publisher = Publisher(Broker("127.0.0.1", port), "ub-sim-test", 1, Random(1))
    with pytest.raises(BrokerUnavailable, match=rf"no MQTT broker at 127.0.0.1:{port} .*--mqtt host:port"):
        publisher.connect()


def test_a_broker_that_refuses_us_points_at_the_credentials() -> None:
    with (
        FakeBroker(connect_reason=0x87).running() as broker,
        pytest.raises(BrokerUnavailable, match=r"Not authorized.*UB_MQTT_USERNAME"),
    ):
        publisher_to(broker).connect()


def test_a_broker_that_never_answers_is_given_up() -> None:
    with (
        FakeBroker(silent=True).running() as broker,
        pytest.raises(BrokerUnavailable, match=r"does not answer within 0.2 s; .*urbanbrain doctor"),
    ):
        publisher_to(broker).connect(timeout_s=0.2)


def test_back_off_grows_is_jittered_and_begins_anew() -> None:
    backoff = Backoff(Random(3), first_s=1.0, most_s=8.0, least_s=0.01)
    rounds = [[backoff.next_s() for _ in range(6)] for _ in range(200)][1:]
    assert max(wait for waits in rounds for wait in waits) <= 8.0
    assert len({wait for waits in rounds for wait in waits}) > 1_000
    backoff.reset()
    assert backoff.next_s() <= 1.0
