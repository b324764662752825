"""The rejects fold: refusals in; rows of ub.rejected and ub.rejected_count out, each refusal once."""

import msgspec

from schemas import codec
from schemas.limits import END_MS
from schemas.rejected import Rejected
from streams.fold.contract import Changes, Output, Record, Restored, Rows
from streams.fold.refusals import rejected
from streams.fold.stored import check_names, reading

STAGE = "rejects"
MOST_TOPICS = 1_000
OTHER_TOPICS = "ub/v1/#"
_LONGEST_BYTES = 512
"""Of a text that a table has an index on: PostgreSQL takes some 2,700."""


class _Saved(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Counts by (topic, reason) with the newest time, and the highest sequence counted per source."""

    counts: dict[str, dict[str, tuple[int, int]]]
    sequences: dict[str, int]


class RejectsState:
    """Fold over one partition of ub.rejected.

    One source writes to one partition (the record's key), with a growing sequence. So refusals that a stage
    publishes again after a crash are recognised. A record that cannot be read as a refusal is kept as one.
    """

    def __init__(self, restored: Restored) -> None:
        self._partition = restored.partition
        self._generation = restored.generation
        check_names(STAGE, restored.parts, {"counts"})
        data = restored.parts.get("counts")
        with reading(STAGE, "counts"):
            self._state = msgspec.msgpack.decode(data, type=_Saved) if data else _Saved({}, {})
        self._fresh: list[Rejected] = []

    def apply(self, record: Record) -> None:
        """Fold one refusal in."""
        try:
            item = codec.rejected.decode(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            item = rejected(STAGE, self._generation, record, "bad_frame", str(error))
        if not _storable(item):
            detail = (
                f"count {item.count}, sequence {item.sequence}, received_at {item.received_at}, "
                f"source of {len(item.source)} characters: out of range"
            )
            item = rejected(STAGE, self._generation, record, "bad_frame", detail)
        if item.sequence <= self._state.sequences.get(item.source, -1):
            return
        self._state.sequences[item.source] = item.sequence
        reasons = self._state.counts.setdefault(self._counted_as(item.topic), {})
        count, newest = reasons.get(item.reason, (0, 0))
        reasons[item.reason] = (count + item.count, max(newest, item.received_at))
        self._fresh.append(item)

    def _counted_as(self, topic: str) -> str:
        """Return the topic under which a refusal is counted: what a publisher makes up must not grow without bound.

        Topics of single vehicles are counted together, and beyond MOST_TOPICS all new ones are.
        """
        levels = topic.split("/")
        known = "/".join((*levels[:4], "#")) if len(levels) > 4 else topic
        if len(known.encode()) > _LONGEST_BYTES:
            return OTHER_TOPICS
        return known if known in self._state.counts or len(self._state.counts) < MOST_TOPICS else OTHER_TOPICS

    def idle(self, wall_ms: int) -> None:
        """Nothing here depends on time."""

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return nothing: this is where the road ends."""
        return []

    def take_changes(self) -> Changes:
        """Return the fresh refusals, the counts that they changed, and the state."""
        changes = Changes()
        if not self._fresh:
            return changes
        items, self._fresh = self._fresh, []
        names = ("source", "sequence", "received_at", "reason", "detail", "topic", "payload", "count")
        changes.rows.append(Rows("rejected", {name: [getattr(i, name) for i in items] for name in names}))
        keys = sorted({(self._counted_as(item.topic), item.reason) for item in items})
        values = [self._state.counts[topic][reason] for topic, reason in keys]
        changes.rows.append(
            Rows(
                "rejected_count",
                {
                    "partition": [self._partition] * len(keys),
                    "topic": [topic for topic, _ in keys],
                    "reason": [reason for _, reason in keys],
                    "count": [count for count, _ in values],
                    "newest_at": [newest for _, newest in values],
                },
            )
        )
        changes.parts["counts"] = msgspec.msgpack.encode(self._state)
        return changes


def _storable(item: Rejected) -> bool:
    """Whether it fits the table: anyone who may write to the topic can put anything there."""
    return (
        0 < item.count < _MOST
        and 0 <= item.sequence < 1 << 63
        and 0 <= item.received_at < END_MS
        and len(item.source.encode()) <= _LONGEST_BYTES
    )


_MOST = 1_000_000_000
