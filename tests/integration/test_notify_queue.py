"""The queue of notifications: two processes, what is kept back, chains of escalations, and rows of other versions."""

import asyncio
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree as ET

import msgspec
import psycopg
import pytest

from schemas import codec
from schemas.alerts import Alert, Severity
from streams.errors import ServiceUnavailable
from streams.notify import delivery
from streams.store import deliveries
from streams.store.notifications import Connection
from streams.store.session import Session
from tests.integration import store_rows as rows
from tests.integration.notify_support import Desk, Hook, Request, event, hook, notifying
from tests.integration.store_support import query, write
from tests.integration.test_notify import (
    INHIBIT,
    PATIENT,
    act,
    an_hour_passes,
    assign,
    end_silence,
    receiver,
    silence,
)
from tests.unit.notify import cap_rules
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

CAP = 'format = "cap"\nsender = "ub@city.example"\n'


def one_waits_for_another(desk: Desk, name: str) -> bool:
    """Return whether a delivery waits for the lock that the other process holds."""
    return bool(
        query(
            desk.database.owner_url,
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
            "AND application_name = %s",
            f"urbanbrain notify {name}",
        )
    )


def of(desk: Desk, name: str, reason: str) -> list[tuple[str, int, str]]:
    """Return alert, sequence and state of what is queued for a receiver and a reason."""
    return [(row[1], row[2], row[4]) for row in desk.states() if (row[0], row[3]) == (name, reason)]


# ------------------------------------------------------------------ two processes


def test_of_two_processes_the_one_that_waited_knows_what_the_other_told(desk: Desk) -> None:
    with hook() as to:
        to.answer = 503
        with notifying(desk, receiver("a", to)):
            desk.tell("one")
            desk.tell("one", "cleared")
            wait_until(lambda: len(desk.states()) == 2, "both in the queue")
        to.answer = 200
        to.free.clear()
        with notifying(desk, receiver("a", to, PATIENT)), notifying(desk, receiver("a", to, PATIENT)):
            wait_until(lambda: to.tried and one_waits_for_another(desk, "a"), "the second process")
            to.free.set()
            wait_until(lambda: {row[4] for row in desk.states()} <= {"delivered", "dropped"}, "both")
        assert to.ids == ["one/0", "one/1"]


def test_the_end_of_an_alert_waits_for_what_the_other_process_tells_after_a_silence(desk: Desk) -> None:
    silence(desk, 3600)
    with hook() as to:
        to.free.clear()
        with notifying(desk, receiver("a", to, PATIENT)), notifying(desk, receiver("a", to, PATIENT)):
            desk.tell("one")
            wait_until(lambda: ("one", 0, "silenced") in of(desk, "a", "event"), "the silence")
            end_silence(desk)
            wait_until(lambda: to.tried, "the end of the silence")
            desk.tell("one", "cleared", only_kafka=True)
            wait_until(lambda: len(desk.states()) == 2, "the end in the queue")
            wait_until(lambda: to.tried and one_waits_for_another(desk, "a"), "the second process")
            to.free.set()
            wait_until(lambda: {row[4] for row in desk.states()} <= {"delivered", "dropped"}, "both")
        assert to.ids == ["one/0", "one/1"]


def test_two_processes_give_a_receiver_the_time_that_it_asked_for(desk: Desk) -> None:
    with hook() as to:
        to.answer, to.headers = 429, {"Retry-After": "3"}
        with notifying(desk, receiver("a", to)), notifying(desk, receiver("a", to)):
            desk.tell("one")
            wait_until(lambda: [row[5] for row in desk.states()] == ["HTTP 429"], "the answer")
            to.answer = 200
            wait_until(lambda: to.ids == ["one/0"], "the next attempt")
    assert to.tried[1][0] - to.tried[0][0] >= 3


def test_a_process_that_waited_for_another_gives_a_receiver_the_time_that_it_asked_the_other_for(
    desk: Desk,
) -> None:
    with hook() as to:
        to.answer, to.headers = 429, {"Retry-After": "3"}
        to.free.clear()
        with notifying(desk, receiver("a", to, PATIENT)), notifying(desk, receiver("a", to, PATIENT)):
            desk.tell("one")
            wait_until(lambda: to.tried and one_waits_for_another(desk, "a"), "the second process")
            answered = time.monotonic()
            to.free.set()
            wait_until(lambda: [row[5] for row in desk.states()] == ["HTTP 429"], "the answer")
            to.answer = 200
            wait_until(lambda: to.ids == ["one/0"], "the next attempt")
    assert to.tried[1][0] - answered >= 3


def test_a_process_that_waited_for_another_knows_the_silence_that_began_meanwhile(desk: Desk) -> None:
    with hook() as to:
        to.free.clear()
        with notifying(desk, receiver("a", to, PATIENT)), notifying(desk, receiver("a", to, PATIENT)):
            desk.tell("one")
            wait_until(lambda: to.tried and one_waits_for_another(desk, "a"), "the second process")
            silence(desk, 3600)
            desk.tell("two", only_kafka=True)
            wait_until(lambda: len(of(desk, "a", "event")) == 2, "the second in the queue")
            to.free.set()
            wait_until(lambda: "pending" not in {row[4] for row in desk.states()}, "both")
    assert to.ids == ["one/0"]


def test_a_process_that_stands_still_keeps_a_receiver_from_the_others_for_a_time_only(desk: Desk) -> None:
    """As where its host lost power: the database would hear nothing of that for two hours."""
    locked, over = threading.Event(), threading.Event()

    async def stand_still() -> None:
        async with (
            Session(desk.database.writer_url, application_name="stands still") as session,
            session.transaction() as connection,
        ):
            assert await deliveries.may_send(connection, "a", timedelta(seconds=1))
            locked.set()
            await asyncio.to_thread(over.wait, 600)

    query(desk.database.owner_url, "INSERT INTO ub.receiver (name) VALUES ('a') RETURNING 1")

    def work() -> None:
        with suppress(ServiceUnavailable):
            asyncio.run(stand_still())

    other = threading.Thread(target=work, daemon=True)
    other.start()
    assert locked.wait(30)
    with hook() as to:
        try:
            with notifying(desk, receiver("a", to)):
                desk.tell("one")
                wait_until(lambda: to.ids == ["one/0"], "the message")
        finally:
            over.set()
            other.join(30)


def test_a_process_that_stood_still_goes_on(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_STANDS_STILL", timedelta(seconds=-9.5))
    with hook() as to, notifying(desk, receiver("a", to)):  # its timeout is 10 s
        to.free.clear()
        desk.tell("one")
        wait_until(lambda: to.tried, "an attempt")
        time.sleep(2)
        to.free.set()
        wait_until(lambda: [row[4] for row in desk.states()] == ["delivered"], "the second attempt")
    assert set(to.ids) == {"one/0"}


# ------------------------------------------------------------------ kept back


def test_what_is_kept_back_delays_nothing_however_much_of_it_there_is(desk: Desk) -> None:
    body = codec.encode(event("old", 0, "raised", "major")).decode()
    with psycopg.connect(desk.database.owner_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO ub.notification (receiver, alert_id, sequence, reason, state, body) "
            "SELECT 'a', 'old-' || i, 0, 'event', 'silenced', jsonb_set(%s, '{alert_id}', to_jsonb('old-' || i)) "
            "FROM generate_series(1, 3000) AS i",
            (body,),
        )
    silence(desk, 3600)
    desk.tell("fresh", "raised", "critical")
    not_looked_at = "SELECT count(*) FROM ub.notification WHERE state = 'silenced' AND note IS NULL"
    with hook() as to:
        to.free.clear()
        with notifying(desk, receiver("a", to, PATIENT)):
            wait_until(lambda: to.tried, "the fresh one")
            assert query(desk.database.owner_url, not_looked_at)[0][0] > 0
            to.free.set()
            wait_until(lambda: to.ids == ["fresh/0"], "its end")
    assert [name for _, name in to.tried] == ["fresh/0"]


def test_the_most_severe_is_told_first_and_of_one_alert_in_order(desk: Desk) -> None:
    with hook() as to:
        to.answer = 503
        with notifying(desk, receiver("a", to)):
            desk.tell("first", "raised", "minor", subject="a bike")
            wait_until(lambda: bool(to.tried), "an attempt")
            desk.tell("slight", "raised", "warning")
            desk.tell("grew", "raised", "warning")
            desk.tell("severe", "raised", "critical")
            desk.tell("grew", "updated", "critical")
            desk.tell("first", "cleared", "minor", subject="a bike")
            wait_until(lambda: len(desk.states()) == 6, "all in the queue")
            to.answer = 200
            wait_until(lambda: len(to.ids) == 6, "all told")
    assert to.ids == ["severe/0", "grew/0", "grew/1", "first/0", "first/1", "slight/0"]


@pytest.mark.parametrize("subject", [None, "a bike"])
def test_an_alert_ends_before_the_next_one_about_the_same_is_told(desk: Desk, subject: str | None) -> None:
    """Alertmanager knows both by the same labels: the end of the former, told later, would be that of the latter."""
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.tell("former", "raised", "warning", subject=subject)
        wait_until(lambda: to.ids == ["former/0"], "the first one")
        to.answer = 503
        desk.tell("former", "updated", "minor", subject=subject)
        wait_until(lambda: len(to.tried) > 1, "an attempt")
        desk.tell("former", "cleared", "minor", subject=subject)
        desk.tell("next", "raised", "critical", subject=subject)
        desk.tell("other", "raised", "major", subject="another bike")
        desk.tell("other", "cleared", "major", subject="another bike")
        wait_until(lambda: len(desk.states()) == 6, "all in the queue")
        to.answer = 200
        wait_until(lambda: len(to.ids) == 6, "all told")
    assert to.ids == ["former/0", "former/1", "former/2", "next/0", "other/0", "other/1"]


def silence_all(desk: Desk) -> None:
    query(
        desk.database.owner_url,
        "INSERT INTO ub.silence (silence_id, matchers, starts_at, ends_at, created_by, comment) VALUES "
        """('all', '[{"name": "kind", "value": "oversaturation"}]', now(), now() + interval '1 h', 'a', 'fair') """
        "RETURNING 1",
    )


def held(desk: Desk) -> int:
    return sum(row[4] == "silenced" for row in desk.states())


def test_after_a_silence_the_most_severe_is_told_first_and_of_those_the_oldest(desk: Desk) -> None:
    severities: tuple[Severity, ...] = ("minor", "warning", "major", "critical")
    silence_all(desk)
    with hook() as to, notifying(desk, receiver("a", to)):
        for number in range(8):
            desk.tell(f"{severities[number % 4]}-{number}", "raised", severities[number % 4])
            wait_until(lambda number=number: held(desk) == number + 1, "the silence")  # type: ignore[misc]
        end_silence(desk)
        wait_until(lambda: len(to.ids) == 8, "all told")
    assert to.ids == [
        *("critical-3/0", "critical-7/0", "major-2/0", "major-6/0"),
        *("minor-0/0", "minor-4/0", "warning-1/0", "warning-5/0"),
    ]


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> float:
    """What is kept back is looked at this often, in seconds."""
    monkeypatch.setattr(delivery, "_LOOK_AGAIN_S", 0.1)
    return delivery._LOOK_AGAIN_S


@pytest.fixture
def look(often: float, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Wait until all that is kept back from a receiver was looked at once more."""
    looks, held_back = Counter[str](), deliveries.held

    async def counted(connection: Connection, receiver: str) -> list[int]:
        looks[receiver] += 1
        return await held_back(connection, receiver)

    def wait(receiver: str) -> None:
        least = looks[receiver] + 2  # the second that begins from now on: the first is over then
        wait_until(lambda: looks[receiver] >= least, f"another look at what is kept back from {receiver}")

    monkeypatch.setattr(deliveries, "held", counted)
    return wait


def test_what_is_severe_and_was_silent_does_not_wait_behind_what_is_slight(desk: Desk, often: float) -> None:
    silence(desk, 3600)
    with hook() as to, notifying(desk, receiver("a", to, PATIENT)):
        desk.tell("silent")
        wait_until(lambda: held(desk) == 1, "the silence")
        to.free.clear()
        for number in range(30):
            desk.tell(f"slight-{number:02}", "raised", "warning", only_kafka=True)
        wait_until(lambda: len(desk.states()) == 31, "all in the queue")
        end_silence(desk)
        time.sleep(often)
        to.free.set()
        wait_until(lambda: len(to.ids) == 31, "all told")
    assert "silent/0" in to.ids[:5]


@pytest.mark.usefixtures("often")
def test_what_is_kept_back_is_not_written_again_and_again(desk: Desk) -> None:
    silence_all(desk)
    version = "SELECT xmin::text, ctid::text FROM ub.notification WHERE alert_id = 'silent'"
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.tell("silent", "raised", "major")
        desk.tell("heard", "raised", "minor")
        wait_until(lambda: held(desk) == 2, "the silence")
        before = query(desk.database.owner_url, version)
        query(
            desk.database.owner_url,
            """UPDATE ub.silence SET matchers = '[{"name": "severity", "value": "major"}]' RETURNING 1""",
        )
        wait_until(lambda: to.ids == ["heard/0"], "a look at all that is kept back")
        assert query(desk.database.owner_url, version) == before


def test_an_alert_that_a_receiver_trips_over_keeps_no_other_from_it(desk: Desk) -> None:
    with hook() as to:
        to.trips_over = frozenset({"bad/0"})
        with notifying(desk, receiver("a", to)):
            desk.tell("bad", "raised", "critical")
            desk.tell("bad", "updated", "critical")
            desk.tell("good", "raised", "minor")
            wait_until(lambda: to.ids == ["good/0"], "the other one", 60)
            tries = len(to.tried)
            wait_until(lambda: len(to.tried) > tries, "the next attempt")
            to.trips_over = frozenset()
            wait_until(lambda: len(to.ids) == 3, "the rest")
    assert to.ids == ["good/0", "bad/0", "bad/1"]


def test_what_is_no_longer_asked_for_when_a_silence_ends_is_not_told_as_it_was(desk: Desk) -> None:
    silence(desk, 3600)
    with hook() as to, notifying(desk, receiver("a", to, 'match = ["severity=major"]')):
        desk.tell("eased")
        wait_until(lambda: of(desk, "a", "event") == [("eased", 0, "silenced")], "the silence")
        desk.tell("eased", "updated", "minor")
        end_silence(desk)
        desk.tell("fresh")
        wait_until(lambda: "fresh/0" in to.ids, "the end of the silence")
        wait_until(lambda: "silenced" not in {row[4] for row in desk.states()}, "what was kept back")
    assert to.ids == ["fresh/0"]


def test_what_an_alert_was_is_not_repeated_before_what_it_became(desk: Desk) -> None:
    """Else a crash in between leaves a receiver that keeps ids with what was: it has had what became of it."""
    with hook() as to, notifying(desk, receiver("a", to, 'repeat_interval = "1s"')):
        desk.tell("one")
        wait_until(lambda: to.ids == ["one/0"], "the first")
        to.answer = 503
        desk.tell("one", "updated", "critical")
        wait_until(lambda: len(to.tried) > 1, "an attempt")
        due = "SELECT count(*) FROM ub.notification WHERE state = 'pending' AND due_at <= clock_timestamp()"
        wait_until(lambda: query(desk.database.owner_url, due) == [(2,)], "the repeat")
        to.answer = 200
        wait_until(lambda: len(to.ids) > 2, "what became of it, and its repeat")
    assert to.ids[1] == "one/1"
    assert to.ids[2].startswith("one/1/repeat/")


def test_what_an_alert_was_is_not_repeated_while_what_it_became_is_silent(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to, 'repeat_interval = "1s"')):
        desk.tell("one", "raised", "critical")
        wait_until(lambda: len(to.ids) >= 2, "a repeat")
        silence(desk, 3600)  # of what is major
        desk.tell("one", "updated", "major")
        held = ("a", "one", 0, "repeat", "silenced", "what became of the alert is kept back")
        wait_until(lambda: held in desk.states(), "quiet")
        end_silence(desk)
        wait_until(lambda: "one/1" in to.ids, "the end of the silence")
        wait_until(lambda: to.ids[-1].startswith("one/1/repeat"), "repeats of what it is")
        after = to.ids[to.ids.index("one/1") :]
        assert all(name.startswith("one/1") for name in after)


def test_alertmanager_is_told_again_under_a_silence_so_that_nothing_is_resolved_there(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to, 'format = "alertmanager"\nrepeat_interval = "1s"')):
        desk.tell("one")
        wait_until(lambda: to.ids[:1] == ["one/0"], "the first")
        silence(desk, 3600)
        before = len(to.taken)
        wait_until(lambda: len(to.taken) >= before + 3, "repeats")
        desk.tell("two")
        wait_until(lambda: ("two", 0, "silenced") in of(desk, "a", "event"), "the silence")


def test_a_repeat_that_is_refused_is_not_the_last_or_alertmanager_resolves_what_lasts(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to, 'format = "alertmanager"\nrepeat_interval = "1s"')):
        desk.tell("one")
        wait_until(lambda: to.ids[:1] == ["one/0"], "the first")
        to.answer = 413
        refused = len(to.tried)
        wait_until(lambda: len(to.tried) >= refused + 2, "repeats that are refused, one after the other")
        assert to.tried[-1][0] - to.tried[-2][0] >= 0.5  # once an interval, not at once
        to.answer = 200
        before = len(to.taken)
        wait_until(lambda: len(to.taken) > before, "the next repeat")


# ------------------------------------------------------------------ escalations


def test_escalations_go_on_until_somebody_acknowledges(desk: Desk) -> None:
    with hook() as duty, hook() as chief, hook() as mayor:
        file = receiver("duty", duty, 'escalate = {after = "1s", to = "chief"}')
        file += receiver("chief", chief, 'escalations_only = true\nescalate = {after = "1h", to = "mayor"}')
        file += receiver("mayor", mayor, "escalations_only = true")
        with notifying(desk, file):
            for name in ("seen", "unseen"):
                desk.tell(name)
            wait_until(lambda: len(chief.ids) == 2, "the chief")
            assert mayor.ids == []
            act(desk, "seen", "acknowledged")
            an_hour_passes(desk)
            wait_until(lambda: mayor.ids, "the mayor")
            wait_until(lambda: ("seen", 0, "silenced") in of(desk, "mayor", "escalation"), "the other")
    assert chief.ids == ["seen/0/escalation", "unseen/0/escalation"]
    assert mayor.ids == ["unseen/0/escalation"]


def test_who_hears_of_an_alert_when_a_silence_ends_has_as_long_as_ever_before_it_is_escalated(
    desk: Desk,
) -> None:
    silence(desk, 3600)
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "6s", to = "chief"}')
        file += receiver("chief", chief, "escalations_only = true")
        with notifying(desk, file):
            desk.tell("one")
            wait_until(lambda: of(desk, "chief", "escalation") == [("one", 0, "silenced")], "the silence")
            end_silence(desk)
            wait_until(lambda: chief.ids, "the escalation")
    assert duty.ids == ["one/0"]
    assert chief.ids == ["one/0/escalation"]
    assert chief.tried[0][0] - duty.tried[0][0] >= 5.5


def test_when_a_silence_ends_those_on_duty_hear_again_of_what_they_knew_before_it_is_escalated(
    desk: Desk,
) -> None:
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "10s", to = "chief"}')
        file += receiver("chief", chief, "escalations_only = true")
        with notifying(desk, file):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "the first")
            silence(desk, 3600)
            wait_until(lambda: of(desk, "chief", "escalation") == [("one", 0, "silenced")], "the silence")
            assert of(desk, "duty", "repeat") == [("one", 0, "silenced")]
            end_silence(desk)
            ended = time.monotonic()
            duty.answer = 503  # they are told though they cannot be at first
            wait_until(lambda: len(duty.tried) > 1, "an attempt")
            duty.answer = 200
            wait_until(lambda: chief.ids, "the escalation")
    assert len(duty.ids) == 2
    assert duty.ids[1].startswith("one/0/repeat/")
    assert duty.tried[1][0] < chief.tried[0][0]
    assert chief.ids == ["one/0/escalation"]
    assert chief.tried[0][0] - ended >= 9.5


def test_who_is_told_of_an_alert_again_after_a_silence_can_acknowledge_it_in_time(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'repeat_interval = "1h"\nescalate = {after = "8s", to = "chief"}')
        file += receiver("chief", chief, "escalations_only = true")
        with notifying(desk, file):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "the first")
            silence(desk, 3600)
            wait_until(lambda: of(desk, "chief", "escalation") == [("one", 0, "silenced")], "the silence")
            end_silence(desk)
            wait_until(lambda: len(duty.ids) == 2, "the reminder, long before the next repeat")
            act(desk, "one", "acknowledged")
            held = ("chief", "one", 0, "escalation", "silenced", "acknowledged by anna")
            wait_until(lambda: held in desk.states(), "the escalation that is not needed")
            act(desk, "one", "unacknowledged")
            wait_until(lambda: chief.ids == ["one/0/escalation"], "the escalation")
    assert len(duty.ids) == 2


def test_after_a_silence_the_next_of_a_chain_waits_for_who_comes_before_it(desk: Desk) -> None:
    """The mayor was not due yet when the silence ended, the chief was."""
    with hook() as duty, hook() as chief, hook() as mayor:
        file = receiver("duty", duty, 'escalate = {after = "8s", to = "chief"}')
        file += receiver("chief", chief, 'escalations_only = true\nescalate = {after = "6s", to = "mayor"}')
        file += receiver("mayor", mayor, "escalations_only = true")
        with notifying(desk, file):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "the first")
            silence(desk, 3600)
            wait_until(lambda: of(desk, "chief", "escalation") == [("one", 0, "silenced")], "the silence")
            end_silence(desk)
            chief.answer = (
                503  # it is no reason to go to the mayor at once that the chief cannot be told at first
            )
            wait_until(lambda: chief.tried, "an attempt")
            due = "SELECT due_at <= now() FROM ub.notification WHERE receiver = 'mayor'"
            assert query(desk.database.owner_url, due) == [(True,)]
            wait_until(lambda: len(chief.tried) > 1, "another attempt")
            chief.answer = 200
            wait_until(lambda: mayor.ids, "the mayor")
    assert chief.ids == mayor.ids == ["one/0/escalation"]
    assert mayor.tried[0][0] - chief.tried[0][0] >= 5.5


def chain(duty: Hook, chief: Hook, mayor: Hook) -> str:
    """Return a file in which each has ten minutes."""
    file = receiver("duty", duty, 'escalate = {after = "10m", to = "chief"}')
    file += receiver("chief", chief, 'escalations_only = true\nescalate = {after = "10m", to = "mayor"}')
    return file + receiver("mayor", mayor, "escalations_only = true")


def test_each_of_a_chain_has_its_time_though_notify_was_away_beyond_all_of_it(
    desk: Desk, look: Callable[[str], None]
) -> None:
    """The chief could not acknowledge what nobody had told the chief."""
    with hook() as duty, hook() as chief, hook() as mayor:
        with notifying(desk, chain(duty, chief, mayor)):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "the first")
        an_hour_passes(desk)
        with notifying(desk, chain(duty, chief, mayor)):
            wait_until(lambda: chief.ids == ["one/0/escalation"], "the chief")
            wait_until(
                lambda: of(desk, "mayor", "escalation") == [("one", 0, "silenced")], "the mayor's turn"
            )
            look("mayor")
            assert mayor.tried == []
            an_hour_passes(desk)
            wait_until(lambda: mayor.ids == ["one/0/escalation"], "the mayor")


def test_who_was_killed_before_it_told_anybody_tells_those_on_duty_first(
    desk: Desk, look: Callable[[str], None]
) -> None:
    with hook() as duty, hook() as chief, hook() as mayor:
        with notifying(desk, chain(duty, chief, mayor)):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "the first")
        untold = "state = 'pending', done_at = NULL, begun_at = NULL"
        query(
            desk.database.owner_url,
            f"UPDATE ub.notification SET {untold} WHERE receiver = 'duty' RETURNING 1",
        )
        an_hour_passes(desk)
        with notifying(desk, chain(duty, chief, mayor)):
            wait_until(lambda: len(duty.ids) == 2, "those on duty")
            for to in ("chief", "mayor"):
                wait_until(
                    lambda to=to: of(desk, to, "escalation") == [("one", 0, "silenced")],  # type: ignore[misc]
                    to,
                )
            look("chief")
            look("mayor")
            assert chief.tried == mayor.tried == []


def test_a_chain_goes_on_beyond_who_cannot_be_told(desk: Desk) -> None:
    with hook() as duty, hook() as chief, hook() as mayor:
        with notifying(desk, chain(duty, chief, mayor)):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "the first")
        an_hour_passes(desk)
        chief.answer = 503
        with notifying(desk, chain(duty, chief, mayor)):
            wait_until(lambda: mayor.ids == ["one/0/escalation"], "the mayor")
    assert chief.tried
    assert chief.ids == []


def test_what_those_on_duty_were_never_told_of_is_not_escalated_before_they_are(desk: Desk) -> None:
    silence(desk, 3600)
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'match = ["severity=major"]\nescalate = {after = "1s", to = "chief"}')
        file += receiver("chief", chief, "escalations_only = true")
        with notifying(desk, file):
            desk.tell("one")
            wait_until(lambda: of(desk, "chief", "escalation") == [("one", 0, "silenced")], "the silence")
            desk.tell("one", "updated", "minor")
            end_silence(desk)
            wait_until(lambda: ("one", 0, "dropped") in of(desk, "duty", "event"), "the end of the silence")
            looked_at = "SELECT note FROM ub.notification WHERE reason = 'escalation'"
            wait_until(lambda: "silence" not in query(desk.database.owner_url, looked_at)[0][0], "a look")
            assert duty.ids == chief.ids == []
            desk.tell("one", "updated", "major")
            wait_until(lambda: chief.ids, "the escalation")
    assert duty.ids == ["one/2"]
    assert chief.ids == ["one/0/escalation"]


def test_what_those_on_duty_refuse_is_escalated(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        duty.answer = 400
        file = receiver("duty", duty, 'escalate = {after = "1s", to = "chief"}')
        with notifying(desk, file + receiver("chief", chief, "escalations_only = true")):
            desk.tell("one")
            wait_until(lambda: chief.ids == ["one/0/escalation"], "the escalation")


@pytest.mark.parametrize("match", ["[]", '["severity=critical"]'])
def test_two_receivers_escalate_to_the_same_one_once_and_at_the_earlier_time(desk: Desk, match: str) -> None:
    """Of what becomes critical, one of them is told later, and with another event."""
    with hook() as slow, hook() as quick, hook() as chief:
        file = receiver("slow", slow, 'escalate = {after = "1h", to = "chief"}')
        file += receiver("quick", quick, f'match = {match}\nescalate = {{after = "1s", to = "chief"}}')
        file += receiver("chief", chief, "escalations_only = true")
        with notifying(desk, file):
            desk.tell("one")
            wait_until(lambda: slow.ids == ["one/0"], "the beginning")
            desk.tell("one", "updated", "critical")
            wait_until(lambda: chief.ids[:1] == ["one/0/escalation"], "the escalation")
            assert len(of(desk, "chief", "escalation")) == 1
            desk.tell("one", "cleared")
            wait_until(lambda: "one/2" in chief.ids, "the end")
    assert [name for name in chief.ids if name.endswith("escalation")] == ["one/0/escalation"]


def test_an_update_that_comes_while_an_escalation_is_under_way_is_told_after_it(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "1s", to = "chief"}')
        file += receiver("chief", chief, f"escalations_only = true\n{PATIENT}")
        chief.free.clear()
        with notifying(desk, file):
            desk.tell("one")
            wait_until(lambda: chief.tried, "the escalation")
            desk.tell("one", "updated", "critical")
            wait_until(lambda: duty.ids == ["one/0", "one/1"], "the update")
            chief.free.set()
            wait_until(lambda: chief.ids == ["one/0/escalation", "one/1"], "the update")


@pytest.mark.parametrize("more", ["", "escalations_only = true"])
def test_who_was_away_hears_of_an_escalation_after_what_happened_before(desk: Desk, more: str) -> None:
    """The escalation says how the alert is by then; told first, what it was in between would come after it."""
    with hook() as duty, hook() as chief:
        chief.answer = 503
        file = receiver("duty", duty, 'escalate = {after = "1s", to = "chief"}')
        with notifying(desk, file + receiver("chief", chief, more)):
            desk.tell("one")
            wait_until(
                lambda: "one/0/escalation" in {name for _, name in chief.tried} or not more, "an attempt"
            )
            due = "SELECT due_at <= now() FROM ub.notification WHERE reason = 'escalation'"
            wait_until(lambda: query(desk.database.owner_url, due) == [(True,)], "the escalation")
            desk.tell("one", "updated", "critical")
            desk.tell("one", "updated", "minor")
            wait_until(lambda: "one/2" in duty.ids, "what it became")
            chief.answer = 200
            wait_until(lambda: "one/0/escalation" in chief.ids, "the escalation")
            desk.tell("one", "cleared")
            wait_until(lambda: "one/3" in chief.ids, "the end")
    told = [request.json["data"]["sequence"] for request in chief.taken]
    assert told == sorted(told), "of one alert, in order"
    assert chief.ids == ([] if more else ["one/0", "one/1", "one/2"]) + ["one/0/escalation", "one/3"]


def test_what_is_overdue_is_told_once_though_two_receivers_escalate_to_the_same_one(desk: Desk) -> None:
    with hook() as every, hook() as critical, hook() as chief:
        more = 'escalate = {after = "1h", to = "chief"}'
        file = receiver("every", every, more)
        file += receiver("critical", critical, f'match = ["severity=critical"]\n{more}')
        file += receiver("chief", chief, "escalations_only = true")
        with notifying(desk, file):
            desk.tell("one", "raised", "minor")
            desk.tell("one", "updated", "critical")
            wait_until(lambda: len(every.ids) == 2 and len(critical.ids) == 1, "both receivers")
            assign(desk, "one", 1)
            wait_until(lambda: chief.ids, "the chief")
            assert len(of(desk, "chief", "overdue")) == 1  # all are queued in one transaction
            desk.tell("one", "cleared")
            wait_until(lambda: "one/2" in chief.ids, "the end")
    assert [name.split("/")[2] for name in chief.ids[:-1]] == ["overdue"]


def test_what_is_repeated_after_an_escalation_says_what_that_said(desk: Desk) -> None:
    """It has the number of the first event, which was repeated until then, and says how the alert is by now."""
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "1h", to = "chief"}')
        with notifying(desk, file + receiver("chief", chief, 'repeat_interval = "1s"')):
            desk.tell("one")
            wait_until(lambda: len(chief.ids) >= 2, "the event, and a repeat")
            chief.answer = 400
            desk.tell("one", "updated", "critical")
            refused = (
                "SELECT FROM ub.notification WHERE receiver = 'chief' AND sequence = 1 AND state = 'dropped'"
            )
            wait_until(lambda: query(desk.database.owner_url, refused), "what it does not take")
            chief.answer = 200
            an_hour_passes(desk)
            wait_until(lambda: "one/0/escalation" in chief.ids, "the escalation")
            after = chief.ids.index("one/0/escalation") + 1
            wait_until(lambda: len(chief.taken) >= after + 2, "repeats of it")
    assert {request.json["data"]["sequence"] for request in chief.taken[after:]} == {1}


def test_what_is_overdue_is_told_to_the_next_of_a_chain_only(desk: Desk) -> None:
    with hook() as duty, hook() as chief, hook() as mayor:
        only = "escalations_only = true"
        chain = 'escalate = {after = "1h", to = "%s"}'
        file = receiver("mayor", mayor, only) + receiver("chief", chief, f"{only}\n{chain % 'mayor'}")
        with notifying(desk, file + receiver("duty", duty, chain % "chief")):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "those on duty")
            assign(desk, "one", 1)
            wait_until(lambda: chief.ids, "the chief")
            looked = len(chief.ids)
            assign(desk, "one", 1)  # and late once more
            wait_until(lambda: len(chief.ids) > looked, "the chief again")
    assert {name.split("/")[2] for name in chief.ids} == {"overdue"}
    assert mayor.ids == []
    assert of(desk, "mayor", "overdue") == []


def test_who_was_told_by_an_escalation_is_not_told_what_was_before_when_the_log_is_read_again(
    desk: Desk,
) -> None:
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "1h", to = "chief"}')
        file += receiver("chief", chief, "escalations_only = true")
        with notifying(desk, file):
            desk.tell("one")
            before = [desk.tell("one", "updated", severity) for severity in ("critical", "minor")]
            wait_until(lambda: "one/2" in duty.ids, "those on duty")
            an_hour_passes(desk)
            wait_until(lambda: chief.ids == ["one/0/escalation"], "the escalation")
            assert chief.taken[0].json["data"]["severity"] == "minor"
            for alert in before:
                desk.send(alert)
            desk.tell("one", "updated", "major")
            wait_until(lambda: "one/3" in chief.ids, "what came then")
    assert chief.ids == ["one/0/escalation", "one/3"]


# ------------------------------------------------------------------ CAP


def cap(request: Request) -> ET.Element:
    return cap_rules.check(request.body)


def sent_in_cap(alert: Alert) -> str:
    return f"{datetime.fromtimestamp(alert.updated_at / 1000, UTC):%Y-%m-%dT%H:%M:%S}-00:00"


def named(request: Request) -> str:
    """Return a message of CAP as others refer to it."""
    return ",".join(cap_rules.text(cap(request), name) for name in ("sender", "identifier", "sent"))


def test_a_repeat_in_cap_is_the_same_message_again_and_the_end_names_all_that_was_sent(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to, f'{CAP}repeat_interval = "1s"')):
        desk.tell("one")
        wait_until(lambda: len(to.ids) >= 3, "repeats")
        desk.tell("one", "updated", "critical")
        wait_until(lambda: sum(name.startswith("one/1") for name in to.ids) >= 2, "repeats of the update")
        desk.tell("one", "cleared")
        wait_until(lambda: to.ids[-1] == "one/2", "the end")
    sent = list(dict.fromkeys(map(named, to.taken[:-1])))
    assert len(sent) == 2
    for part, kind in ((to.taken[:-1], {"Alert", "Update"}), (to.taken[-1:], {"Cancel"})):
        assert {cap_rules.text(cap(request), "msgType") for request in part} == kind
    assert len({request.body for request in to.taken}) == 3
    assert cap_rules.text(cap(to.taken[-1]), "references").split() == sent


def test_what_follows_in_cap_names_an_escalation_that_may_have_arrived_as_it_was_sent(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        chief.answer = None
        file = receiver("duty", duty, 'escalate = {after = "3s", to = "chief"}')
        file += receiver("chief", chief, CAP + 'escalations_only = true\ntimeout = "1s"')
        with notifying(desk, file):
            desk.tell("one")
            sent_as = desk.tell("one", "updated")
            wait_until(lambda: chief.tried, "an escalation without an answer")
            desk.tell("one", "updated", "critical")
            wait_until(lambda: ("one", 2, "pending") in of(desk, "chief", "event"), "what follows")
            chief.answer = 200
            wait_until(lambda: "one/2" in chief.ids, "what follows")
    references = cap(chief.taken[chief.ids.index("one/2")]).findtext(f"{cap_rules.NAMESPACE}references") or ""
    assert references == f"ub@city.example,one.0.escalation,{sent_in_cap(sent_as)}"


def test_the_end_in_cap_names_each_time_that_an_alert_was_overdue_as_it_was_sent(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "1h", to = "chief"}')
        file += receiver("chief", chief, f"escalations_only = true\n{CAP}")
        with notifying(desk, file):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "the beginning")
            assign(desk, "one", 1)
            wait_until(lambda: len(chief.ids) == 1, "overdue")
            desk.tell("one", "updated", "critical")
            wait_until(lambda: chief.ids[1:] == ["one/1"], "the update")
            assign(desk, "one", 1)
            wait_until(lambda: len(chief.ids) == 3, "overdue again")
            desk.tell("one", "cleared")
            wait_until(lambda: len(chief.ids) == 4, "the end")
    *sent, end = chief.taken
    assert len({cap_rules.text(cap(request), "sent") for request in sent}) == 2
    assert cap_rules.text(cap(end), "references").split() == list(map(named, sent))


# ------------------------------------------------------------------ what was there before


def test_a_new_receiver_hears_of_an_alert_as_it_is_and_not_of_what_was_before(desk: Desk) -> None:
    desk.tell("one", "raised", "minor")
    desk.tell("one", "updated", "critical")
    desk.tell("next")  # the last record of the same partition
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.tell("next", "updated", "critical")
        wait_until(lambda: {"one/1", "next/1"} <= set(to.ids), "what is open, and what came then")
    assert [name for name in to.ids if name.startswith("one")] == ["one/1"]
    assert [row[2] for row in desk.states() if row[1] == "one"] == [1]


def test_a_receiver_that_is_put_back_hears_what_is_open_and_of_the_end_of_what_it_knew(desk: Desk) -> None:
    with hook() as to, hook() as stays:
        always = receiver("stays", stays)
        both = receiver("a", to) + always
        with notifying(desk, both):
            for name in ("same", "worse"):
                desk.tell(name)
            desk.tell("over", subject="a bike")
            wait_until(lambda: len(to.ids) == len(stays.ids) == 3, "what it knows")
        with notifying(desk, always):
            desk.tell("new")
            desk.tell("worse", "updated", "critical")
            desk.tell("over", "cleared", subject="a bike")
            desk.tell("brief")
            desk.tell("brief", "cleared")
            wait_until(lambda: len(stays.ids) == 8, "what it misses")
        with notifying(desk, both):
            wait_until(lambda: len(to.ids) == 6, "what is open")
        with notifying(desk, both):  # once, and not at each start
            desk.tell("same", "updated")
            wait_until(lambda: len(to.ids) == 7, "what comes")
    assert to.ids[3] == "worse/1"
    assert sorted(to.ids[3:]) == ["new/0", "over/1", "same/1", "worse/1"]


def test_the_end_that_a_receiver_missed_is_told_though_the_events_are_not_kept_any_more(desk: Desk) -> None:
    with hook() as to, hook() as stays:
        with notifying(desk, receiver("a", to)):
            desk.tell("over")
            wait_until(lambda: to.ids == ["over/0"], "what it knows")
        with notifying(desk, receiver("stays", stays)):
            wait_until(lambda: stays.ids == ["over/0"], "the other one")
            known = desk.tell("over", "cleared")
            wait_until(lambda: stays.ids == ["over/0", "over/1"], "the end")
        query(desk.database.owner_url, "DELETE FROM ub.alert_event RETURNING 1")
        evidence = codec.encode(known.evidence).decode()
        query(desk.database.owner_url, "UPDATE ub.alert SET evidence = %s::jsonb RETURNING 1", evidence)
        with notifying(desk, receiver("a", to)):
            wait_until(lambda: to.ids == ["over/0", "over/1"], "the end")
    data = to.taken[1].json["data"]
    assert (data["action"], data["status"], data["ends_at"]) == ("cleared", "cleared", known.ends_at)


def test_who_starts_waits_for_no_receiver_that_is_not_in_the_file_any_more(desk: Desk) -> None:
    with hook() as to, hook() as stays:
        to.free.clear()
        with notifying(desk, receiver("a", to, PATIENT)):
            desk.tell("one")
            wait_until(lambda: to.tried, "an attempt")
            with notifying(desk, receiver("stays", stays)):
                wait_until(lambda: stays.ids == ["one/0"], "the other one")
                to.free.set()


def test_an_open_alert_of_another_version_keeps_nothing_from_anybody(desk: Desk) -> None:
    body = codec.encode(event("strange", 0, "raised", "critical")).decode()
    strange = body.replace('"oversaturation"', '"of_the_future"')
    desk.tell("one")
    write(
        desk.database,
        *rows.alert("raised", 0, rows.T0, alert_id="strange", severity="critical", body=strange),
        stage="incidents",
    )
    with hook() as to, notifying(desk, receiver("a", to) + INHIBIT):
        wait_until(lambda: to.ids == ["one/0"], "what is open")
        desk.tell("two")
        wait_until(lambda: to.ids == ["one/0", "two/0"], "what came then")


def test_an_open_alert_whose_events_are_not_kept_any_more_is_told_and_keeps_others_back(desk: Desk) -> None:
    known = event("long", 3, "updated", "critical")
    row, _ = rows.alert(
        "updated",
        3,
        known.updated_at,
        alert_id="long",
        severity="critical",
        region=known.region,
        summary=known.summary,
        evidence=codec.encode(known.evidence).decode(),
    )
    write(desk.database, row, rows.geometry(), stage="incidents")
    with hook() as to, notifying(desk, receiver("a", to) + INHIBIT):
        wait_until(lambda: to.ids == ["long/3"], "what is open")
        assert to.taken[0].json["data"] == msgspec.to_builtins(known)
        desk.tell("follows")
        wait_until(lambda: ("follows", 0, "silenced") in of(desk, "a", "event"), "what follows from it")


def test_an_alert_whose_id_no_index_can_hold_stops_no_other(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.put(codec.encode(event(secrets.token_hex(6_000), 0, "raised")))
        desk.tell("good")
        wait_until(lambda: to.ids == ["good/0"], "the next")


# ------------------------------------------------------------------ retention


def test_the_end_of_an_alert_that_lasted_longer_than_notifications_are_kept_is_told(desk: Desk) -> None:
    """It ended while nobody was there; who starts forgets what is old, and reads what has come."""
    long_ago = "UPDATE ub.notification SET queued_at = now() - interval '1 year' RETURNING 1"
    with hook() as to:
        with notifying(desk, receiver("a", to)):
            desk.tell("one")
            wait_until(lambda: to.ids == ["one/0"], "the beginning")
        query(desk.database.owner_url, long_ago)
        desk.tell("one", "cleared")
        to.answer = 503
        with notifying(desk, receiver("a", to)):
            wait_until(lambda: ("one", 1, "pending") in of(desk, "a", "event"), "the end in the queue")
        to.answer = 200
        with notifying(desk, receiver("a", to)):
            wait_until(lambda: "one/1" in to.ids, "the end")
        query(desk.database.owner_url, long_ago)
        with notifying(desk, receiver("a", to)):
            wait_until(lambda: desk.states() == [], "what is over and old goes")
