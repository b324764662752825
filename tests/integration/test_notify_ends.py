"""What `urbanbrain notify` ends with when one of its parts cannot go on."""

import asyncio
import time

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from streams.errors import MigrationError
from streams.notify import service
from streams.notify.receivers import parse
from streams.notify.service import run
from tests.conftest import Database
from tests.integration.notify_support import Desk, hook, notifying
from tests.integration.store_support import query
from tests.waiting import wait_until

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
        await asyncio.wait_for(at_work, 60)

    with pytest.raises(MigrationError, match="urbanbrain migrate"):
        asyncio.run(work())
    desk.close()


def test_the_end_that_is_asked_for_while_the_database_is_away_does_not_wait_for_it(
    fresh_kafka: str, migrated: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_FORGET_S", 0.1)
    desk = Desk(fresh_kafka, migrated)
    elsewhere = make_conninfo(migrated.owner_url, dbname="postgres")
    gone, back = (f'ALTER DATABASE "{migrated.name}" ALLOW_CONNECTIONS {word}' for word in ("false", "true"))
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        try:
            with hook() as to, notifying(desk, f'[[receiver]]\nname = "a"\nurl = "{to.url}"'):
                desk.tell("one")
                wait_until(lambda: to.ids == ["one/0"], "the first")
                connection.execute(gone.encode())
                connection.execute(cut, (migrated.name,))
                time.sleep(1)
        finally:
            connection.execute(back.encode())
    desk.close()


def test_the_end_that_is_asked_for_while_receivers_are_met_does_not_wait_for_that(
    fresh_kafka: str, migrated: Database
) -> None:
    """After a year it takes minutes to find out what those that are back have missed."""
    desk, stop = Desk(fresh_kafka, migrated), asyncio.Event()

    def meeting() -> bool:
        waiting = "SELECT FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
        return query(migrated.owner_url, waiting, migrated.name) != []

    async def work() -> None:
        at_work = asyncio.create_task(
            run(desk.settings, parse(RECEIVERS, {}, "test"), lambda _lat, _lon: None, stop)
        )
        await asyncio.to_thread(wait_until, meeting, "receivers that are met")
        stop.set()
        await asyncio.wait_for(at_work, 60)

    with psycopg.connect(migrated.owner_url) as connection:
        connection.execute("LOCK TABLE ub.alert")
        asyncio.run(work())
    assert query(migrated.owner_url, "SELECT name FROM ub.receiver") == [], "it is met by the next one"
    desk.close()
