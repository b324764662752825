"""What a worker owns, and the events that wait for a checkpoint."""

import asyncio

import pytest

from streams.fold.contract import Ledger, Restored
from streams.runtime.owned import Holdings, Owned
from streams.store.checkpoint import Claim
from tests.unit.runtime.stages import TOPIC, Listing


def owned(partition: int) -> Owned:
    claim = Claim("sensing", TOPIC, partition, 1, Restored(partition, 0, -1, {}, Ledger()))
    return Owned(claim, Listing(), -1, -1)


def holdings(*partitions: Owned, max_unacked_records: int = 2) -> Holdings:
    found = Holdings("sensing", max_unacked_records)
    for one in partitions:
        found.add(one)
    return found


def has_room(found: Holdings) -> bool:
    async def body() -> bool:
        try:
            async with asyncio.timeout(0):
                await found.room()
        except TimeoutError:
            return False
        return True

    return asyncio.run(body())


def test_there_is_room_until_as_many_events_wait_as_may() -> None:
    found = holdings(one := owned(0))
    found.wait_for_checkpoint(one, "first")
    assert has_room(found)
    found.wait_for_checkpoint(one, "second")
    assert not has_room(found)
    found.release(["first"])
    assert has_room(found)


def test_there_is_no_room_again_before_fewer_events_wait_than_may() -> None:
    found = holdings(one := owned(0))
    for event in ("first", "second", "third"):
        found.wait_for_checkpoint(one, event)
    found.release(["first"])
    assert not has_room(found)


def test_events_of_a_partition_that_is_handed_over_wait_no_longer() -> None:
    found = holdings(one := owned(0), owned(1))
    for event in ("first", "second"):
        found.wait_for_checkpoint(one, event)
    found.keep_only({1})
    assert has_room(found)
    assert [other.claim.partition for other in found] == [1]


def test_a_partition_that_was_lost_and_came_back_is_another() -> None:
    found = holdings(before := owned(0))
    found.keep_only(set())
    assert not found.has(before)
    found.add(after := owned(0))
    assert found.has(after)
    assert not found.has(before)


def test_one_that_is_lost_while_others_are_asked_is_not_asked() -> None:
    found = holdings(owned(0), owned(1), owned(2))

    async def body() -> list[int]:
        asked = []
        async for one in found.one_by_one():
            asked.append(one.claim.partition)
            found.keep_only({0, 2})
        return asked

    assert asyncio.run(body()) == [0, 2]


def test_where_something_is_lost_all_that_is_owned_is_spoilt() -> None:
    found = holdings(owned(0), owned(1))
    with found.nothing_lost():
        pass
    assert not any(one.spoilt for one in found)
    with pytest.raises(OSError, match="away"), found.nothing_lost():
        raise OSError("away")
    assert all(one.spoilt for one in found)
