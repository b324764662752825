"""Claims, fencing, and commits that take place as a whole or not at all."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest

from deploy.native.postgres import Postgres
from streams.errors import Fenced, ServiceUnavailable, SetBack, SettingsError
from streams.fold.contract import Changes, Ledger, Rows
from streams.retry import Waiting, retrying
from streams.store import session
from streams.store.checkpoint import Claim, PartitionCommit, Store
from streams.store.migrate import migrate
from tests.conftest import Database
from tests.integration import store_rows
from tests.integration.store_rows import CELL, T0, geometry, rejected, vehicles, windows
from tests.integration.store_support import query, rows_read, write

pytestmark = pytest.mark.integration

HOUR_MS = 3_600_000
FILLED = {"UB_H3_RESOLUTION": 9, "UB_REGION_RESOLUTION": 2, "UB_WINDOW_S": 60}


def with_store[T](migrated: Database, body: Callable[[Store], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Store(migrated.writer_url, application_name="test") as store:
            return await body(store)

    return asyncio.run(run())


async def claim(store: Store, partition: int = 0, **changes: Any) -> Claim:
    names = {"cluster_id": "c1", "topic_id": "t1", "owner": "worker-0", **changes}
    return await store.claim("fleet", "ub.vehicles", partition, **names)


def test_the_first_claim_starts_from_nothing(migrated: Database) -> None:
    ((now,),) = query(migrated.owner_url, "SELECT ub.milliseconds(now())")
    mine = with_store(migrated, claim)
    assert (mine.restored.generation, mine.restored.offset) == (0, -1)
    assert mine.restored.epoch == mine.epoch >= now
    assert mine.restored.parts == {}
    assert mine.restored.ledger == Ledger()


def test_a_partition_of_another_number_of_partitions_is_refused(migrated: Database) -> None:
    """Ids are elsewhere then: what they left behind would be counted once more."""

    async def body(store: Store) -> tuple[Claim, Claim]:
        await claim(store)  # as before the number was noted
        first = await claim(store, partitions=4)
        with pytest.raises(SettingsError, match=r"6 partitions of ub\.vehicles, .* counted in 4: .*twice"):
            await claim(store, partitions=6)
        await store.commit([PartitionCommit(first, 41, Changes())])  # it is still ours
        return first, await claim(store, partitions=4)

    first, second = with_store(migrated, body)
    assert second.epoch > first.epoch
    assert second.restored.offset == 41


def test_a_database_that_was_filled_with_other_cells_or_windows_is_refused(migrated: Database) -> None:
    """It would empty the cells that are there, and end their alerts."""

    async def run(**other: int) -> Claim:
        filled = FILLED | {f"UB_{name.upper()}": value for name, value in other.items()}
        async with Store(migrated.writer_url, application_name="test", filled_with=filled) as store:
            return await claim(store)

    with_store(migrated, claim)  # as before it was noted
    first = asyncio.run(run())
    with pytest.raises(
        SettingsError,
        match=r"say UB_H3_RESOLUTION=8, UB_WINDOW_S=30, .* with UB_H3_RESOLUTION=9, UB_WINDOW_S=60: .*set them to",
    ):
        asyncio.run(run(h3_resolution=8, window_s=30))
    assert query(migrated.owner_url, "SELECT epoch FROM ub.checkpoint") == [(first.epoch,)], (
        "it is still ours"
    )
    assert asyncio.run(run()).epoch > first.epoch


def test_of_workers_that_start_at_once_with_other_cells_one_fills_the_database(migrated: Database) -> None:
    async def body() -> list[int | SettingsError]:
        async def start(partition: int) -> int:
            filled = FILLED | {"UB_H3_RESOLUTION": 6 + partition}
            async with Store(migrated.writer_url, application_name="test", filled_with=filled) as store:
                await claim(store, partition)
            return partition

        found = await asyncio.gather(*map(start, range(6)), return_exceptions=True)
        assert all(isinstance(one, int | SettingsError) for one in found), found
        return found  # type: ignore[return-value]

    [winner] = [one for one in asyncio.run(body()) if isinstance(one, int)]
    assert query(migrated.owner_url, "SELECT partition FROM ub.checkpoint") == [(winner,)]


def test_a_role_without_rights_is_named_with_the_way_out(migrated: Database) -> None:
    """As where a worker was given the console's URL. It does not pass, so nobody waits for it."""

    async def run() -> None:
        async with Store(migrated.reader_url, application_name="test") as store:
            await claim(store)

    with pytest.raises(
        SettingsError, match=r"UB_DATABASE_URL: its role may not .*permission denied.*ub_writer$"
    ):
        asyncio.run(run())


def test_a_role_that_lost_a_right_is_named_too(migrated: Database) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        with psycopg.connect(migrated.owner_url, autocommit=True) as owner:
            owner.execute("REVOKE INSERT ON ub.vehicle_state FROM ub_writer")
        await store.commit([PartitionCommit(mine, 5, Changes(rows=[vehicles({})]))])

    with pytest.raises(SettingsError, match=r"its role may not .*permission denied for table vehicle_state"):
        with_store(migrated, body)


def test_a_database_that_only_reads_is_waited_for_on_a_new_connection(migrated: Database) -> None:
    """The address may lead to a standby for a while, until it is promoted or the name says another one."""

    def let_it(setting: str) -> None:
        with psycopg.connect(
            migrated.owner_url, autocommit=True, options="-cdefault_transaction_read_only=off"
        ) as owner:
            owner.execute(f"ALTER DATABASE {migrated.name} {setting}".encode())

    async def body(store: Store) -> None:
        mine = await claim(store)
        await store.session.__aexit__(None, None, None)
        let_it("SET default_transaction_read_only = on")
        with pytest.raises(ServiceUnavailable, match=r"only reads .*target_session_attrs=read-write"):
            await store.commit([PartitionCommit(mine, 5, Changes())])
        let_it("RESET default_transaction_read_only")
        await store.commit([PartitionCommit(mine, 5, Changes())])

    with_store(migrated, body)


def test_a_commit_that_waits_for_a_lock_is_said(
    migrated: Database, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody's VACUUM FULL, say: nothing else tells why nothing is stored."""
    monkeypatch.setattr(session, "_SLOW_S", 0.1)

    async def body(store: Store) -> None:
        mine = await claim(store)
        caplog.clear()
        with psycopg.connect(migrated.owner_url) as holder:
            holder.execute("LOCK TABLE ub.vehicle_state")
            commit = store.commit([PartitionCommit(mine, 5, Changes(rows=[vehicles({})]))])
            async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                group.create_task(commit)
                while not caplog.records:  # noqa: ASYNC110 - nobody says when it is logged
                    await asyncio.sleep(0.01)
                holder.rollback()

    with_store(migrated, body)
    assert "a transaction of test has taken" in caplog.text
    assert "urbanbrain doctor" in caplog.text
    assert "a transaction of test ended after" in caplog.text


def test_the_next_owner_starts_from_what_was_committed(migrated: Database) -> None:
    async def body(store: Store) -> tuple[Claim, Claim]:
        first = await claim(store)
        parts: dict[str, bytes | None] = {"windows": b"\x00\x01", "gone": b"x"}
        await store.commit([PartitionCommit(first, 41, Changes(parts=parts, ledger=Ledger(10, 7, 2, 1)))])
        await store.commit([PartitionCommit(first, 42, Changes(parts={"gone": None}))])
        return first, await claim(store, owner="worker-1")

    first, second = with_store(migrated, body)
    assert second.epoch > first.epoch
    assert (second.restored.generation, second.restored.offset) == (0, 42)
    assert second.restored.parts == {"windows": b"\x00\x01"}
    assert second.restored.ledger == Ledger(10, 7, 2, 1)
    assert query(migrated.owner_url, "SELECT owner FROM ub.checkpoint") == [("worker-1",)]


@pytest.mark.parametrize("other", [{"cluster_id": "c2"}, {"topic_id": "t2"}])
def test_another_log_begins_a_generation_and_keeps_the_state(
    migrated: Database, other: dict[str, str]
) -> None:
    async def body(store: Store) -> tuple[Claim, Claim]:
        first = await claim(store)
        await store.commit([PartitionCommit(first, 41, Changes(parts={"p": b"v"}, ledger=Ledger(1, 1)))])
        return await claim(store, **other), await claim(store, **other)

    rebuilt, again = with_store(migrated, body)
    assert (rebuilt.restored.generation, rebuilt.restored.offset) == (1, -1)
    assert rebuilt.restored.parts == {"p": b"v"}
    assert rebuilt.restored.ledger == Ledger(1, 1)
    assert (again.restored.generation, again.restored.offset) == (1, -1)


def test_a_log_that_lost_its_end_begins_a_generation_where_it_ends_now(migrated: Database) -> None:
    async def body(store: Store) -> tuple[Claim, Claim]:
        first = await claim(store)
        await store.commit([PartitionCommit(first, 41, Changes(parts={"p": b"v"}, ledger=Ledger(1, 1)))])
        return await claim(store, cut_to=37), await claim(store)

    cut, again = with_store(migrated, body)
    assert (cut.restored.generation, cut.restored.offset) == (1, 37)
    assert cut.restored.parts == {"p": b"v"}
    assert (again.restored.generation, again.restored.offset) == (1, 37)


def test_epochs_grow_though_the_clock_goes_back_or_the_database_was_restored_from_a_backup(
    migrated: Database,
) -> None:
    async def body(store: Store) -> tuple[Claim, Claim, Claim]:
        first = await claim(store)
        query(migrated.owner_url, "UPDATE ub.checkpoint SET epoch = epoch + 3_600_000 RETURNING epoch")
        second = await claim(store)
        query(migrated.owner_url, "UPDATE ub.checkpoint SET epoch = 7 RETURNING epoch")
        return first, second, await claim(store)

    first, second, third = with_store(migrated, body)
    assert second.epoch == first.epoch + 3_600_001
    assert first.epoch < third.epoch < first.epoch + 60_000


def test_a_ledger_is_as_of_when_it_was_stored_last(migrated: Database) -> None:
    async def body(store: Store) -> None:
        mine, times = await claim(store), []
        for offset in (5, 6):
            await store.commit([PartitionCommit(mine, offset, Changes(ledger=Ledger(offset, offset)))])
            times += query(migrated.owner_url, "SELECT updated_at FROM ub.ledger")
        assert times[0] < times[1]

    with_store(migrated, body)


def test_a_ledger_is_as_of_now_where_its_owner_looks_after_it_and_the_checkpoint_stays_untouched(
    migrated: Database,
) -> None:
    touched = "SELECT max(updated_at) FROM ub.{}"

    async def body(store: Store) -> None:
        lost = await claim(store)
        await store.commit([PartitionCommit(lost, 5, Changes(ledger=Ledger(1, 1)))])
        mine, silent = await claim(store, owner="worker-1"), await claim(store, 1)
        before = [query(migrated.owner_url, touched.format(table)) for table in ("ledger", "checkpoint")]
        for claims, wanted in (([lost, silent], False), ([mine], True)):
            await store.show_life(claims)
            after = [query(migrated.owner_url, touched.format(table)) for table in ("ledger", "checkpoint")]
            assert ([after[0] > before[0]], after[1]) == ([wanted], before[1])

    with_store(migrated, body)
    assert query(migrated.owner_url, "SELECT received FROM ub.ledger") == [(1,)]


def test_a_partition_is_seen_when_its_owner_stores_or_looks_after_it_and_not_when_it_is_claimed_again(
    migrated: Database,
) -> None:
    """A worker that ends whenever it has read a record that cannot be stored claims it every half minute."""

    def times() -> tuple[Any, ...]:
        (found,) = query(migrated.owner_url, "SELECT seen_at, updated_at FROM ub.checkpoint")
        return found

    async def body(store: Store) -> None:
        lost = await claim(store)
        claimed, updated = times()
        assert claimed == updated
        await store.commit([PartitionCommit(lost, 5, Changes())])
        stored, updated = times()
        assert claimed < stored == updated
        mine = await claim(store, owner="worker-1")
        await store.show_life([lost])
        assert times() == (stored, stored)
        await store.show_life([mine])
        seen, updated = times()
        assert seen > updated == stored

    with_store(migrated, body)


def test_what_moves_is_records_and_rows_and_not_a_folds_own_state(migrated: Database) -> None:
    """Who waits for rest would wait for minutes, while the grid notes how long its sources have been silent."""

    async def body(store: Store) -> list[bool]:
        mine, moved = await claim(store), []
        for offset, changes in (
            (0, Changes()),
            (0, Changes(parts={"waits": b"\x01"})),
            (1, Changes(parts={"waits": b"\x02"})),
            (1, Changes(rows=[geometry()])),
        ):
            (before,) = query(migrated.owner_url, "SELECT updated_at, seen_at FROM ub.checkpoint")
            await store.commit([PartitionCommit(mine, offset, changes)])
            (after,) = query(migrated.owner_url, "SELECT updated_at, seen_at FROM ub.checkpoint")
            assert after[1] > before[1]
            moved.append(after[0] > before[0])
        return moved

    assert with_store(migrated, body) == [True, False, True, True]


def test_a_zombies_commit_writes_nothing_at_all(migrated: Database) -> None:
    async def body(store: Store) -> Fenced:
        kept, lost = await claim(store, 0), await claim(store, 1)
        await claim(store, 1, owner="worker-1")
        changes = Changes(rows=[vehicles({})], parts={"p": b"v"}, ledger=Ledger(1, 1))
        with pytest.raises(Fenced, match=r"fleet ub\.vehicles\[1\] epoch \d+") as caught:
            await store.commit([PartitionCommit(kept, 5, changes), PartitionCommit(lost, 5, changes)])
        return caught.value

    assert with_store(migrated, body).partitions == (("fleet", "ub.vehicles", 1),)
    assert query(migrated.owner_url, 'SELECT DISTINCT "offset" FROM ub.checkpoint') == [(-1,)]
    for table in ("vehicle_state", "checkpoint_part", "ledger"):
        assert query(migrated.owner_url, f"SELECT count(*) FROM ub.{table}") == [(0,)], table


_LATEST_IS_LOST = 'UPDATE ub.checkpoint SET "offset" = 5, commits = commits - 1 RETURNING 1'
_CLAIM_IS_LOST = "UPDATE ub.checkpoint SET epoch = epoch - 1, commits = 9 RETURNING 1"
_ALL_IS_LOST = "DELETE FROM ub.checkpoint RETURNING 1"


@pytest.mark.parametrize("lose", [_LATEST_IS_LOST, _CLAIM_IS_LOST, _ALL_IS_LOST])
def test_a_database_that_lost_what_was_stored_takes_nothing_that_builds_on_it(
    migrated: Database, lose: str
) -> None:
    """A standby took over that lacked it. Its owner's next checkpoint would leave a hole in the tables."""

    async def body(store: Store) -> None:
        mine = await claim(store)
        for offset in (5, 6):
            await store.commit([PartitionCommit(mine, offset, Changes())])
        query(migrated.owner_url, lose)
        for attempt in (
            store.commit([PartitionCommit(mine, 7, Changes(rows=[vehicles({})], parts={"p": b"v"}))]),
            store.show_life([mine]),
            store.confirm([mine]),
        ):
            with pytest.raises(SetBack, match=r"lost what was stored of fleet ub\.vehicles\[0\], as"):
                await attempt

    with_store(migrated, body)
    assert query(migrated.owner_url, 'SELECT 1 FROM ub.checkpoint WHERE "offset" > 6') == []
    assert query(migrated.owner_url, "SELECT count(*) FROM ub.vehicle_state") == [(0,)]


def test_who_claims_a_partition_after_something_was_lost_goes_on_from_what_is_there(
    migrated: Database,
) -> None:
    async def body(store: Store) -> int:
        mine = await claim(store)
        for offset in (5, 6):
            await store.commit([PartitionCommit(mine, offset, Changes())])
        query(migrated.owner_url, _LATEST_IS_LOST)
        again = await claim(store)
        for offset in (6, 7):
            await store.commit([PartitionCommit(again, offset, Changes())])
        return again.restored.offset

    assert with_store(migrated, body) == 5
    assert query(migrated.owner_url, 'SELECT "offset" FROM ub.checkpoint') == [(7,)]


def test_a_commit_that_took_place_without_an_answer_is_no_loss_when_it_is_repeated(
    migrated: Database,
) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        await store.commit([PartitionCommit(mine, 5, Changes())])
        query(migrated.owner_url, 'UPDATE ub.checkpoint SET "offset" = 6, commits = commits + 1 RETURNING 1')
        await store.commit([PartitionCommit(mine, 6, Changes())])
        query(migrated.owner_url, _LATEST_IS_LOST)
        with pytest.raises(SetBack):
            await store.commit([PartitionCommit(mine, 7, Changes())])

    with_store(migrated, body)


@pytest.mark.parametrize(
    "changes",
    [
        Changes(rows=[vehicles({}), windows({"window_s": 0})], parts={"p": b"v"}),
        Changes(rows=[vehicles({"battery_percent": 70_000})], parts={"p": b"v"}),
        Changes(rows=[vehicles({}), store_rows.sensor_windows({"bins": [2**31]})], parts={"p": b"v"}),
        Changes(rows=[vehicles({})], parts={"p": b"v"}, ledger=Ledger(received=3, applied=1)),
    ],
    ids=[
        "a row against a constraint",
        "a value too large for its type",
        "a value too large for an array",
        "a ledger that does not balance",
    ],
)
def test_what_the_tables_refuse_rolls_the_checkpoint_back(migrated: Database, changes: Changes) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        with pytest.raises((psycopg.Error, OverflowError)):
            await store.commit([PartitionCommit(mine, 5, changes)])
        assert (await claim(store)).restored.offset == -1

    with_store(migrated, body)
    for table in ("vehicle_state", "cell_window", "checkpoint_part", "ledger"):
        assert query(migrated.owner_url, f"SELECT count(*) FROM ub.{table}") == [(0,)], table


def test_rows_replace_those_on_file_and_the_last_of_a_commit_wins(migrated: Database) -> None:
    async def body(store: Store) -> None:
        zero, one = await claim(store, 0), await claim(store, 1)
        await store.commit(
            [PartitionCommit(zero, 1, Changes(rows=[vehicles({"lat": 1.0}, {"vehicle_id": "b2"})]))]
        )
        rows = [vehicles({"lat": 2.0}), vehicles({"lat": 3.0, "battery_percent": 40})]
        other = Changes(rows=[vehicles({"vehicle_id": "b3", "partition": 1})])
        await store.commit([PartitionCommit(zero, 2, Changes(rows=rows)), PartitionCommit(one, 1, other)])

    with_store(migrated, body)
    assert query(
        migrated.owner_url,
        "SELECT vehicle_id, lat, battery_percent, partition FROM ub.vehicle_state ORDER BY 1",
    ) == [
        ("b1", 3.0, 40, 0),
        ("b2", 31.2304, None, 0),
        ("b3", 31.2304, None, 1),
    ]


@pytest.mark.parametrize("packed", [False, True], ids=["lists", "numpy"])
def test_the_last_of_many_rows_of_a_key_wins_in_one_fold_and_over_several(
    migrated: Database, packed: bool
) -> None:
    """Rows of all widths, on hundreds of pages of the temporary table, so that its order is seen to be that of COPY."""
    rng = np.random.default_rng(7)
    names = [f"{number:04d}{'x' * int(width)}" for number, width in enumerate(rng.integers(0, 60, 1000))]
    written = [[names[n] for n in rng.integers(0, len(names), 8_000)] for _ in range(3)]
    latitude = (n / 1000 for n in count())
    parts = [vehicles(*({"vehicle_id": name, "lat": next(latitude)} for name in some)) for some in written]
    last = {name: n / 1000 for n, name in enumerate(chain.from_iterable(written))}
    if packed:
        parts = [store_rows.packed(part) for part in parts]

    async def body(store: Store) -> None:
        claims = [await claim(store, partition) for partition in range(3)]
        await store.commit(
            [PartitionCommit(one, 1, Changes(rows=[part])) for one, part in zip(claims, parts, strict=True)]
        )

    with_store(migrated, body)
    assert dict(query(migrated.owner_url, "SELECT vehicle_id, lat FROM ub.vehicle_state")) == last


def test_the_last_event_of_a_key_in_one_commit_is_the_one_that_is_kept(migrated: Database) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        rows = [rejected({"detail": "first"}, {"detail": "second"}), rejected({"detail": "third"})]
        await store.commit([PartitionCommit(mine, 0, Changes(rows=rows))])

    with_store(migrated, body)
    assert query(migrated.owner_url, "SELECT detail FROM ub.rejected") == [("third",)]


def test_events_on_file_stay_as_they_are(migrated: Database) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        for offset, detail in enumerate(["first", "repeated"]):
            rows = [rejected({"detail": detail}), geometry()]
            await store.commit([PartitionCommit(mine, offset, Changes(rows=rows))])

    with_store(migrated, body)
    assert query(migrated.owner_url, "SELECT detail FROM ub.rejected") == [("first",)]
    assert query(migrated.owner_url, "SELECT cell FROM ub.cell_geometry") == [(CELL,)]


def test_times_keep_their_millisecond(migrated: Database) -> None:
    times = [T0 + 1, T0 + 999, 1_000_000_000_001, 4_102_444_799_999]

    async def body(store: Store) -> dict[str, list[Any]]:
        mine = await claim(store)
        rows = vehicles(
            *({"vehicle_id": f"b{i}", "ts": ts, "received_at": ts + 1} for i, ts in enumerate(times))
        )
        await store.commit([PartitionCommit(mine, 0, Changes(rows=[rows]))])
        return await store.vehicles(0)

    found = with_store(migrated, body)
    assert sorted(found["ts"]) == sorted(times)
    assert sorted(found["received_at"]) == sorted(time + 1 for time in times)


def test_the_vehicles_of_one_partition_come_back_as_they_were_written(migrated: Database) -> None:
    async def body(store: Store) -> dict[str, list[Any]]:
        mine = await claim(store)
        rows = vehicles({"battery_percent": 7}, {"vehicle_id": "elsewhere", "partition": 1})
        await store.commit([PartitionCommit(mine, 0, Changes(rows=[rows]))])
        return await store.vehicles(0)

    written = dict(vehicles({"battery_percent": 7}).columns)
    del written["partition"]
    assert with_store(migrated, body) == written


def test_a_partition_without_vehicles_has_empty_columns(migrated: Database) -> None:
    found = with_store(migrated, lambda store: store.vehicles(9))
    assert set(found) == set(vehicles({}).columns) - {"partition"}
    assert all(column == [] for column in found.values())


def test_rows_are_deleted_by_all_columns_of_their_key_before_others_are_written(migrated: Database) -> None:
    pairs = [("s1", "no2"), ("s1", "pm25"), ("s2", "no2"), ("s2", "pm25")]

    async def body(store: Store) -> None:
        mine = await claim(store)
        full = store_rows.sensors(*({"sensor_id": s, "metric": m} for s, m in pairs))
        gone = Rows("sensor_state", {"sensor_id": ["s1", "s2"], "metric": ["no2", "pm25"]}, delete=True)
        again = store_rows.sensors({"sensor_id": "s2", "metric": "pm25", "value": 1.0})
        await store.commit([PartitionCommit(mine, 0, Changes(rows=[full]))])
        await store.commit([PartitionCommit(mine, 1, Changes(rows=[again, gone]))])

    with_store(migrated, body)
    assert query(
        migrated.owner_url, "SELECT sensor_id, metric, value FROM ub.sensor_state ORDER BY 1, 2"
    ) == [("s1", "pm25", 12.5), ("s2", "no2", 12.5), ("s2", "pm25", 1.0)]


def test_a_vehicle_that_is_forgotten_leaves_the_table(migrated: Database) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        await store.commit([PartitionCommit(mine, 0, Changes(rows=[vehicles({}, {"vehicle_id": "b2"})]))])
        gone = Rows("vehicle_state", {"vehicle_id": ["b1", "b9"]}, delete=True)
        await store.commit([PartitionCommit(mine, 1, Changes(rows=[gone]))])

    with_store(migrated, body)
    assert query(migrated.owner_url, "SELECT vehicle_id FROM ub.vehicle_state") == [("b2",)]


def test_rows_cannot_be_deleted_by_a_part_of_their_key(migrated: Database) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        part = Rows("sensor_state", {"sensor_id": ["s1"]}, delete=True)
        with pytest.raises(ValueError, match=r"deleted by its key \('sensor_id', 'metric'\)"):
            await store.commit([PartitionCommit(mine, 0, Changes(rows=[part]))])

    with_store(migrated, body)


@pytest.mark.parametrize("table", ["sensors", "requests"])
def test_sensors_and_requests_of_one_partition_come_back_as_they_were_written(
    migrated: Database, table: str
) -> None:
    full = {
        "sensors": store_rows.sensors({"value": -1.5}),
        "requests": store_rows.requests(
            {
                "status": "closed",
                "agency_responsible": "roads",
                "district": "浦东新区",
                "reopened": 2,
                "description": "灯坏了\x00",
                "address": "",
                "closed_at": T0 + 1,
                "expected_datetime": T0 + 2,
                "satisfaction": 4,
                "resolved": False,
                "rated_at": T0 + 3,
                "events": '[["\\u0000"]]',
            }
        ),
    }[table]
    elsewhere = {
        "sensors": store_rows.sensors({"sensor_id": "elsewhere", "partition": 1}),
        "requests": store_rows.requests({"service_request_id": "elsewhere", "partition": 1}),
    }[table]

    async def body(store: Store) -> dict[str, list[Any]]:
        mine = await claim(store)
        await store.commit([PartitionCommit(mine, 0, Changes(rows=[full, elsewhere]))])
        return await (store.sensors(0) if table == "sensors" else store.requests(0, 0, []))

    written = {name: list(values) for name, values in full.columns.items() if name != "partition"}
    if table == "requests":
        written["description"] = ["灯坏了\\x00"]
    assert with_store(migrated, body) == written


def test_of_the_requests_of_years_those_that_are_alive_are_read(migrated: Database) -> None:
    over = [
        {"service_request_id": f"over-{number}", "status": "closed", "updated_at": T0 - number * HOUR_MS}
        for number in range(20_000)
    ]
    still = {"service_request_id": "open", "updated_at": T0 - 30_000 * HOUR_MS}

    async def body(store: Store) -> set[str]:
        mine = await claim(store)
        await store.commit(
            [PartitionCommit(mine, 0, Changes(rows=[store_rows.requests(still, *over)]))],
        )
        return set((await store.requests(0, T0 - HOUR_MS, ["over-2000", "unknown"]))["service_request_id"])

    assert with_store(migrated, body) == {"open", "over-0", "over-1", "over-2000"}
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE ub.request")

        def again() -> None:
            with_store(migrated, lambda store: store.requests(0, T0 - HOUR_MS, []))

        assert rows_read(connection, again, "ub.request") < 30


def test_arrays_come_back_as_they_were_written(migrated: Database) -> None:
    bins = [[], [0], [-4095, -1, 0, 7, 4095], [2**31 - 1, -(2**31)]]

    async def body(store: Store) -> None:
        mine = await claim(store)
        rows = store_rows.sensor_windows(
            *({"metric": f"m{n}", "bins": value, "bin_counts": value[::-1]} for n, value in enumerate(bins))
        )
        await store.commit([PartitionCommit(mine, 0, Changes(rows=[rows]))])

    with_store(migrated, body)
    assert query(migrated.owner_url, "SELECT bins, bin_counts FROM ub.sensor_window ORDER BY metric") == [
        (value, value[::-1]) for value in bins
    ]


def test_a_payload_with_a_nul_character_is_stored_legibly(migrated: Database) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        await store.commit([PartitionCommit(mine, 0, Changes(rows=[rejected({"payload": "a\x00\tb\\n"})]))])

    with_store(migrated, body)
    assert query(migrated.owner_url, "SELECT payload FROM ub.rejected") == [("a\\x00\tb\\n",)]


def test_concurrent_coroutines_share_one_connection(migrated: Database) -> None:
    async def body(store: Store) -> list[Claim]:
        claims = await asyncio.gather(*(claim(store, partition) for partition in range(8)))
        await asyncio.gather(
            *(
                store.commit(
                    [PartitionCommit(c, 3, Changes(rows=[vehicles({"vehicle_id": f"b{c.partition}"})]))]
                )
                for c in claims
            )
        )
        return claims

    with_store(migrated, body)
    assert query(migrated.owner_url, 'SELECT count(*) FROM ub.checkpoint WHERE "offset" = 3') == [(8,)]
    assert query(migrated.owner_url, "SELECT count(*) FROM ub.vehicle_state") == [(8,)]


def test_a_session_ended_by_the_server_is_opened_again(migrated: Database) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        query(
            migrated.owner_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'test' AND datname = current_database()",
        )
        commit = PartitionCommit(mine, 1, Changes(rows=[vehicles({})]))
        with pytest.raises(ServiceUnavailable):
            await store.commit([commit])
        await store.commit([commit])

    with_store(migrated, body)
    assert query(migrated.owner_url, 'SELECT "offset" FROM ub.checkpoint') == [(1,)]


def test_a_restart_of_postgresql_is_waited_for() -> None:
    lines: list[str] = []
    first_line = asyncio.Event()

    def log(line: str) -> None:
        lines.append(line)
        first_line.set()

    async def body(server: Postgres) -> None:
        await migrate(server.url, lambda line: None)
        async with Store(server.writer_url, application_name="test") as store:
            mine = await claim(store)
            commits = [PartitionCommit(mine, 1, Changes(rows=[vehicles({})]))]
            server.stop()
            with pytest.raises(ServiceUnavailable, match="PostgreSQL at"):
                await store.commit(commits)
            committing = asyncio.create_task(retrying(lambda: store.commit(commits), None, Waiting(log)))
            await asyncio.wait_for(first_line.wait(), 60)
            server.start()  # from this thread: it would end together with one of a pool
            await asyncio.wait_for(committing, 60)

    # not pytest's tmp_path: PostgreSQL's user cannot enter it
    with tempfile.TemporaryDirectory(prefix="ub-") as directory:
        Path(directory).chmod(0o755)
        server = Postgres(Path(directory))
        try:
            server.start()
            asyncio.run(body(server))
            assert query(server.url, 'SELECT "offset" FROM ub.checkpoint') == [(1,)]
            assert query(server.url, "SELECT count(*) FROM ub.vehicle_state") == [(1,)]
        finally:
            server.stop()
    assert len(lines) == 2
    assert "does not answer" in lines[0]
    assert "answers again" in lines[1]


def test_rows_that_no_table_has_are_a_mistake_of_ours(migrated: Database) -> None:
    async def body(store: Store) -> None:
        mine = await claim(store)
        with pytest.raises(ValueError, match="'vehicles' is not one of vehicle_state"):
            await store.commit([PartitionCommit(mine, 1, Changes(rows=[Rows("vehicles", {"a": [1]})]))])

    with_store(migrated, body)


def test_a_commit_may_amend_as_many_rows_of_compressed_chunks_as_it_likes(migrated: Database) -> None:
    """TimescaleDB refuses a transaction that unpacks more than 100,000 rows, up to 1,000 at a time: 101 cells do."""
    with psycopg.connect(migrated.owner_url, autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION ub.note_the_limit() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN NEW.region := current_setting('timescaledb.max_tuples_decompressed_per_dml_transaction'); "
            "RETURN NEW; END $$"
        )
        connection.execute(
            "CREATE TRIGGER note_the_limit BEFORE INSERT ON ub.cell_window "
            "FOR EACH ROW EXECUTE FUNCTION ub.note_the_limit()"
        )
    write(migrated, windows({}))
    assert query(migrated.owner_url, "SELECT region FROM ub.cell_window") == [("0",)]


def test_windows_of_a_compressed_chunk_are_amended(migrated: Database) -> None:
    if query(migrated.owner_url, "SELECT current_setting('timescaledb.license')") != [("timescale",)]:
        pytest.skip("only the Community edition compresses")
    cells, minutes = range(CELL, CELL + 150), range(T0, T0 + 800 * 60_000, 60_000)
    write(migrated, windows(*({"cell": cell, "window_start": at} for cell in cells for at in minutes)))
    query(migrated.owner_url, "SELECT compress_chunk(chunk) FROM show_chunks('ub.cell_window') AS chunk")
    write(
        migrated,
        windows(*({"cell": cell, "window_start": T0, "readings": 11, "revision": 1} for cell in cells)),
    )
    assert query(
        migrated.owner_url,
        "SELECT revision, readings, count(*) FROM ub.cell_window GROUP BY 1, 2 ORDER BY 1",
    ) == [(0, 10, 150 * 799), (1, 11, 150)]
