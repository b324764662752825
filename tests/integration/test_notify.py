"""Notifications to real webhooks: what was missed is told, nothing is told twice, nobody waits for another."""

import base64
import hashlib
import hmac
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psycopg
import pytest
from pydantic import SecretStr

from schemas import codec
from streams.doctor.check import Check
from streams.doctor.database import check_database
from streams.store import alert_desk, queries
from tests.conftest import Database
from tests.e2e.commands import clean_environment, run
from tests.integration.notify_support import Desk, Hook, event, hook, notifying
from tests.integration.store_support import an_hour_ahead, query
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

PATIENT = 'timeout = "5m"'
"""Of a receiver that takes its time: longer than anything here is waited for."""


def receiver(name: str, to: Hook, more: str = "") -> str:
    return f'[[receiver]]\nname = "{name}"\nurl = "{to.url}"\nmax_backoff = "1s"\n{more}\n'


def act(desk: Desk, alert_id: str, action: alert_desk.ActionName, text: str | None = None) -> None:
    with queries.connect(desk.database.writer_url, read_only=False) as connection:
        assert alert_desk.act(connection, alert_id, action, by="anna", text=text).stored


def silence(desk: Desk, seconds: float) -> None:
    with queries.connect(desk.database.writer_url, read_only=False) as connection:
        connection.execute(
            "INSERT INTO ub.silence (silence_id, matchers, starts_at, ends_at, created_by, comment) VALUES "
            """('s1', '[{"name": "severity", "value": "major"}]', now(), now() + %s * interval '1 s', 'a', 'fair')""",
            (seconds,),
        )


def end_silence(desk: Desk) -> None:
    query(desk.database.owner_url, "UPDATE ub.silence SET ends_at = now() RETURNING 1")


def an_hour_passes(desk: Desk) -> None:
    """For what is in the queue."""
    passed = "due_at = due_at - interval '1 h', done_at = done_at - interval '1 h'"
    query(desk.database.owner_url, f"UPDATE ub.notification SET {passed} RETURNING 1")


def test_a_new_receiver_is_told_what_is_open_and_then_every_event_signed(desk: Desk) -> None:
    desk.tell("over")
    desk.tell("over", "cleared")
    desk.tell("open")
    with hook() as to, notifying(desk, receiver("a", to, 'secret_env = "SECRET"')):
        wait_until(lambda: "open/0" in to.ids, "what is open")
        desk.tell("open", "updated", "critical")
        desk.tell("open", "cleared", "critical")
        wait_until(lambda: "open/2" in to.ids, "the end")
        assert [i for i in to.ids if i.startswith("open")] == ["open/0", "open/1", "open/2"]
        for request in to.taken:
            stamp = request.headers["webhook-timestamp"]
            assert abs(int(stamp) - time.time()) < 60
            signed = f"{request.id_}.{stamp}.{request.body.decode()}"
            mac = hmac.new(b"sesame-open", signed.encode(), hashlib.sha256).digest()
            assert request.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_a_receiver_that_is_away_delays_no_one_and_gets_what_it_missed_in_order(desk: Desk) -> None:
    with hook() as well, hook() as failing, hook() as hanging, hook() as slow:
        failing.answer, hanging.answer = 503, None
        slow.free.clear()
        file = receiver("well", well) + receiver("failing", failing) + receiver("slow", slow, PATIENT)
        file += receiver("hanging", hanging, 'timeout = "1s"')
        with notifying(desk, file):
            for name in ("one", "two"):
                desk.tell(name)
                desk.tell(name, "cleared")
            wanted = ["one/0", "one/1", "two/0", "two/1"]
            wait_until(lambda: well.ids == wanted, "the one that is well")
            wait_until(lambda: len(failing.tried) > 1 and len(hanging.tried) > 1, "attempts")
            wait_until(lambda: len(slow.tried) == 1, "the attempt that lasts")
            assert failing.taken == hanging.taken == slow.taken == []
            assert {name for _, name in failing.tried} == {"one/0"}
            failing.answer = hanging.answer = 200
            slow.free.set()
            wait_until(lambda: failing.ids == slow.ids == wanted, "those that came back")
            # where it answered after its second the same came again
            wait_until(lambda: [*dict.fromkeys(hanging.ids)] == wanted, "the one that hung")


def test_nothing_is_sent_again_after_a_restart_or_when_the_log_is_read_again(desk: Desk) -> None:
    with hook() as to:
        with notifying(desk, receiver("a", to)):
            desk.tell("one")
            wait_until(lambda: to.ids == ["one/0"], "the first")
        desk.tell("two")  # while nobody is there
        desk.send(event("one", 0, "raised"))  # a worker that was restarted tells it again
        with notifying(desk, receiver("a", to)):
            wait_until(lambda: "two/0" in to.ids, "what was missed")
            desk.tell("one", "cleared")
            wait_until(lambda: "one/1" in to.ids, "the end")
        assert to.ids == ["one/0", "two/0", "one/1"]


def test_a_receiver_hears_what_it_asks_for_until_the_end(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to, 'match = ["severity=critical", "district=Pudong"]')):
        for severity in ("major", "critical"):
            desk.tell(severity, "raised", severity)  # type: ignore[arg-type]
        desk.tell("critical", "updated", "minor")
        desk.tell("major", "cleared", "major")
        desk.tell("critical", "cleared", "minor")
        wait_until(lambda: "critical/2" in to.ids, "the end")
        assert to.ids == ["critical/0", "critical/1", "critical/2"]


def test_a_message_that_is_refused_stops_no_other(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to)):
        to.answer = 400
        desk.tell("bad")
        wait_until(
            lambda: ("a", "bad", 0, "event", "dropped", "refused: HTTP 400") in desk.states(), "refusal"
        )
        to.answer = 200
        desk.tell("good")
        wait_until(lambda: to.ids == ["good/0"], "the next")


def test_a_record_that_is_no_alert_stops_no_other(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.put(b"{")
        desk.put(codec.encode(msgspec.structs.replace(event("nul", 0, "raised"), summary="\x00")))
        desk.tell("good")
        wait_until(lambda: to.ids == ["good/0"], "the next")


def test_a_message_that_its_format_cannot_write_keeps_nothing_from_anybody(desk: Desk) -> None:
    desk.tell("bad")
    broken = """UPDATE ub.cell_geometry SET boundary = '{"type": "Polygon", "coordinates": []}'"""
    with (
        psycopg.connect(desk.database.owner_url, autocommit=True) as connection,
        hook() as cap,
        hook() as other,
    ):
        connection.execute(broken)
        file = receiver("cap", cap, 'format = "cap"\nsender = "a@b.c"') + receiver("other", other)
        with notifying(desk, file):
            wait_until(lambda: other.ids == ["bad/0"], "the other receiver")
            wait_until(lambda: [row[4] for row in desk.states() if row[0] == "cap"] == ["dropped"], "its end")
            connection.execute("DELETE FROM ub.cell_geometry")
            desk.tell("good")
            wait_until(lambda: cap.ids == ["good/0"], "the next")
    notes = [row[5] for row in desk.states() if row[:3] == ("cap", "bad", 0)]
    assert notes == ["not written as cap: ValueError('max() iterable argument is empty')"]


def test_an_alert_that_is_not_stored_yet_is_told_with_the_outline_of_its_cell(desk: Desk) -> None:
    """A worker tells an event before it stores it: so it is with the first of each alert."""
    desk.tell("known")
    with hook() as to, notifying(desk, receiver("cap", to, 'format = "cap"\nsender = "a@b.c"')):
        desk.tell("new", only_kafka=True)
        desk.put(codec.encode(msgspec.structs.replace(event("odd", 0, "raised"), cell="no cell")))
        wait_until(lambda: len(to.taken) == 3, "all three")
        bodies = [request.body for request in to.taken]
    assert [b"<polygon>" in body for body in bodies] == [True, True, False]


def test_what_a_receiver_wants_remembered_is_not_given_back_to_it_or_another(desk: Desk) -> None:
    with hook() as to:
        to.headers = {"Set-Cookie": "session=1"}
        to.url = to.url.replace("127.0.0.1", "localhost")
        with notifying(desk, receiver("a", to)):
            desk.tell("one")
            wait_until(lambda: to.ids == ["one/0"], "the first")
            desk.tell("two")
            wait_until(lambda: to.ids == ["one/0", "two/0"], "the second")
    assert [request.headers.get("cookie") for request in to.taken] == [None, None]


def test_a_receiver_that_asks_for_time_gets_it(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to)):
        to.answer, to.headers = 429, {"Retry-After": "3"}
        desk.tell("one")
        wait_until(lambda: to.tried, "an attempt")
        to.answer = 200
        wait_until(lambda: to.ids, "the next attempt")
        (first, _), (second, _) = to.tried
        assert second - first >= 3


def test_nobody_acknowledges_so_another_is_told(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "1h", to = "chief"}')
        file += receiver("chief", chief, "escalations_only = true")
        with notifying(desk, file):
            for name in ("seen", "unseen"):
                desk.tell(name)
            desk.tell("unseen", "updated", "critical")
            wait_until(lambda: len(duty.taken) == 3, "those on duty")
            act(desk, "seen", "acknowledged")
            an_hour_passes(desk)
            wait_until(lambda: chief.taken, "the escalation")
            desk.tell("unseen", "cleared")
            desk.tell("seen", "cleared")
            wait_until(lambda: len(chief.taken) == 2 and len(duty.taken) == 5, "the end")
            assert chief.ids == ["unseen/0/escalation", "unseen/2"]
            assert chief.taken[0].json["reason"] == "escalation"
            assert chief.taken[0].json["data"]["severity"] == "critical"
            state = ("chief", "seen", 0, "escalation", "dropped", "cleared")
            wait_until(lambda: state in desk.states(), "the acknowledged one")


def assign(desk: Desk, alert_id: str, seconds: float) -> None:
    due_at = datetime.now(UTC) + timedelta(seconds=seconds)
    with queries.connect(desk.database.writer_url, read_only=False) as connection:
        alert_desk.act(connection, alert_id, "assigned", by="anna", assignee="bo", due_at=due_at)


def test_what_is_not_over_when_it_was_due_is_told_to_another_acknowledged_or_not(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "1h", to = "chief"}')
        file += receiver("chief", chief, "escalations_only = true")
        with notifying(desk, file):
            for name in ("late", "done", "last", "later"):
                desk.tell(name)
            wait_until(lambda: len(duty.taken) == 4, "all four")
            act(desk, "late", "acknowledged")
            for name, seconds in (("late", 1), ("done", 3600), ("last", 3600), ("later", 7200)):
                assign(desk, name, seconds)
            wait_until(lambda: len(chief.taken) == 1, "the one that was due first")
            desk.tell("done", "cleared")
            wait_until(lambda: "done/1" in duty.ids, "the end of one of those that are due later")
            now_due = (
                "UPDATE ub.alert_action SET due_at = now() WHERE alert_id IN ('done', 'last') RETURNING 1"
            )
            query(desk.database.owner_url, now_due)
            wait_until(lambda: len(chief.taken) == 2, "the other one")
            told, last = chief.taken
            assert told.id_.startswith("late/0/overdue/")
            assert last.id_.startswith("last/0/overdue/")
            assert told.json["reason"] == "overdue"
            assert told.json["assignee"] == "bo"
            assign(desk, "late", 1)
            wait_until(lambda: len(chief.taken) == 3, "it is late again")
            assert chief.taken[2].id_ not in {told.id_, last.id_}
            desk.tell("late", "cleared")
            wait_until(lambda: chief.ids[3:] == ["late/1"], "its end")


INHIBIT = """
[[inhibit]]
source_match = ["severity=critical"]
target_match = ["severity=major"]
equal = ["region"]
"""


def test_while_a_worse_one_is_open_those_that_follow_from_it_are_kept_back(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to) + INHIBIT):
        desk.tell("outage", "raised", "critical")
        for name in ("short", "lasting"):
            desk.tell(name)
        desk.tell("other", "raised", "minor")
        wait_until(lambda: to.ids == ["outage/0", "other/0"], "those that nothing keeps back")
        held = [state for state in desk.states() if state[4] == "silenced"]
        assert [state[1] for state in held] == ["short", "lasting"]
        assert held[0][5].startswith("inhibited by alert outage: raised: 95 bikes")
        desk.tell("short", "cleared")
        desk.tell("outage", "cleared")
        wait_until(lambda: len(to.ids) == 4, "the end of the outage")
        assert to.ids == ["outage/0", "other/0", "outage/1", "lasting/0"]


def test_a_silence_keeps_notifications_back_and_what_lasts_is_told_when_it_ends(desk: Desk) -> None:
    def dropped() -> dict[tuple[str, int], str]:
        return {state[1:3]: state[5] for state in desk.states() if state[4] == "dropped"}

    silence(desk, 3600)
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.tell("short")
        desk.tell("lasting")
        desk.tell("other", "raised", "minor")
        wait_until(lambda: to.ids == ["other/0"], "what is not silenced")
        desk.tell("short", "cleared")
        wait_until(lambda: ("short", 1) in dropped(), "the end of the short one")
        end_silence(desk)
        wait_until(lambda: len(to.ids) == 2, "the end of the silence")
        assert to.ids == ["other/0", "lasting/0"]
        wait_until(lambda: len(dropped()) == 2, "what the short one was")
        assert dropped() == {
            ("short", 0): "cleared while it was kept back",
            ("short", 1): "its receiver was not notified of the alert",
        }


def test_a_silence_holds_by_the_clock_of_the_database(desk: Desk) -> None:
    """On a machine whose clock was behind, who had been told that it holds was notified all the same."""
    desk.settings = desk.settings.model_copy(update={"database_url": SecretStr(an_hour_ahead(desk.database))})
    query(
        desk.database.owner_url,
        """
        INSERT INTO ub.silence (silence_id, matchers, starts_at, ends_at, created_by, comment)
        VALUES ('s1', '[{"name": "severity", "value": "major"}]',
                now() + interval '59 min', now() + interval '2 h', 'a', 'fair')
        RETURNING 1
        """,
    )
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.tell("one")
        wait_until(lambda: [state[4] for state in desk.states()] not in ([], ["pending"]), "the verdict")
    assert [state[4:] for state in desk.states()] == [("silenced", "silence s1: fair")]
    assert to.ids == []


def test_what_an_alert_was_under_a_silence_is_not_told_after_what_it_became(desk: Desk) -> None:
    silence(desk, 3600)
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.tell("one")
        wait_until(lambda: [state[4] for state in desk.states()] == ["silenced"], "the silence")
        desk.tell("one", "updated", "critical")
        wait_until(lambda: to.ids == ["one/1"], "what it became")
        end_silence(desk)
        late = ("a", "one", 0, "event", "dropped", "a later event was sent")
        wait_until(lambda: late in desk.states(), "the end of the silence")
        assert to.ids == ["one/1"]


def test_after_a_silence_an_alert_is_told_as_it_is_then(desk: Desk) -> None:
    with hook() as to, hook() as majors, hook() as criticals:
        file = receiver("a", to) + receiver("m", majors, 'match = ["severity=major"]')
        file += receiver("c", criticals, 'match = ["severity=critical"]')
        silence(desk, 3600)
        with notifying(desk, file):
            desk.tell("one")
            wait_until(lambda: {state[4] for state in desk.states()} == {"silenced"}, "the silence")
            desk.tell("one", "updated", "critical")
            desk.tell("one", "updated", "major")
            held = {("a", 2, "silenced"), ("m", 2, "silenced")}
            wait_until(lambda: held <= {(row[0], row[2], row[4]) for row in desk.states()}, "what it is then")
            end_silence(desk)
            wait_until(lambda: "one/2" in to.ids, "the end of the silence")
            wait_until(lambda: "one/2" in majors.ids, "the end of the silence")
    assert to.ids in (["one/2"], ["one/1", "one/2"])  # what is critical was not silenced
    assert "one/0" not in to.ids + majors.ids
    assert criticals.ids[:1] == ["one/1"]


def test_what_ended_under_a_silence_is_not_told_though_the_tables_do_not_know_yet(desk: Desk) -> None:
    """The end is on Kafka; the worker that told it went away before it stored it."""
    silence(desk, 3600)
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.tell("one")
        wait_until(lambda: [state[4] for state in desk.states()] == ["silenced"], "the silence")
        desk.tell("one", "cleared", only_kafka=True)
        wait_until(lambda: len(desk.states()) == 2, "its end in the queue")
        end_silence(desk)
        wait_until(lambda: {state[4] for state in desk.states()} == {"dropped"}, "the end of the silence")
        assert to.ids == []


def test_what_was_closed_by_hand_is_told_to_no_one_until_it_gets_worse(desk: Desk) -> None:
    with hook() as to:
        desk.tell("one")
        act(desk, "one", "closed")
        with notifying(desk, receiver("a", to)):
            wait_until(
                lambda: ("a", "one", 0, "event", "silenced", "closed by anna") in desk.states(), "hold"
            )
            desk.tell("one", "updated", "critical")
            wait_until(lambda: to.ids == ["one/1"], "the worse")


def test_what_was_closed_by_hand_is_told_by_what_it_became_though_the_tables_do_not_know_yet(
    desk: Desk,
) -> None:
    """A worker tells what happened a moment before it stores it."""
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.tell("worse", "raised", "minor")
        desk.tell("again", "raised", "critical")
        wait_until(lambda: len(to.ids) == 2, "both")
        act(desk, "worse", "closed")
        act(desk, "again", "closed")
        desk.tell("again", "updated", "major")
        wait_until(lambda: "again/1" in to.ids, "what is another matter")
        desk.tell("worse", "updated", "critical", only_kafka=True)
        desk.tell("again", "updated", "critical", only_kafka=True)
        wait_until(
            lambda: ("a", "again", 2, "event", "silenced", "closed by anna") in desk.states(), "closed again"
        )
        wait_until(lambda: "worse/1" in to.ids, "what became worse")
        act(desk, "again", "commented", "of what is major")
        wait_until(lambda: "again/2" in to.ids, "what somebody saw to meanwhile")


def test_what_was_closed_by_hand_and_is_opened_again_is_told_and_repeated_again(desk: Desk) -> None:
    with hook() as to:
        desk.tell("never told")
        act(desk, "never told", "closed")
        with notifying(desk, receiver("a", to, 'repeat_interval = "1s"')):
            desk.tell("told before")
            wait_until(lambda: len(to.taken) >= 2, "repeats")
            act(desk, "told before", "closed")
            wait_until(
                lambda: [state[4:] for state in desk.states()].count(("silenced", "closed by anna")) == 2,
                "hold",
            )
            before = len(to.taken)
            act(desk, "told before", "reopened")
            act(desk, "never told", "reopened")
            wait_until(
                lambda: {name.split("/")[0] for name in to.ids[before:]} == {"told before", "never told"},
                "both",
            )


def test_what_lasts_is_repeated_until_it_is_acknowledged(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to, 'repeat_interval = "1s"')):
        desk.tell("one")
        wait_until(lambda: len(to.taken) >= 3, "repeats")
        act(desk, "one", "acknowledged")
        held = ("a", "one", 0, "repeat", "silenced", "acknowledged by anna")
        wait_until(lambda: held in desk.states(), "quiet")
        before = len(to.taken)
        act(desk, "one", "unacknowledged")
        wait_until(lambda: len(to.taken) >= before + 2, "repeats once more")
        assert len(set(to.ids)) == len(to.ids)
        assert all(name.startswith("one/0") for name in to.ids)


def test_what_was_acknowledged_and_is_not_after_all_is_escalated(desk: Desk) -> None:
    with hook() as duty, hook() as chief:
        file = receiver("duty", duty, 'escalate = {after = "1h", to = "chief"}')
        with notifying(desk, file + receiver("chief", chief, "escalations_only = true")):
            desk.tell("one")
            wait_until(lambda: duty.ids == ["one/0"], "the beginning")
            act(desk, "one", "acknowledged")
            an_hour_passes(desk)
            held = ("chief", "one", 0, "escalation", "silenced", "acknowledged by anna")
            wait_until(lambda: held in desk.states(), "quiet")
            act(desk, "one", "unacknowledged")
            wait_until(lambda: chief.ids == ["one/0/escalation"], "the escalation")


def test_two_processes_send_everything_once(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to)), notifying(desk, receiver("a", to)):
        names = [f"alert-{number}" for number in range(20)]
        for name in names:
            desk.tell(name, only_kafka=True)
        wait_until(lambda: len(to.taken) >= 20, "all")
        time.sleep(1.5)
        assert sorted(to.ids) == sorted(f"{name}/0" for name in names)


# ------------------------------------------------------------------ as a process


@contextmanager
def process(desk: Desk, file: Path) -> Iterator[subprocess.Popen[str]]:
    settings = {
        "UB_KAFKA_BOOTSTRAP": desk.settings.kafka_bootstrap,
        "UB_KAFKA_FLAVOR": "tansu",
        "UB_DATABASE_URL": desk.settings.database_url.get_secret_value(),
        "UB_NOTIFY_FILE": str(file),
        "UB_MQTT_PORT": "1",
    }
    child = subprocess.Popen(
        [sys.executable, "-m", "streams.cli", "notify"],
        env={**clean_environment(), **settings},
        stderr=subprocess.PIPE,
        text=True,
        cwd=file.parent,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def test_a_process_that_is_killed_or_ended_sends_nothing_again(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "receivers.toml"
    with hook() as to:
        file.write_text(receiver("a", to))
        with process(desk, file) as killed:
            desk.tell("one")
            stored = ("a", "one", 0, "event", "delivered", "HTTP 200")
            wait_until(lambda: stored in desk.states(), "the first", 60)
            killed.send_signal(signal.SIGKILL)
        desk.tell("two")
        with process(desk, file) as ended:
            wait_until(lambda: "two/0" in to.ids, "what was missed", 60)
            ended.send_signal(signal.SIGTERM)
            assert ended.wait(60) == 0
        assert to.ids == ["one/0", "two/0"]


def test_a_message_that_was_under_way_when_its_process_was_killed_comes_again_with_the_same_id(
    desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "receivers.toml"
    with hook() as to:
        file.write_text(receiver("a", to, PATIENT))
        to.answer = None
        with process(desk, file) as killed:
            desk.tell("one")
            wait_until(lambda: to.tried, "an attempt", 60)
            killed.send_signal(signal.SIGKILL)
        to.answer = 200
        with process(desk, file):
            wait_until(lambda: to.ids == ["one/0"], "the same again", 60)
        assert [name for _, name in to.tried] == ["one/0", "one/0"]


def test_who_took_a_message_of_a_process_that_was_killed_is_told_of_the_end_under_a_silence(
    desk: Desk, tmp_path: Path
) -> None:
    file = tmp_path / "receivers.toml"
    with hook() as to:
        file.write_text(receiver("a", to, PATIENT))
        to.free.clear()
        with process(desk, file) as killed:
            desk.tell("one")
            wait_until(lambda: to.tried, "an attempt", 60)
            killed.send_signal(signal.SIGKILL)
        to.free.set()
        wait_until(lambda: to.ids == ["one/0"], "the message that nobody knows of")
        silence(desk, 3600)
        desk.tell("one", "cleared")
        with process(desk, file):
            wait_until(lambda: settled(desk), "both", 60)
        assert to.ids == ["one/0", "one/1"]


def test_who_answered_too_late_is_told_of_the_end_under_a_silence_and_who_refused_is_not(desk: Desk) -> None:
    with hook() as slow, hook() as sick:
        slow.free.clear()
        sick.answer = 503
        with notifying(desk, receiver("slow", slow, 'timeout = "1s"') + receiver("sick", sick)):
            desk.tell("one")
            wait_until(
                lambda: {row[5] for row in desk.states()} == {"no answer within 1 s", "HTTP 503"}, "it"
            )
            silence(desk, 3600)
            slow.free.set()
            sick.answer = 200
            wait_until(lambda: [row[4] for row in desk.states()] == ["silenced"] * 2, "the silence")
            desk.tell("one", "cleared")
            wait_until(lambda: settled(desk), "the end")
        assert (set(slow.ids), slow.ids[-1], sick.ids) == ({"one/0", "one/1"}, "one/1", [])


def test_an_alert_that_falls_silent_just_before_it_is_sent_was_told_to_nobody(desk: Desk) -> None:
    """The silence comes between the note that its receiver may hear of it from now on, and the message."""
    with hook() as to, notifying(desk, receiver("a", to)):
        with psycopg.connect(desk.database.owner_url) as connection:
            connection.execute("""
                CREATE FUNCTION ub.hush() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    INSERT INTO ub.silence (silence_id, matchers, starts_at, ends_at, created_by, comment)
                    VALUES ('s1', '[{"name": "severity", "value": "major"}]',
                            now(), now() + interval '1 h', 'a', 'fair')
                    ON CONFLICT DO NOTHING;
                    RETURN NULL;
                END $$;
                CREATE TRIGGER hush AFTER UPDATE OF begun_at ON ub.notification
                FOR EACH ROW WHEN (NEW.begun_at IS NOT NULL) EXECUTE FUNCTION ub.hush();
            """)
        desk.tell("one")
        wait_until(lambda: [row[4] for row in desk.states()] == ["silenced"], "the silence")
        desk.tell("one", "cleared")
        wait_until(lambda: settled(desk), "the end")
    assert to.tried == []


def test_an_alert_that_a_worse_one_overtakes_just_before_it_is_sent_was_told_to_nobody(desk: Desk) -> None:
    """It falls silent, too, and ends: nobody is to hear of the end."""
    with hook() as to, notifying(desk, receiver("a", to)):
        with psycopg.connect(desk.database.owner_url) as connection:
            connection.execute("""
                CREATE FUNCTION ub.overtake() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    INSERT INTO ub.silence (silence_id, matchers, starts_at, ends_at, created_by, comment)
                    VALUES ('s1', '[{"name": "severity", "value": "major"}]',
                            now(), now() + interval '1 h', 'a', 'fair');
                    INSERT INTO ub.notification (receiver, alert_id, sequence, reason, body, due_at)
                    VALUES ('a', 'worse', 0, 'event',
                            NEW.body || '{"alert_id": "worse", "severity": "critical"}', now());
                    RETURN NULL;
                END $$;
                CREATE TRIGGER overtake AFTER UPDATE OF begun_at ON ub.notification
                FOR EACH ROW WHEN (NEW.begun_at IS NOT NULL AND NEW.alert_id = 'one') EXECUTE FUNCTION ub.overtake();
            """)
        desk.tell("one")
        wait_until(
            lambda: {row[1]: row[4] for row in desk.states()} == {"one": "silenced", "worse": "delivered"},
            "the worse one, and the silence",
        )
        desk.tell("one", "cleared")
        wait_until(lambda: len(desk.states()) == 3 and settled(desk), "the end")
    assert to.ids == ["worse/0"]


def settled(desk: Desk) -> bool:
    states = [row[4] for row in desk.states()]
    return len(states) >= 2 and set(states) <= {"delivered", "dropped"}


def test_a_faulty_file_is_said_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "receivers.toml"
    file.write_text('[[receiver]]\nname = "a"\nurl = "https://a.example"\nsecret_env = "NOT_SET"')

    def tried(*arguments: str, **settings: str) -> str:
        environment = {**clean_environment(), **settings}
        return run("notify", *arguments, environment=environment, directory=tmp_path).failed_with_one_line()

    assert "environment variable NOT_SET, which is not set" in tried("--check", UB_NOTIFY_FILE=str(file))
    assert "UB_NOTIFY_FILE is not set" in tried()
    assert "give a readable TOML file" in tried(UB_NOTIFY_FILE="missing.toml")


def test_a_database_without_our_tables_is_said(fresh_kafka: str, database: Database, tmp_path: Path) -> None:
    file = tmp_path / "receivers.toml"
    file.write_text('[[receiver]]\nname = "a"\nurl = "https://a.example"')
    settings = {"UB_KAFKA_BOOTSTRAP": fresh_kafka, "UB_KAFKA_FLAVOR": "tansu", "UB_NOTIFY_FILE": str(file)}
    environment = {**clean_environment(), **settings, "UB_DATABASE_URL": database.writer_url}
    line = run("notify", environment=environment, directory=tmp_path).failed_with_one_line()
    assert "urbanbrain migrate" in line


def test_a_database_that_drops_every_connection_is_come_back_to(desk: Desk) -> None:
    with hook() as to, notifying(desk, receiver("a", to)):
        desk.tell("one")
        # not only taken: until that is stored, a lost connection means that it is sent once more
        wait_until(lambda: [row[4] for row in desk.states()] == ["delivered"], "the first")
        cut = query(
            desk.database.owner_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'urbanbrain notify%'",
        )
        assert len(cut) >= 2
        desk.tell("two")
        desk.tell("one", "cleared")
        wait_until(lambda: sorted(to.ids[1:]) == ["one/1", "two/0"], "what came then")


def test_the_doctor_says_who_is_not_notified_and_why(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "whsec_c2VzYW1lLW9wZW4=")
    with hook() as well, hook() as ill:
        ill.answer = 503
        file = tmp_path / "receivers.toml"
        file.write_text(receiver("well", well) + receiver("ill", ill))
        settings = desk.settings.model_copy(update={"notify_file": file})

        def found() -> Check:
            return next(one for one in check_database(settings) if one.name == "deliveries")

        assert (found().ok, found().detail) == (True, "`urbanbrain notify` has not run yet")
        with notifying(desk, file.read_text()):
            desk.tell("a")
            failed = "SELECT attempts FROM ub.notification WHERE receiver = 'ill' AND attempts > 0"
            wait_until(lambda: query(desk.database.owner_url, failed), "an attempt")
            assert found().ok, "it may answer the next one"
            an_hour_passes(desk)
            assert not found().ok
            assert re.fullmatch(r"ill has not taken 1 notification, due for 6\d min: .*503.*", found().detail)
            assert "`url`" in found().advice
            ill.answer = 200
            wait_until(lambda: found().ok, "that it answers")
            assert found().detail == "`urbanbrain notify` runs, and receivers take what is due"
        assert (found().ok, found().detail) == (False, "no `urbanbrain notify` runs: nobody is notified")
        assert "start it" in found().advice
    assert "deliveries" not in {one.name for one in check_database(desk.settings)}
