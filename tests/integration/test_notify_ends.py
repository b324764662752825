"""What `urbanbrain notify` ends with when one of its parts cannot go on."""

import asyncio

import psycopg
import pytest

from streams.errors import MigrationError
from streams.notify.receivers import parse
from streams.notify.service import run
from tests.conftest import Database
from tests.integration.notify_support import Desk, wait_until
from tests.integration.store_support import query

pytestmark = pytest.mark.integration

RECEIVERS = '[[receiver]]\nname = "a"\nurl = "http://127.0.0.1:1/"'


def test_the_error_of_one_part_ends_all_and_is_told_as_it_is(fresh_kafka: str, migrated: Database) -> None:
    desk = Desk(fresh_kafka, migrated)

    def registered() -> bool:
        return query(migrated.owner_url, "SELECT name FROM ub.receiver") == [("a",)]

    def lose_a_table() -> None:
        wait_until(registered, "the start")
        with psycopg.connect(migrated.owner_url) as connection:
            connection.execute("DROP TABLE ub.receiver")
        desk.tell("one")

    async def work() -> None:
        receivers = parse(RECEIVERS, {}, "test")
        at_work = asyncio.create_task(run(desk.settings, receivers, lambda _lat, _lon: None, asyncio.Event()))
        await asyncio.to_thread(lose_a_table)
        await asyncio.wait_for(at_work, 30)

    with pytest.raises(MigrationError, match="urbanbrain migrate"):
        asyncio.run(work())
    desk.close()
