"""The Kafka records that a gateway writes: frames to the topic of their kind, refusals to ub.rejected. Pure.

Both carry CloudEvents headers. Ids and sequence numbers come from one counter that grows for the whole
life of a gateway's name, restarts included.
"""

from dataclasses import dataclass

from schemas import codec, envelope
from schemas.rejected import Rejected
from streams import topics
from streams.gateway.decode import Refusal
from streams.gateway.framing import Frame
from streams.gateway.receipt import Receipt
from streams.numbering import Numbering
from streams.partition import Partitions

Receipts = tuple[tuple[Receipt, int], ...]
MAX_TOPIC_SHOWN = 1_024
"""Characters of a refused message's topic that are kept, of the 65,535 that MQTT allows."""


@dataclass(frozen=True, slots=True, eq=False)
class KafkaRecord:
    """One record to write. `receipts` are confirmed with it."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: envelope.Headers
    timestamp_ms: int
    receipts: Receipts


class RecordWriter:
    """Wraps frames and refusals for Kafka; `source` is the gateway's name."""

    def __init__(self, source: str, numbering: Numbering) -> None:
        self._source = source
        self._numbering = numbering
        self._refusals_at = Partitions(topics.REJECTED_PARTITIONS)[source]

    def frame(self, frame: Frame) -> KafkaRecord:
        """Return the record of one frame, on the partition of its readings."""
        return KafkaRecord(
            topic=frame.kind.kafka_topic,
            partition=frame.partition,
            key=None,
            value=frame.value,
            headers=self._headers(frame.kind.envelope_type, self._numbering.next(), frame.received_at),
            timestamp_ms=frame.received_at,
            receipts=frame.receipts,
        )

    def refusal(self, refusal: Refusal, topic: str, receipt: Receipt, received_at: int) -> KafkaRecord:
        """Return the record of one refusal. Keyed by source: one gateway's refusals stay in order."""
        sequence = self._numbering.next()
        rejected = Rejected(
            source=self._source,
            sequence=sequence,
            reason=refusal.reason,
            detail=refusal.detail,
            topic=topic[:MAX_TOPIC_SHOWN],
            payload=refusal.payload,
            received_at=received_at,
            count=refusal.count,
        )
        return KafkaRecord(
            topic=topics.REJECTED,
            partition=self._refusals_at,
            key=self._source.encode(),
            value=codec.encode(rejected),
            headers=self._headers(envelope.REJECTED, sequence, received_at),
            timestamp_ms=received_at,
            receipts=((receipt, 1),),
        )

    def _headers(self, type_: str, sequence: int, time_ms: int) -> envelope.Headers:
        return envelope.headers(type_=type_, source=self._source, id_=str(sequence), time_ms=time_ms)
