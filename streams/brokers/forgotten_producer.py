"""A broker that lost its data knows no producer: whoever is told so connects anew, and gets another number.

kafka-python 3.0.12 takes it for retention where nothing of a partition was confirmed yet, and sends the same, as the
same producer, for ever. Kafka would take that, as of a new producer; Tansu refuses it each time.
"""

from typing import Any

from kafka.producer.sender import Sender

_IS_RETENTION = Sender._is_retention_based_unknown_producer_id


def kafka_python_gives_up_forgotten_producers() -> None:
    """From now on a send fails where the broker does not know its producer, and nothing shows that retention did it."""
    Sender._is_retention_based_unknown_producer_id = _is_retention


def _is_retention(sender: Any, batch: Any, error: type[Exception], log_start_offset: int) -> bool:
    manager = sender._transaction_manager
    if manager is None or manager.last_acked_offset(batch.topic_partition) < 0:
        return False
    return bool(_IS_RETENTION(sender, batch, error, log_start_offset))
