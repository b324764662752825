"""The file of receivers is another one than at the last start: it counts for what is open, too."""

import pytest

from tests.integration.notify_support import Desk, hook, notifying
from tests.integration.store_support import query
from tests.integration.test_notify import an_hour_passes, assign, end_silence, receiver, silence
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

CRITICAL = 'match = ["severity=critical"]'
WAITS = {"one": "silenced", "known": "delivered"}


def test_who_asks_for_more_is_told_what_is_open_of_it_and_of_its_end(desk: Desk) -> None:
    with hook() as to:
        with notifying(desk, receiver("a", to, CRITICAL)):
            desk.tell("over", "raised", "major")
            desk.tell("over", "cleared", "major")
            desk.tell("open", "raised", "major")
            desk.tell("known", "raised", "critical")
            wait_until(lambda: to.ids == ["known/0"], "what it asks for")
        with notifying(desk, receiver("a", to)):
            wait_until(lambda: "open/0" in to.ids, "what it asks for now")
            desk.tell("open", "cleared", "major")
            wait_until(lambda: "open/1" in to.ids, "the end")
        with notifying(desk, receiver("a", to)):
            desk.tell("last")
            wait_until(lambda: "last/0" in to.ids, "the next")
    assert to.ids == ["known/0", "open/0", "open/1", "last/0"]


def test_who_asks_for_more_hears_each_event_that_waits_on_kafka_of_what_it_asked_for_before(
    desk: Desk,
) -> None:
    with hook() as to:
        with notifying(desk, receiver("a", to, CRITICAL)):
            desk.tell("one", "raised", "critical")
            wait_until(lambda: to.ids == ["one/0"], "the first")
        for severity in ("major", "critical", "minor"):
            desk.tell("one", "updated", severity)  # type: ignore[arg-type]
        with notifying(desk, receiver("a", to)):
            wait_until(lambda: "one/3" in to.ids, "the last")
    assert to.ids == ["one/0", "one/1", "one/2", "one/3"]


def test_who_asks_again_for_what_was_dropped_unsent_is_told_of_it(desk: Desk) -> None:
    """Somebody narrowed the file by mistake while a silence kept the alert back."""
    silence(desk, 3_600)
    with hook() as to:
        with notifying(desk, receiver("a", to)):
            desk.tell("one")
            desk.tell("known", "raised", "critical")
            wait_until(lambda: {row[1]: row[4] for row in desk.states()} == WAITS, "the silence")
        with notifying(desk, receiver("a", to, CRITICAL)):
            end_silence(desk)
            wait_until(lambda: "dropped" in {row[4] for row in desk.states()}, "what nobody asks for")
        with notifying(desk, receiver("a", to)):
            wait_until(lambda: "one/0" in to.ids, "what it asks for again")
            desk.tell("one", "cleared")
            wait_until(lambda: "one/1" in to.ids, "the end")
    assert to.ids == ["known/0", "one/0", "one/1"]


def test_what_was_repeated_last_is_not_what_the_alert_was_before(desk: Desk) -> None:
    """Who was told that it is overdue was told so of its first event, after others."""
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "1h", to = "chief"}')
        with notifying(desk, file + receiver("chief", chief)):
            desk.tell("one")
            desk.tell("one", "updated", "critical")
            wait_until(lambda: chief.ids == ["one/0", "one/1"], "the events")
            assign(desk, "one", 1)
            wait_until(lambda: len(chief.ids) == 3, "that it is overdue")
        with notifying(desk, file + receiver("chief", chief, 'repeat_interval = "1s"')):
            wait_until(lambda: len(chief.ids) > 4, "repeats")
    assert all(name.startswith("one/1/repeat") for name in chief.ids[3:])


def test_what_is_open_is_repeated_as_the_file_says_now(desk: Desk) -> None:
    with hook() as never, hook() as seldom:
        with notifying(desk, receiver("never", never) + receiver("seldom", seldom, 'repeat_interval = "4h"')):
            desk.tell("one")
            desk.tell("over")
            desk.tell("over", "cleared")
            wait_until(lambda: len(never.ids) == len(seldom.ids) == 3, "the events")
        often = 'repeat_interval = "1s"'
        with notifying(desk, receiver("never", never, often) + receiver("seldom", seldom, often)):
            for to in (never, seldom):
                wait_until(lambda to=to: len(to.ids) >= 5, "two repeats")  # type: ignore[misc]
        told = len(never.ids)
        assert {name.rpartition("/")[0] for name in never.ids[3:]} == {"one/0/repeat"}
        an_hour_passes(desk)
        with notifying(desk, receiver("never", never) + receiver("seldom", seldom)):
            desk.tell("two")
            wait_until(lambda: "two/0" in never.ids and "two/0" in seldom.ids, "what comes")
            wait_until(
                lambda: all(row[4] in ("delivered", "dropped") for row in desk.states() if row[1] == "one"),
                "its repeats",
            )
        assert never.ids[told:] == ["two/0"], "it is not repeated any more"


def test_a_repeat_that_failed_is_not_sent_once_the_file_asks_for_none(desk: Desk) -> None:
    with hook() as to:
        with notifying(desk, receiver("a", to, 'repeat_interval = "1s"')):
            desk.tell("one")
            wait_until(lambda: to.ids, "the event")
            to.answer = 503
            failed = "SELECT FROM ub.notification WHERE reason = 'repeat' AND attempts > 0"
            wait_until(lambda: query(desk.database.owner_url, failed), "a repeat that fails")
        told, to.answer = list(to.ids), 200
        with notifying(desk, receiver("a", to)):
            desk.tell("two")
            wait_until(lambda: "two/0" in to.ids, "what comes")
            wait_until(lambda: all(row[4] != "pending" for row in desk.states()), "the repeat")
        assert to.ids == [*told, "two/0"]


def test_what_is_open_is_escalated_as_the_file_says_now(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        on_call = receiver("chief", chief, CRITICAL)
        with notifying(desk, receiver("duty", duty) + on_call):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "it")
        slowly = 'escalate = {after = "1h", to = "chief"}'
        with notifying(desk, receiver("duty", duty, slowly) + on_call):
            desk.tell("two")
            wait_until(lambda: duty.ids == ["one/0", "two/0"], "the next")
        assert [row[1] for row in desk.states() if row[3] == "escalation"] == ["one", "two"]
        an_hour_passes(desk)
        with notifying(desk, receiver("duty", duty) + on_call):
            desk.tell("three", "raised", "critical")
            wait_until(lambda: chief.ids == ["three/0"], "what the chief asks for")
            wait_until(lambda: all(row[4] != "pending" for row in desk.states()), "all of it")
        assert chief.ids == ["three/0"], "nobody escalates to the chief any more"
        with notifying(desk, receiver("duty", duty, 'escalate = {after = "2s", to = "chief"}') + on_call):
            wait_until(lambda: {"one/0/escalation", "two/0/escalation"} <= set(chief.ids), "the chief")


def test_who_was_there_for_escalations_only_is_told_what_is_open_and_was_not_escalated(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        slowly = 'escalate = {after = "1h", to = "chief"}'
        on_call = receiver("chief", chief, "escalations_only = true")
        with notifying(desk, receiver("duty", duty, slowly) + on_call):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "it")
        with notifying(desk, receiver("duty", duty) + receiver("chief", chief)):
            wait_until(lambda: chief.ids == ["one/0"], "what is open")
            desk.tell("one", "cleared")
            wait_until(lambda: chief.ids == ["one/0", "one/1"], "its end")


def test_an_escalation_that_waits_comes_sooner_where_the_file_says_so_now(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        on_call = receiver("chief", chief, "escalations_only = true")
        with notifying(desk, receiver("duty", duty, 'escalate = {after = "1h", to = "chief"}') + on_call):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "it")
        with notifying(desk, receiver("duty", duty, 'escalate = {after = "1s", to = "chief"}') + on_call):
            wait_until(lambda: chief.ids == ["one/0/escalation"], "the chief")
