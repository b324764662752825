"""What Kafka has against a record itself, not against whoever sends it: it refuses it each time, and others like it.

Our records are sound, so it is the topic that is set up in another way than ours are (admin.py).
"""

from aiokafka import errors


class InvalidRecordError(errors.BrokerResponseError):  # type: ignore[misc]
    """INVALID_RECORD of Kafka: its validation on the topic refuses the record. aiokafka 0.14 does not know it."""

    errno = 87
    message = "INVALID_RECORD"
    description = "This record has failed the validation on broker and hence will be rejected."


def aiokafka_knows_invalid_records() -> None:
    """From now on aiokafka raises InvalidRecordError, and no longer UnknownError, which may be anything."""
    errors.kafka_errors[InvalidRecordError.errno] = InvalidRecordError


def too_large(topic: str, size: int) -> str:
    """Return what to tell a person of a record that is larger than its topic takes, with the way out."""
    return f"{size} bytes are too large for {topic}: raise its max.message.bytes"


def invalid(topic: str) -> str:
    """Return what to tell a person of a record that the validation on its topic refuses, with the way out."""
    return (
        f"{topic} does not take it as valid: set its cleanup.policy=delete, and no validation by the broker"
    )
