"""An MQTT message that waits to be acknowledged, and how much of it Kafka has not confirmed yet."""

import msgspec


class Receipt(msgspec.Struct, gc=False, eq=False):
    """Counts down the readings and refusals of one MQTT message.

    They may travel in several Kafka records; the message may be acknowledged when the last of them is
    confirmed, not before. `connection` says on which connection `mid` was given: it means nothing on
    another. `size` is the number of payload bytes for which the message is held against the memory limit.

    A struct, because one is made for each message: in half the time of a class, and the garbage collector need not
    look at the thousands that wait.
    """

    mid: int
    qos: int
    connection: int
    size: int
    parts: int
    """How many are not confirmed; at least one at first."""

    def __post_init__(self) -> None:
        if self.parts < 1:
            raise ValueError(f"a message of {self.parts} parts could never be confirmed; it has at least one")

    def confirm(self, parts: int) -> bool:
        """Count `parts` as confirmed; return whether they were the last."""
        if not 0 < parts <= self.parts:
            raise ValueError(f"{parts} parts confirmed of a message that has {self.parts} open")
        self.parts -= parts
        return self.parts == 0
