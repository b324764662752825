"""An MQTT message that waits to be acknowledged, and how much of it Kafka has not confirmed yet."""


class Receipt:
    """Counts down the readings and refusals of one MQTT message.

    They may travel in several Kafka records; the message may be acknowledged when the last of them is
    confirmed, not before. `connection` says on which connection `mid` was given: it means nothing on
    another. `size` is the number of payload bytes for which the message is held against the memory limit.
    """

    __slots__ = ("connection", "mid", "open", "qos", "size")

    def __init__(self, *, mid: int, qos: int, connection: int, size: int, parts: int) -> None:
        if parts < 1:
            raise ValueError(f"a message of {parts} parts could never be confirmed; it has at least one")
        self.mid = mid
        self.qos = qos
        self.connection = connection
        self.size = size
        self.open = parts

    def confirm(self, parts: int) -> bool:
        """Count `parts` as confirmed; return whether they were the last."""
        if not 0 < parts <= self.open:
            raise ValueError(f"{parts} parts confirmed of a message that has {self.open} open")
        self.open -= parts
        return self.open == 0
