"""What the MQTT broker refused because more came than it takes at a time (Quota exceeded): it is sent again. Pure.

EMQX answers so beyond its `messages_rate`. Such a message is not lost, and on each topic the order stays: what was
under way behind it there is sent again, too, though the broker took it.
"""

from streams.fold.contract import MqttMessage

PAUSE_S = 1.0
"""Until it is sent again."""
_MOST_ROUNDS = 60
"""In a row in which the broker took nothing: its quota is one that does not come back by itself."""


class Rationed[T]:
    """Messages with what belongs to each, in the order in which they were published."""

    def __init__(self) -> None:
        self._kept: list[tuple[MqttMessage, T]] = []
        self._topics: set[str] = set()
        self._rounds = 0

    def __bool__(self) -> bool:
        """Whether anything is to be sent again; nothing else may be sent before that."""
        return bool(self._kept)

    def keeps(self, message: MqttMessage, belongs: T, *, exceeds: bool) -> bool:
        """Take note of an answer; return whether the message is sent again. `exceeds`: it is one too many."""
        if not exceeds:
            self._rounds = 0
        if self._rounds >= _MOST_ROUNDS or not (exceeds or message.topic in self._topics):
            return False
        self._kept.append((message, belongs))
        self._topics.add(message.topic)
        return True

    def take(self) -> list[tuple[MqttMessage, T]]:
        """Return what is to be sent again now, and forget it."""
        kept, self._kept = self._kept, []
        self._topics.clear()
        self._rounds += 1
        return kept
