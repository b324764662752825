"""What `notify` asks the database before each message: little, however many silences and alerts there are."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import psycopg
import pytest
from psycopg import AsyncConnection

from schemas import codec
from streams.alerts.matchers import Labels, Matcher
from streams.alerts.silences import Silence, stored
from streams.notify.intake import Intake
from streams.notify.receivers import parse
from streams.notify.service import _look_for_overdue
from streams.notify.silences_now import SilencesNow
from streams.retry import Waiting
from streams.settings import Settings
from streams.store import alert_desk, deliveries, notifications, queries
from streams.store.session import Session
from tests.conftest import Database
from tests.integration import store_rows as rows
from tests.integration.notify_support import event
from tests.integration.store_rows import T0
from tests.integration.store_support import query, rows_read, write

pytestmark = pytest.mark.integration

HARBOUR: Labels = {"zone": ("harbour",)}


def silence(database: Database, value: str = "harbour", label: str = "zone", *, is_equal: bool = True) -> str:
    now = datetime.now(UTC)
    with queries.connect(database.writer_url, read_only=False) as connection:
        return alert_desk.add_silence(
            connection,
            matchers=stored([Matcher(label, value, is_equal=is_equal)]),
            starts_at=now,
            ends_at=now + timedelta(hours=1),
            created_by="anna",
            comment="fair",
        )


def expire(database: Database, silence_id: str) -> None:
    with queries.connect(database.writer_url, read_only=False) as connection:
        alert_desk.expire_silences(connection, [silence_id])


def with_connection(database: Database, play: Callable[[AsyncConnection[Any]], Awaitable[None]]) -> None:
    async def run() -> None:
        async with await AsyncConnection.connect(database.writer_url, autocommit=True) as connection:
            await play(connection)

    asyncio.run(run())


def test_silences_are_read_again_once_one_was_made_or_ended_and_not_before(migrated: Database) -> None:
    async def play(connection: AsyncConnection[Any]) -> None:
        silences = SilencesNow(districts=False)

        async def longest() -> Silence | None:
            return (await silences.read(connection)).by(HARBOUR)

        assert await longest() is None
        first = silence(migrated)
        found = await longest()
        assert found is not None
        assert found.silence_id == first
        assert await longest() is found  # and not another one like it, read anew
        silence(migrated, "elsewhere")
        expire(migrated, first)
        assert await longest() is None

    with_connection(migrated, play)


def test_a_silence_that_was_changed_by_hand_holds_as_it_is_now(migrated: Database) -> None:
    async def play(connection: AsyncConnection[Any]) -> None:
        silences = SilencesNow(districts=False)
        silence(migrated, "elsewhere")
        assert (await silences.read(connection)).by(HARBOUR) is None
        query(
            migrated.owner_url,
            """UPDATE ub.silence SET matchers = '[{"name": "zone", "value": "harbour"}]' RETURNING 1""",
        )
        assert (await silences.read(connection)).by(HARBOUR) is not None

    with_connection(migrated, play)


def test_a_silence_that_asks_for_districts_keeps_nothing_back_where_they_are_not_known(
    migrated: Database,
) -> None:
    async def play(connection: AsyncConnection[Any]) -> None:
        silence(migrated, "Pudong", label="district", is_equal=False)
        assert (await SilencesNow(districts=False).read(connection)).by(HARBOUR) is None
        assert (await SilencesNow(districts=True).read(connection)).by(HARBOUR) is not None

    with_connection(migrated, play)


@dataclass
class Counting:
    """A session that notes what it is asked."""

    session: Session
    asked: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        async with self.session.transaction() as connection:
            yield _Noting(connection, self.asked)


@dataclass
class _Noting:
    connection: AsyncConnection[Any]
    asked: list[str]

    async def execute(self, statement: str, *parameters: Any) -> Any:
        self.asked.append(statement)
        return await self.connection.execute(statement.encode(), *parameters)


def test_one_question_says_that_nothing_is_overdue_however_many_receivers_escalate(
    migrated: Database,
) -> None:
    write(migrated, *rows.alert("raised", 0, T0), stage="incidents")
    with queries.connect(migrated.writer_url, read_only=False) as connection:
        alert_desk.act(connection, "a1", "assigned", by="anna", assignee="bob")
    named = ("a", "b", "c", "d")
    document = "".join(
        f'[[receiver]]\nname = "{name}"\nurl = "https://a.example/hook"\n'
        + (f'escalate = {{after = "15m", to = "{to}"}}\n' if to else "")
        for name, to in zip(named, (*named[1:], ""), strict=True)
    )
    receivers = parse(document, {}, "test")
    stop = asyncio.Event()

    async def look() -> list[str]:
        async with Session(migrated.writer_url, application_name="test") as session:
            counting = Counting(session)
            await _look_for_overdue(cast("Session", counting), receivers, lambda: None, stop, Waiting())
            return counting.asked

    assert len(asyncio.run(look())) == 1


def test_an_event_is_queued_for_all_receivers_by_one_statement(migrated: Database) -> None:
    """Of thousands of alerts at once, and dozens of receivers, one by one took minutes."""
    document = "".join(
        f'[[receiver]]\nname = "r{n}"\nurl = "https://a.example/hook"\nmatch = ["severity={severity}"]\n'
        for n, severity in enumerate(("major", "minor", "major", "critical"))
    )
    receivers = parse(document, {}, "test")
    raised = event("a1", 0, "raised")

    async def queue() -> list[str]:
        async with Session(migrated.writer_url, application_name="test") as session:
            counting = Counting(session)
            intake = Intake(
                Settings(),
                receivers,
                session,
                lambda _lat, _lon: None,
                asyncio.Event(),
                lambda: None,
                Waiting(),
            )
            async with counting.transaction() as connection:
                await intake._queue(connection, receivers, raised, codec.encode(raised))
            return counting.asked

    assert len(asyncio.run(queue())) == 1
    assert query(migrated.owner_url, "SELECT receiver FROM ub.notification ORDER BY 1") == [("r0",), ("r2",)]


def test_of_many_open_alerts_those_that_are_late_are_overdue(migrated: Database) -> None:
    for alert_id in ("never due", "late", "given more time", "over"):
        write(migrated, *rows.alert("raised", 0, T0, alert_id=alert_id), stage="incidents")
    late, in_time = datetime.now(UTC) - timedelta(minutes=1), datetime.now(UTC) + timedelta(hours=1)
    with queries.connect(migrated.writer_url, read_only=False) as connection:
        for alert_id, due_at in (
            ("late", late),
            ("given more time", late),
            ("given more time", in_time),
            ("over", late),
        ):
            alert_desk.act(connection, alert_id, "assigned", by="anna", assignee="bob", due_at=due_at)
    write(migrated, *rows.alert("cleared", 1, T0 + 1, alert_id="over"), stage="incidents")

    async def play(connection: AsyncConnection[Any]) -> None:
        assert await notifications.overdue(connection) == ["late"]

    with_connection(migrated, play)


@pytest.mark.parametrize(("minutes", "early"), [(0, True), (9, True), (11, False), (120, False)])
def test_who_is_slow_keeps_those_after_it_in_a_chain_waiting_no_longer_than_it_has_time(
    migrated: Database, minutes: int, early: bool
) -> None:
    """The first in the chain was to be told an hour ago: `notify` was away then, or there is much before it."""
    query(migrated.owner_url, "INSERT INTO ub.receiver (name) VALUES ('duty') RETURNING 1")
    ((number,),) = query(
        migrated.owner_url,
        "WITH queued AS (INSERT INTO ub.notification (receiver, alert_id, sequence, reason, state, body, due_at) "
        "VALUES ('duty', 'one', 0, 'event', 'pending', '{}', now() - interval '1 h'), "
        "('chief', 'one', 0, 'escalation', 'pending', '{}', now()) RETURNING number, reason) "
        "SELECT number FROM queued WHERE reason = 'escalation'",
    )

    async def play(on: AsyncConnection[Any]) -> None:
        after = {"duty": timedelta(minutes=10)}
        (due,) = await deliveries.due(on, [number], after, timedelta(minutes=minutes))
        assert due.early is early

    with_connection(migrated, play)


@pytest.mark.parametrize(
    ("state", "kept", "said"),
    [
        ("silenced", False, "silenced"),
        ("pending", True, "silenced"),
        ("delivered", True, "delivered"),
        ("dropped", True, "dropped"),
    ],
)
def test_what_another_process_let_go_and_told_meanwhile_is_not_taken_for_kept_back(
    migrated: Database, state: str, kept: bool, said: str
) -> None:
    """Who walks through what is kept back, a hundred at a time, would keep it back again, and tell it twice."""
    ((number,),) = query(
        migrated.owner_url,
        "INSERT INTO ub.notification (receiver, alert_id, sequence, reason, state, kept, body) "
        f"VALUES ('duty', 'one', 0, 'event', '{state}', {kept}, '{{}}') RETURNING number",
    )

    async def play(on: AsyncConnection[Any]) -> None:
        (due,) = await deliveries.due(on, [number], {}, timedelta())
        assert due.state == said

    with_connection(migrated, play)


@pytest.mark.parametrize(
    ("state", "told_after", "attempts", "paused", "back_since", "early"),
    [
        ("delivered", "1 m 30 s", 0, False, "1 s", True),  # we were away when it was its turn
        ("delivered", "30 s", 0, False, "1 s", False),
        ("delivered", "1 m 30 s", 0, False, "2 h", False),  # we were not
        ("pending", None, 0, False, "1 s", True),
        ("pending", None, 1, False, "1 s", False),  # it was tried in vain
        ("pending", None, 0, True, "1 s", False),  # its receiver cannot be reached
        ("dropped", None, 0, True, "1 s", True),  # as before: it was told to nobody
    ],
)
def test_only_who_was_told_late_as_we_were_away_has_its_time_anew(
    migrated: Database,
    state: str,
    told_after: str | None,
    attempts: int,
    paused: bool,
    back_since: str,
    early: bool,
) -> None:
    """Who escalates after ten minutes was to be told ten minutes and twenty seconds ago."""
    until = "now() + interval '1 h'" if paused else "NULL"
    query(
        migrated.owner_url, f"INSERT INTO ub.receiver (name, not_before) VALUES ('duty', {until}) RETURNING 1"
    )
    then = "now() - interval '10 m 20 s'"
    done = f"{then} + interval '{told_after}'" if told_after else "NULL"
    ((number,),) = query(
        migrated.owner_url,
        "WITH queued AS (INSERT INTO ub.notification "
        "(receiver, alert_id, sequence, reason, state, attempts, body, due_at, done_at) VALUES "
        f"('duty', 'one', 0, 'event', '{state}', {attempts}, '{{}}', {then}, {done}), "
        "('chief', 'one', 0, 'escalation', 'pending', 0, '{}', now(), NULL) RETURNING number, reason) "
        "SELECT number FROM queued WHERE reason = 'escalation'",
    )
    at_work = {"1 s": timedelta(seconds=1), "2 h": timedelta(hours=2)}[back_since]

    async def play(on: AsyncConnection[Any]) -> None:
        (due,) = await deliveries.due(on, [number], {"duty": timedelta(minutes=10)}, at_work)
        assert due.early is early

    with_connection(migrated, play)


@pytest.mark.parametrize(
    ("reason", "said"), [("event", "pending"), ("escalation", "silenced"), ("repeat", "silenced")]
)
def test_a_reminder_that_failed_is_still_one(migrated: Database, reason: str, said: str) -> None:
    """Otherwise it would be dropped as a repeat that the file does not ask for. An event is told by itself now."""
    query(migrated.owner_url, "INSERT INTO ub.receiver (name) VALUES ('duty') RETURNING 1")
    ((number,),) = query(
        migrated.owner_url,
        "INSERT INTO ub.notification (receiver, alert_id, sequence, reason, state, kept, body) "
        f"VALUES ('duty', 'one', 0, '{reason}', 'pending', true, '{{}}') RETURNING number",
    )

    async def play(on: AsyncConnection[Any]) -> None:
        (due,) = await deliveries.due(on, [number], {}, timedelta())
        assert due.state == "silenced"
        await deliveries.failed(on, due, "duty", "503", timedelta())
        (due,) = await deliveries.due(on, [number], {}, timedelta())
        assert (due.state, due.attempts) == (said, 1)

    with_connection(migrated, play)


def fill_the_queue(connection: psycopg.Connection[Any], waiting: int) -> None:
    """What was told over months, as statistics know it; and thousands that wait since a moment ago: they do not."""
    connection.execute("ALTER TABLE ub.notification SET (autovacuum_enabled = false)")
    for state, many in (("delivered", 5 * waiting), ("pending", waiting)):
        connection.execute(
            "INSERT INTO ub.notification (receiver, alert_id, sequence, reason, state, body) "
            "SELECT 'a', %s || n, 0, r, %s, '{}' FROM generate_series(1, %s) n, unnest('{event,escalation}'::text[]) r",
            (state, state, many),
        )
        if state == "delivered":
            connection.execute("ANALYZE ub.notification")


@pytest.mark.parametrize("what", ["the next", "an escalation", "a reminder", "the end of a silence"])
def test_after_a_mass_event_few_of_those_that_wait_are_looked_at_for_each_message(
    migrated: Database, what: str
) -> None:
    with queries.connect(migrated.owner_url, read_only=False) as connection:
        fill_the_queue(connection, waiting=2_000)
        told = "SELECT number FROM ub.notification WHERE alert_id = 'delivered7' AND reason = 'escalation'"
        ((number,),) = query(migrated.owner_url, told)
        if what == "the end of a silence":
            held = "UPDATE ub.notification SET state = 'silenced', kept = true WHERE number = %s RETURNING 1"
            query(migrated.owner_url, held, number)

        async def play(on: AsyncConnection[Any]) -> None:
            if what == "the next":
                assert await deliveries.next_due(on, "a", {}, timedelta(), [], (0, 0)) is not None
            elif what == "a reminder":
                assert await deliveries.remind(on, [number], ["a"], "silence")
            elif what == "the end of a silence":
                await deliveries.release(on, [number], {"a": timedelta(minutes=15)})
            else:
                await notifications.escalate(
                    on, receiver="a", alert_id="pending7", sequence=0, body=b"{}", after=timedelta(minutes=15)
                )
            await on.execute("SELECT pg_stat_force_next_flush()")

        assert rows_read(connection, lambda: with_connection(migrated, play), "ub.notification") < 100
