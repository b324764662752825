"""Checkpoints: a fold's changes and the offset that they reflect, in one transaction (docs/architecture.md)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from psycopg import AsyncConnection

from streams.errors import Fenced, SetBack, SettingsError
from streams.fold.contract import Changes, Restored
from streams.store import filled_with as filling
from streams.store import open_now, parts, restore, writer
from streams.store.session import Session


@dataclass(frozen=True, slots=True)
class Claim:
    """One partition of one stage, ours until the epoch grows, and what its fold starts from."""

    stage: str
    topic: str
    partition: int
    epoch: int
    restored: Restored

    @property
    def key(self) -> tuple[str, str, int]:
        """The checkpoint's key: (stage, topic, partition)."""
        return self.stage, self.topic, self.partition


@dataclass(frozen=True, slots=True)
class PartitionCommit:
    """What a fold changed up to and including `offset`."""

    claim: Claim
    offset: int
    changes: Changes


_CLAIM = """
INSERT INTO ub.checkpoint AS c
       (stage, topic, partition, cluster_id, topic_id, generation, "offset", owner, epoch, seen_at, partitions)
VALUES (%(stage)s, %(topic)s, %(partition)s, %(cluster_id)s, %(topic_id)s, 0, -1, %(owner)s,
        ub.milliseconds(clock_timestamp()), now(), %(partitions)s)
ON CONFLICT (stage, topic, partition) DO UPDATE SET
    -- the time, so that it grows though the database was restored from a backup; plus one, whatever clocks do
    epoch = greatest(c.epoch + 1, excluded.epoch),
    owner = excluded.owner,
    -- neither updated_at nor seen_at: who claims again and again, and ends before it stores anything, gets nowhere
    -- another cluster or topic id is another log: its offsets begin anew, what was folded stays true
    generation = c.generation + (
        %(cut_to)s::bigint IS NOT NULL OR (c.cluster_id, c.topic_id) <> (excluded.cluster_id, excluded.topic_id)
    )::integer,
    "offset" = CASE WHEN (c.cluster_id, c.topic_id) = (excluded.cluster_id, excluded.topic_id)
                    THEN coalesce(%(cut_to)s, c."offset") ELSE -1 END,
    cluster_id = excluded.cluster_id,
    topic_id = excluded.topic_id,
    commits = 0,
    partitions = coalesce(c.partitions, excluded.partitions)
RETURNING epoch, generation, "offset", partitions
"""

_ADVANCE = """
UPDATE ub.checkpoint SET
    "offset" = %s, commits = %s, seen_at = now(),
    -- parts alone move nothing: how long sources have been silent, for one, goes on while nothing comes
    updated_at = CASE WHEN "offset" <> %s OR %s THEN now() ELSE updated_at END
-- one more than we know of: our last commit took place though we never heard so
WHERE stage = %s AND topic = %s AND partition = %s AND epoch = %s AND commits >= %s
"""

_LIFE_S = 5.0
"""How long `show_life` may take: the checkpoints of all stages wait for the same connection."""
_SHOW_LIFE = """
WITH ours AS (
    UPDATE ub.checkpoint SET seen_at = now()
    WHERE stage = %s AND topic = %s AND partition = %s AND epoch = %s
    RETURNING stage, topic, partition
)
UPDATE ub.ledger l SET updated_at = now()
FROM ours WHERE (ours.stage, ours.topic, ours.partition) = (l.stage, l.topic, l.partition)
"""

_OWNER = """
SELECT epoch, commits FROM ub.checkpoint WHERE stage = %s AND topic = %s AND partition = %s
"""

_WRITE_LEDGER = """
INSERT INTO ub.ledger (stage, topic, partition, received, applied, superseded, rejected)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (stage, topic, partition) DO UPDATE SET
    received = excluded.received, applied = excluded.applied, superseded = excluded.superseded,
    rejected = excluded.rejected, updated_at = now()
"""


class Store:
    """Claims partitions and commits their changes. One connection, opened at the first use.

    Every method raises ServiceUnavailable while the database is away, and may then be called again
    with the same arguments (`streams.retry.retrying` does): values are absolute, never deltas.

    It knows how often it has stored each partition, and so notices a database that has lost some of it (SetBack).
    """

    def __init__(
        self, url: str, *, application_name: str = "urbanbrain", filled_with: Mapping[str, int] | None = None
    ) -> None:
        """`filled_with`: the settings that the database holds to once a partition was claimed; see filled_with."""
        self._filled_with = filled_with
        self.session = Session(url, application_name=application_name)
        self._commits: dict[tuple[str, str, int], int] = {}  # since the partition was claimed

    async def __aenter__(self) -> Self:
        await self.session.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.__aexit__(kind, error, trace)

    async def claim(
        self,
        stage: str,
        topic: str,
        partition: int,
        *,
        cluster_id: str,
        topic_id: str,
        owner: str,
        cut_to: int | None = None,
        partitions: int | None = None,
    ) -> Claim:
        """Make `owner` the only one who may commit this partition, and return what its fold starts from.

        Where `cluster_id` or `topic_id` differ from those on file, the log is a new one: `generation` grows by one and
        `offset` is -1; parts and ledger are kept. So it is where the log has lost its end: `cut_to` is the last offset
        that is left of those that were folded.
        Raises SettingsError where our role may not write, and where the partition was one of another number of
        `partitions` so far: ids would be counted in two of them. So it does where the database was filled with other
        cells or windows than ours.
        """
        key = (stage, topic, partition)
        names = {
            "stage": stage,
            "topic": topic,
            "partition": partition,
            "cluster_id": cluster_id,
            "topic_id": topic_id,
            "owner": owner,
            "cut_to": cut_to,
            "partitions": partitions,
        }
        async with self.session.transaction() as connection:
            if self._filled_with is not None:
                await filling.note(connection, self._filled_with)
            # The row lock waits for a commit of the former owner; what it wrote is read below.
            answer = await connection.execute(_CLAIM, names)
            [(epoch, generation, offset, before)] = await answer.fetchall()
            if partitions is not None and before != partitions:
                raise _moved(topic, partitions, before)
            known = await restore.parts(connection, key)
            ledger = await restore.ledger(connection, key)
        self._commits[key] = 0
        start = Restored(partition, generation, offset, known, ledger, epoch)
        return Claim(stage, topic, partition, epoch, start)

    async def commit(self, commits: Sequence[PartitionCommit]) -> None:
        """Write all of `commits`, or nothing.

        In one transaction:
        1. advance each checkpoint, only while its epoch is still ours, and nothing of it was lost; else roll back:
           Fenced, SetBack
        2. write the ledgers
        3. write and delete the parts of the folds' state
        4. delete and upsert the rows, those of one table together

        Raises Fenced (with the partitions that were lost), SetBack, and psycopg.Error for rows that the
        tables refuse, a ledger that does not balance included.
        """
        if not commits:
            return
        # One order for all workers, so that two of them cannot wait for each other in a circle.
        ordered = sorted(commits, key=lambda commit: commit.claim.key)
        async with self.session.transaction() as connection:
            # 1.
            await self._advance(connection, ordered)
            # 2.
            await _write_ledgers(connection, ordered)
            # 3.
            await parts.write(
                connection, ((*one.claim.key, *part) for one in ordered for part in one.changes.parts.items())
            )
            # 4.
            await writer.write(connection, [rows for commit in commits for rows in commit.changes.rows])
        for commit in commits:
            self._commits[commit.claim.key] = self._stored(commit.claim) + 1

    async def confirm(self, claims: Sequence[Claim]) -> None:
        """Raise Fenced (with the partitions that were lost) if another worker has claimed one of them since."""
        async with self.session.transaction() as connection:
            lost = await self._lost(connection, claims)
        _all_ours(lost)

    async def show_life(self, claims: Sequence[Claim]) -> None:
        """Say that somebody looks after those of these partitions that are still ours, and their ledgers are right.

        Raises SetBack where they are not, as the database has lost what we stored of them.
        """
        async with self.session.transaction(_LIFE_S) as connection:
            await self._lost(connection, claims)
            for claim in claims:
                await connection.execute(_SHOW_LIFE, (*claim.key, claim.epoch))

    async def _advance(self, connection: AsyncConnection[Any], commits: Sequence[PartitionCommit]) -> None:
        refused = []
        for commit in commits:
            claim, has_rows, stored = commit.claim, bool(commit.changes.rows), self._stored(commit.claim)
            values = commit.offset, stored + 1, commit.offset, has_rows, *claim.key, claim.epoch, stored
            cursor = await connection.execute(_ADVANCE, values)
            if cursor.rowcount == 0:
                refused.append(claim)
        await self._lost(connection, refused)
        _all_ours(refused)

    async def _lost(self, connection: AsyncConnection[Any], claims: Sequence[Claim]) -> list[Claim]:
        """Return those that another worker owns by now. SetBack where one is not what we made of it: both only grow."""
        lost = []
        for claim in claims:
            cursor = await connection.execute(_OWNER, claim.key)
            epoch, commits = await cursor.fetchone() or (-1, 0)
            if (epoch, commits) < (claim.epoch, self._stored(claim)):
                raise SetBack(
                    f"the database has lost what was stored of {claim.stage} {claim.topic}[{claim.partition}], as "
                    "where a standby took over that lacked it; the worker starts again from what is there",
                    [claim.key],
                )
            if epoch != claim.epoch:
                lost.append(claim)
        return lost

    def _stored(self, claim: Claim) -> int:
        return self._commits.get(claim.key, 0)

    async def open_now(self, ids: Collection[str]) -> set[str]:
        """Return those of these ids of alerts and incidents that are open in the tables; see open_now."""
        if not ids:
            return set()
        async with self.session.transaction() as connection:
            return await open_now.open_now(connection, ids)

    async def vehicles(self, partition: int) -> dict[str, list[Any]]:
        """Return vehicle_state of one partition of ub.vehicles as columns; see restore.rows."""
        return await self._rows("vehicle_state", partition)

    async def sensors(self, partition: int) -> dict[str, list[Any]]:
        """Return sensor_state of one partition of ub.sensors as columns; see restore.rows."""
        return await self._rows("sensor_state", partition)

    async def requests(self, partition: int, since_ms: int, ids: list[str]) -> dict[str, list[Any]]:
        """Return what is alive of request of one partition of ub.requests as columns; see restore.requests."""
        async with self.session.transaction() as connection:
            return await restore.requests(connection, partition, since_ms, ids)

    async def _rows(self, table: str, partition: int) -> dict[str, list[Any]]:
        async with self.session.transaction() as connection:
            return await restore.rows(connection, table, partition)


def _moved(topic: str, partitions: int, before: int) -> SettingsError:
    """Return what to tell a person whose settings name another number of partitions than those that were counted."""
    return SettingsError(
        f"the settings ask for {partitions} partitions of {topic}, and the database holds what was counted in "
        f"{before}: most ids would move, and be counted twice; set UB_SOURCE_PARTITIONS/UB_REGION_PARTITIONS to what "
        "they were, or start with an empty database and new topics"
    )


def _all_ours(lost: Sequence[Claim]) -> None:
    if lost:
        names = ", ".join(
            f"{claim.stage} {claim.topic}[{claim.partition}] epoch {claim.epoch}" for claim in lost
        )
        raise Fenced(
            f"another worker owns {names} now; nothing more of them is written; "
            "claim the partition again to go on",
            [claim.key for claim in lost],
        )


async def _write_ledgers(connection: AsyncConnection[Any], commits: Sequence[PartitionCommit]) -> None:
    lines = [
        (*commit.claim.key, ledger.received, ledger.applied, ledger.superseded, ledger.rejected)
        for commit in commits
        if (ledger := commit.changes.ledger) is not None
    ]
    if lines:
        async with connection.cursor() as cursor:
            await cursor.executemany(_WRITE_LEDGER, lines)
