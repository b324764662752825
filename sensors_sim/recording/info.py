"""What a recording holds, as lines for people and as one JSON object."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sensors_sim.counted import counted
from sensors_sim.recording.reader import Recording

_SHOWN = 40


def gaps_line(gaps: int) -> str:
    """Return what there is to know of a recording whose recorder lost its connection."""
    often = "once" if gaps == 1 else f"{gaps:,} times"
    return f"the connection was lost {often}; what passed then may be missing"


def lines(recording: Recording) -> Iterator[str]:
    """Yield the lines."""
    head, end = recording.head, recording.end
    heads = [chunk.head for chunk in recording.chunks]
    plain = sum(chunk.plain for chunk in heads)
    yield f"{recording.path}: recorded from {head.source} at {head.address}, topics {', '.join(head.topics)}"
    if recording.first is None or recording.last is None:
        yield "  holds no message"
    else:
        span = timedelta(microseconds=recording.last - recording.first)
        yield f"  from      {_moment(recording.first)} to {_moment(recording.last)} UTC ({span})"
        yield (
            f"  messages  {recording.messages:,} with {sum(chunk.payload for chunk in heads):,} bytes of payload, "
            f"in {counted(len(heads), 'chunk')}"
        )
        yield f"  size      {recording.bytes:,} bytes, {recording.bytes / max(plain, 1):.1%} of its lines"
    if recording.damage is not None:
        yield f"  damaged   at byte {recording.damage.position}: {recording.damage.reason}; what is before it is whole"
    elif end is None:
        yield "  cut off   the recorder did not end in order; up to its last chunk nothing is missing"
    elif end.gaps:
        yield f"  gaps      {gaps_line(end.gaps)}"
    counts = recording.by_topic().most_common()
    width = max((len(f"{count:,}") for _, count in counts), default=0)
    for topic, count in counts[:_SHOWN]:
        yield f"  {count:>{width},}  {topic}"
    if len(counts) > _SHOWN:
        rest = sum(count for _, count in counts[_SHOWN:])
        yield f"  {rest:>{width},}  on {counted(len(counts) - _SHOWN, 'other topic')}"


def as_json(recording: Recording) -> dict[str, Any]:
    """Return the object. Times are microseconds since the epoch."""
    return {
        "source": recording.head.source,
        "address": recording.head.address,
        "asked_for": recording.head.topics,
        "first": recording.first,
        "last": recording.last,
        "messages": recording.messages,
        "payload_bytes": sum(chunk.head.payload for chunk in recording.chunks),
        "chunks": len(recording.chunks),
        "bytes": recording.bytes,
        "ended": recording.end is not None,
        "gaps": recording.end.gaps if recording.end else None,
        "damage": recording.damage.reason if recording.damage else None,
        "topics": dict(recording.by_topic().most_common()),
    }


def _moment(us: int) -> str:
    return (
        datetime.fromtimestamp(us / 1e6, UTC)
        .isoformat(sep=" ", timespec="milliseconds")
        .removesuffix("+00:00")
    )
