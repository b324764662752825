"""What a stage could not use, as an output on ub.rejected. The sequence comes from the log: a repeat is known."""

from schemas import codec, envelope
from schemas.rejected import Reason, Rejected
from streams import topics
from streams.fold.contract import Output, Record

_INDEX_BITS = 20  # a frame holds fewer than a million readings
_PAYLOAD_CHARACTERS = 4096


def refusal(
    stage: str,
    generation: int,
    record: Record,
    reason: Reason,
    detail: str,
    *,
    text: str | None = None,
    index: int = 0,
    count: int = 1,
) -> Output:
    """Return the refusal of a record, or of the reading number `index` in it whose JSON is `text`."""
    return _output(rejected(stage, generation, record, reason, detail, text=text, index=index, count=count))


def rejected(
    stage: str,
    generation: int,
    record: Record,
    reason: Reason,
    detail: str,
    *,
    text: str | None = None,
    index: int = 0,
    count: int = 1,
) -> Rejected:
    """Return the refusal itself; see `refusal`."""
    payload = _text_of(record.value) if text is None else text
    return Rejected(
        source=f"{stage}/{record.topic}/{record.partition}@{generation}",
        sequence=record.offset << _INDEX_BITS | index,
        reason=reason,
        detail=detail,
        topic=record.topic,
        payload=payload[:_PAYLOAD_CHARACTERS],
        received_at=record.timestamp,
        count=count,
    )


def not_taken(
    output: Output, reason: Reason, detail: str, *, source: str, sequence: int, now_ms: int
) -> Output:
    """Return the refusal of an output that Kafka does not take, with the beginning of it."""
    return _output(
        Rejected(
            source=source,
            sequence=sequence,
            reason=reason,
            detail=detail,
            topic=output.topic,
            payload=_text_of(output.value)[:_PAYLOAD_CHARACTERS],
            received_at=now_ms,
        )
    )


def _text_of(value: bytes) -> str:
    return value[: 4 * _PAYLOAD_CHARACTERS].decode(errors="backslashreplace")


def _output(item: Rejected) -> Output:
    return Output(
        topic=topics.REJECTED,
        key=item.source,
        value=codec.encode(item),
        type_=envelope.REJECTED,
        id_=f"{item.source}:{item.sequence}",
        time_ms=item.received_at,
    )
