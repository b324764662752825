"""Messages that the MQTT broker took none of at a time are sent again, and not for ever."""

from streams.fold.contract import MqttMessage
from streams.runtime.rationed import Rationed


def message(topic: str) -> MqttMessage:
    return MqttMessage(topic, b"", retain=False)


def test_what_exceeds_is_kept_and_what_follows_it_on_its_topic() -> None:
    rationed: Rationed[int] = Rationed()
    answers = [("a", False), ("b", True), ("a", False), ("b", False), ("c", True)]
    kept = [
        rationed.keeps(message(topic), number, exceeds=one) for number, (topic, one) in enumerate(answers)
    ]
    assert kept == [False, True, False, True, True]
    assert rationed
    assert [number for _, number in rationed.take()] == [1, 3, 4]
    assert not rationed
    assert not rationed.keeps(message("b"), 5, exceeds=False)


def test_a_broker_that_takes_nothing_for_a_minute_refuses_for_good_until_it_takes_something() -> None:
    rationed: Rationed[None] = Rationed()
    rounds = 0
    while rationed.keeps(message("a"), None, exceeds=True):
        rationed.take()
        rounds += 1
        assert rounds <= 60
    assert rounds == 60
    assert not rationed.keeps(message("b"), None, exceeds=True)
    assert not rationed.keeps(message("b"), None, exceeds=False)
    assert rationed.keeps(message("b"), None, exceeds=True)
