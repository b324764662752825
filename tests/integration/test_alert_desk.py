"""What people do about alerts, in the tables and views, on Kafka and MQTT, and by the commands."""

import json
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kafka import KafkaConsumer, TopicPartition
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from deploy.endpoints import Endpoints
from schemas import codec
from schemas.alert_actions import ActionName
from schemas.alerts import Alert, AlertAction
from streams import topics
from streams.alerts import tell
from streams.alerts.silences_known import KnownSilences
from streams.brokers.admin import create_topics
from streams.errors import AlertError, ServiceUnavailable
from streams.incidents.open_alerts import OpenAlerts
from streams.settings import Settings
from streams.store import alert_desk, queries
from streams.times import to_second
from tests.conftest import Database
from tests.e2e.commands import Finished, clean_environment, run
from tests.integration import store_rows as rows
from tests.integration.notify_support import event
from tests.integration.store_rows import CELL, T0
from tests.integration.store_support import an_hour_ahead, query, write
from tests.integration.strict_mqtt import QUOTA_EXCEEDED, strict_mqtt
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TOLD_ON = topics.alert_action_topic("oversaturation", f"{CELL:x}", "04443a28")


def raised(database: Database, alert_id: str = "a1", **changes: Any) -> None:
    write(database, *rows.alert("raised", 0, T0, alert_id=alert_id, **changes), stage="incidents")


def act(database: Database, alert_id: str, action: ActionName, **more: Any) -> bool:
    with queries.connect(database.writer_url, read_only=False) as connection:
        return alert_desk.act(connection, alert_id, action, **{"by": "anna", **more}).stored


def handled(database: Database) -> dict[str, Any]:
    """The row of api.alerts_open as a reader sees it."""
    with psycopg.connect(database.reader_url) as connection:
        cursor = connection.execute(
            "SELECT acknowledged, acknowledged_by, assignee, due_at, comment FROM api.alerts_open"
        )
        names = [column.name for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=False))


# ------------------------------------------------------------------ tables and views


def test_a_reader_sees_who_does_what(migrated: Database) -> None:
    raised(migrated)
    assert handled(migrated) == {
        "acknowledged": False,
        **dict.fromkeys(("acknowledged_by", "assignee", "due_at", "comment")),
    }
    assert act(migrated, "a1", "acknowledged", text="two vans")
    assert act(migrated, "a1", "assigned", by="ben", assignee="carl", due_at=NOW)
    assert handled(migrated) == {
        "acknowledged": True,
        "acknowledged_by": "anna",
        "assignee": "carl",
        "due_at": NOW,
        "comment": "two vans",
    }
    history = "SELECT acknowledged, assignee, closed_by FROM api.alert_history"
    assert query(migrated.reader_url, history) == [(True, "carl", None)]
    found = "SELECT sequence, action, by, text, assignee, hex FROM api.alert_actions ORDER BY sequence"
    assert query(migrated.reader_url, found) == [
        (0, "acknowledged", "anna", "two vans", None, f"{CELL:x}"),
        (1, "assigned", "ben", None, "carl", f"{CELL:x}"),
    ]


def test_what_is_closed_by_hand_is_out_of_sight_until_its_severity_changes(migrated: Database) -> None:
    raised(migrated, severity="minor")
    assert act(migrated, "a1", "closed")
    assert handled(migrated) == {}
    assert query(migrated.reader_url, "SELECT closed_by FROM api.alert_history") == [("anna",)]
    write(migrated, *rows.alert("updated", 1, T0 + 1, severity="major"), stage="incidents")
    assert handled(migrated)["acknowledged"] is False
    assert act(migrated, "a1", "closed")
    assert handled(migrated) == {}
    assert act(migrated, "a1", "reopened")
    assert handled(migrated)


def test_what_opened_again_by_its_severity_stays_open_for_those_who_acted_on_it(migrated: Database) -> None:
    """The newest action, on MQTT, says that it is not closed; the tables said that it is, once it was minor again."""
    raised(migrated, severity="minor")
    assert act(migrated, "a1", "closed")
    write(migrated, *rows.alert("updated", 1, T0 + 1, severity="major"), stage="incidents")
    write(migrated, *rows.alert("updated", 2, T0 + 2, severity="minor"), stage="incidents")
    assert handled(migrated) == {}, "nobody looked at it meanwhile"
    write(migrated, *rows.alert("updated", 3, T0 + 3, severity="major"), stage="incidents")
    assert act(migrated, "a1", "commented", text="still looking")
    write(migrated, *rows.alert("updated", 4, T0 + 4, severity="minor"), stage="incidents")
    assert handled(migrated)["comment"] == "still looking"
    assert act(migrated, "a1", "closed"), "it is not closed yet"
    assert handled(migrated) == {}


def test_a_closing_that_is_told_late_says_what_holds_of_the_severity_that_it_names(
    migrated: Database,
) -> None:
    """MQTT was away meanwhile: what it retained said that the alert is open, also once it is minor again."""
    raised(migrated, severity="minor")
    assert act(migrated, "a1", "closed")
    write(migrated, *rows.alert("updated", 1, T0 + 1, severity="major"), stage="incidents")
    with queries.connect(migrated.writer_url, read_only=False) as connection:
        [told] = alert_desk.untold(connection)
        assert (told.severity, told.closed, told.closed_by) == ("minor", True, "anna")
        alert_desk.act(connection, "a1", "commented", by="bert", text="worse now")
        newest = alert_desk.untold(connection)[-1]
        assert (newest.severity, newest.closed, newest.closed_by) == ("major", False, None)


def test_an_alert_that_is_over_cannot_be_closed_but_acknowledged(migrated: Database) -> None:
    write(migrated, *rows.alert("cleared", 1, T0), stage="incidents")
    with pytest.raises(AlertError, match="cleared by itself"):
        act(migrated, "a1", "closed")
    assert act(migrated, "a1", "acknowledged")


@pytest.mark.parametrize("action", ["acknowledged", "closed"])
def test_what_holds_already_is_not_stored_again(migrated: Database, action: ActionName) -> None:
    raised(migrated)
    assert act(migrated, "a1", action)
    assert not act(migrated, "a1", action)
    assert query(migrated.owner_url, "SELECT count(*) FROM ub.alert_action") == [(1,)]


def test_a_worker_that_goes_on_undoes_nothing(migrated: Database) -> None:
    raised(migrated)
    act(migrated, "a1", "acknowledged")
    write(migrated, *rows.alert("updated", 1, T0 + 1), stage="incidents")
    assert handled(migrated)["acknowledged_by"] == "anna"


ACTIONS: list[ActionName] = [
    *("acknowledged", "unacknowledged", "assigned", "unassigned", "commented", "closed", "reopened"),
]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.sampled_from(["anna", "ben"]), st.booleans())))
def test_the_handling_of_an_alert_is_the_fold_of_what_was_done(
    migrated: Database, deeds: list[tuple[ActionName, str, bool]]
) -> None:
    query(migrated.owner_url, "DELETE FROM ub.alert_action RETURNING 1")
    raised(migrated)
    acknowledged_by = assignee = comment = closed_by = None
    for number, (action, by, says) in enumerate(deeds):
        text = f"text {number}" if says or action == "commented" else None
        more = {"assignee": f"to {number}"} if action == "assigned" else {}
        if not act(migrated, "a1", action, by=by, text=text, **more):
            continue
        comment = text or comment
        match action:
            case "acknowledged" | "unacknowledged":
                acknowledged_by = by if action == "acknowledged" else None
            case "assigned" | "unassigned":
                assignee = more.get("assignee")
            case "closed" | "reopened":
                closed_by = by if action == "closed" else None
    with queries.connect(migrated.writer_url) as connection:
        (row,) = queries.alerts(connection, queries.Filters(alert_id="a1"))
    assert (row.acknowledged_by, row.assignee, row.comment, row.closed_by) == (
        acknowledged_by,
        assignee,
        comment,
        closed_by,
    )
    assert row.acknowledged == (acknowledged_by is not None)


def test_the_beginning_of_an_id_is_enough_where_it_is_one(migrated: Database) -> None:
    for name in ("04443a28", "04449999", "0444"):
        raised(migrated, name)
    with queries.connect(migrated.writer_url) as connection:
        assert alert_desk.resolve(connection, "04443") == "04443a28"
        assert alert_desk.resolve(connection, "0444") == "0444"
        with pytest.raises(AlertError, match=r"begins more than one id.*give more of it"):
            alert_desk.resolve(connection, "044")
        with pytest.raises(AlertError, match=r"no alert whose id begins with 'x'.*alerts list"):
            alert_desk.resolve(connection, "x")


def test_alerts_are_filtered_by_operator_and_by_what_was_done(migrated: Database) -> None:
    for name in ("seen", "closed", "new"):
        evidence = {
            "occupancy": 80,
            "capacity": 60,
            "by_operator": {"didi" if name == "new" else "hello": 80},
        }
        raised(migrated, name, evidence=json.dumps(evidence))
    act(migrated, "seen", "acknowledged")
    act(migrated, "closed", "closed")

    def ids(**filters: Any) -> set[str]:
        with queries.connect(migrated.writer_url) as connection:
            return {row.alert_id for row in queries.alerts(connection, queries.Filters(**filters))}

    assert ids(status="active") == {"seen", "new"}
    assert ids(status="closed") == {"closed"}
    assert ids(operator="didi") == {"new"}
    assert ids(acknowledged=True) == {"seen"}
    assert ids(acknowledged=False) == {"closed", "new"}


def test_silences_are_seen_until_they_are_expired(migrated: Database) -> None:
    now = datetime.now(UTC)
    with queries.connect(migrated.writer_url, read_only=False) as connection:
        made = [
            alert_desk.add_silence(
                connection,
                matchers='[{"name": "zone", "value": "x", "isRegex": false, "isEqual": true}]',
                starts_at=now + timedelta(hours=start),
                ends_at=now + timedelta(hours=end),
                created_by="anna",
                comment="fair",
            )
            for start, end in ((-1, 1), (1, 2), (-2, -1))
        ]
        states = {row.silence_id: row.state for row in alert_desk.silences(connection, expired=True)}
        assert [states[name] for name in made] == ["active", "pending", "expired"]
        assert {row.silence_id for row in alert_desk.silences(connection)} == set(made[:2])
        for name in made[:2]:
            assert alert_desk.expire_silences(connection, [name[:13], name]) == [name]
        assert alert_desk.silences(connection) == []
        with pytest.raises(AlertError, match="no silence that holds"):
            alert_desk.expire_silences(connection, made[:1])


# ------------------------------------------------------------------ commands


class Desk:
    """The commands, on the session's services and a database of the test's own."""

    def __init__(self, stack: Endpoints, kafka: str, database: Database, directory: Path) -> None:
        self.database = database
        self._directory = directory
        self.settings = {
            "UB_MQTT_HOST": stack.mqtt_host,
            "UB_MQTT_PORT": str(stack.mqtt_port),
            "UB_KAFKA_BOOTSTRAP": kafka,
            "UB_KAFKA_FLAVOR": "tansu",
            "UB_DATABASE_URL": database.writer_url,
        }

    def __call__(self, *arguments: str, **settings: str) -> Finished:
        environment = {**clean_environment(), **self.settings, **settings}
        return run("alerts", *arguments, environment=environment, directory=self._directory)


@pytest.fixture
def desk(stack: Endpoints, fresh_kafka: str, migrated: Database, tmp_path: Path) -> Iterator[Desk]:
    create_topics(fresh_kafka, Settings())
    raised(migrated, "04443a28")
    yield Desk(stack, fresh_kafka, migrated, tmp_path)
    take_back(stack)


def take_back(stack: Endpoints) -> None:
    client = connected(stack)
    client.publish(TOLD_ON, b"", qos=1, retain=True).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def connected(stack: Endpoints) -> Client:
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.connect(stack.mqtt_host, stack.mqtt_port)
    client.loop_start()
    return client


def told_on_kafka(bootstrap: str) -> list[tuple[dict[str, bytes], Any]]:
    """All of it: up to the ends of the log."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, metrics_enabled=False)
    partitions = [TopicPartition(topics.ALERT_ACTIONS, number) for number in range(4)]
    consumer.assign(partitions)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(partitions)
    found = []
    deadline = time.monotonic() + 60
    while any(consumer.position(partition) < end for partition, end in ends.items()):
        assert time.monotonic() < deadline, ends
        for records in consumer.poll(timeout_ms=200).values():
            found += [(dict(r.headers), codec.alert_action.decode(r.value)) for r in records]
    consumer.close()
    return found


def test_what_is_done_is_told_on_kafka_and_mqtt(desk: Desk, stack: Endpoints, fresh_kafka: str) -> None:
    done = desk("ack", "0444", "--by", "anna", "--text", "two vans")
    assert (done.code, done.out, done.err) == (0, "04443a28 acknowledged\n", "")
    ((headers, handling),) = told_on_kafka(fresh_kafka)
    assert headers["ce_type"] == b"ub.alert_action.v1"
    assert headers["ce_id"] == handling.action_id.encode()
    assert (handling.alert_id, handling.acknowledged_by, handling.comment) == ("04443a28", "anna", "two vans")

    assert retained(stack) == handling


def test_what_could_not_be_told_is_told_by_the_next_command(desk: Desk, fresh_kafka: str) -> None:
    done = desk("comment", "0444", "--text", "first", UB_MQTT_PORT="1")
    assert done.code == 0
    assert "stored, but not published yet: MQTT at" in done.err
    assert desk("comment", "0444", "--text", "second").err == ""
    texts = [handling.text for _, handling in told_on_kafka(fresh_kafka)]
    assert texts == ["first", "second"]  # while one broker is away, the other is not told again and again
    assert query(desk.database.owner_url, "SELECT count(*) FROM ub.alert_action WHERE NOT told") == [(0,)]


@pytest.mark.parametrize("few", [15, 3], ids=["more than we send at once", "fewer"])
def test_a_broker_that_takes_few_at_a_time_is_told_everything_in_the_end(
    desk: Desk, stack: Endpoints, few: int
) -> None:
    """The rest of what was done is told the next time, not all of it again: it would never end."""
    for number in range(25):
        act(desk.database, "04443a28", "commented", text=f"{number}")
    taken = Counter[int]()

    def judge(_topic: str, _payload: bytes) -> int:
        taken[broker.connections] += 1
        return QUOTA_EXCEEDED if taken[broker.connections] > few else 0

    with (
        strict_mqtt(stack.mqtt_port, judge=judge) as broker,
        queries.connect(desk.database.writer_url, read_only=False) as connection,
    ):
        strict = settings_of(desk, stack).model_copy(update={"mqtt_port": broker.port})
        in_vain, left = divmod(25 - 1, few)
        for _ in range(in_vain):
            with pytest.raises(ServiceUnavailable, match="Quota exceeded"):
                tell.tell(strict, connection, "test")
        assert tell.tell(strict, connection, "test") == left + 1
    assert retained(stack).text == "24"


def retained(stack: Endpoints) -> Any:
    """What a new subscriber gets of the actions on the alert; None where there is nothing."""
    messages: list[MQTTMessage] = []
    client, end = connected(stack), f"ub/test/{secrets.token_hex(4)}"
    client.on_message = lambda _c, _u, message: messages.append(message)
    client.subscribe([(TOLD_ON, SubscribeOptions(qos=1)), (end, SubscribeOptions(qos=1))])
    client.publish(end, b"end", qos=1)  # comes back after all that is retained
    wait_until(lambda: messages and messages[-1].topic == end, "all that is retained")
    client.disconnect()
    client.loop_stop()
    return codec.alert_action.decode(messages[0].payload) if len(messages) > 1 else None


def test_what_is_done_about_an_alert_that_ends_meanwhile_is_not_retained(
    desk: Desk, stack: Endpoints, fresh_kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    to_kafka = tell._to_kafka

    def as_it_ends(*arguments: Any) -> None:
        to_kafka(*arguments)
        write(desk.database, *rows.alert("cleared", 1, T0 + 1, alert_id="04443a28"), stage="incidents")

    monkeypatch.setattr(tell, "_to_kafka", as_it_ends)
    act(desk.database, "04443a28", "commented", text="late")
    with queries.connect(desk.database.writer_url, read_only=False) as connection:
        assert tell.tell(settings_of(desk, stack), connection, "test") == 1
    assert [handling.text for _, handling in told_on_kafka(fresh_kafka)] == ["late"]
    assert retained(stack) is None


def settings_of(desk: Desk, stack: Endpoints) -> Settings:
    return Settings(
        mqtt_host=stack.mqtt_host,
        mqtt_port=stack.mqtt_port,
        kafka_bootstrap=desk.settings["UB_KAFKA_BOOTSTRAP"],
        kafka_flavor="tansu",
    )


def test_of_two_who_tell_at_once_none_leaves_an_older_action_retained(
    desk: Desk, stack: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, go_on = threading.Event(), threading.Event()
    to_kafka = tell._to_kafka

    def slow_for_the_first(*arguments: Any) -> None:
        if not read.is_set():
            read.set()
            assert go_on.wait(30)
        to_kafka(*arguments)

    def work() -> None:
        with queries.connect(desk.database.writer_url, read_only=False) as connection:
            tell.tell(settings_of(desk, stack), connection, "test")

    def waits_or_is_done(teller: threading.Thread) -> bool:
        waiting = "SELECT FROM pg_locks WHERE mode = 'ShareUpdateExclusiveLock' AND NOT granted"
        return not teller.is_alive() or bool(query(desk.database.owner_url, waiting))

    monkeypatch.setattr(tell, "_to_kafka", slow_for_the_first)
    first, second = threading.Thread(target=work), threading.Thread(target=work)
    act(desk.database, "04443a28", "commented", text="old")
    first.start()
    assert read.wait(30)
    act(desk.database, "04443a28", "commented", text="new")
    second.start()
    wait_until(lambda: waits_or_is_done(second), "the second")
    go_on.set()
    for teller in (first, second):
        teller.join(30)
    assert retained(stack).text == "new"
    assert query(desk.database.owner_url, "SELECT count(*) FROM ub.alert_action WHERE NOT told") == [(0,)]


def test_who_may_only_read_cannot_keep_actions_from_being_told(migrated: Database) -> None:
    with psycopg.connect(migrated.reader_url) as reader, pytest.raises(psycopg.errors.InsufficientPrivilege):
        alert_desk.keep_others_from_telling(reader, 1.0)


def test_actions_on_one_alert_are_told_by_their_numbers_though_the_clock_was_put_back(
    migrated: Database,
) -> None:
    raised(migrated)
    act(migrated, "a1", "commented", text="old")
    act(migrated, "a1", "commented", text="new")
    query(
        migrated.owner_url,
        "UPDATE ub.alert_action SET at = at - interval '1 h' WHERE sequence = 1 RETURNING 1",
    )
    with queries.connect(migrated.writer_url, read_only=False) as connection:
        assert [handling.text for handling in alert_desk.untold(connection)] == ["old", "new"]


def test_an_alert_is_shown_with_its_life_and_what_was_done(desk: Desk) -> None:
    assert desk("assign", "0444", "--to", "carl", "--due", "2h", "--by", "anna").code == 0
    assert desk("silence", "add", "severity=major", "--until", "1h", "--reason", "fair").code == 0
    shown = desk("show", "0444").out
    for words in (
        "major oversaturation, active",
        "capacity     60",
        "raised",
        "assigned to carl by anna",
        "fair",
    ):
        assert words in shown
    found = json.loads(desk("show", "0444", "--json").out)
    assert found["assignee"] == "carl"
    assert [event["action"] for event in found["events"]] == ["raised"]
    assert [action["action"] for action in found["actions"]] == ["assigned"]


def test_lists_hide_and_find_what_is_silenced_and_closed(desk: Desk) -> None:
    raised(desk.database, "05550000", severity="minor")
    made = desk("silence", "add", "severity=~major|critical", "--until", "1h", "--reason", "fair").out.strip()
    assert made in desk("silence", "list").out

    def listed(*options: str) -> set[str]:
        out = desk("list", *options).out
        return {name for name in ("04443a28", "05550000") if name in out}

    assert listed() == {"04443a28", "05550000"}
    assert listed("--silenced") == {"04443a28"}
    assert listed("--not-silenced") == {"05550000"}
    assert desk("silence", "expire", made[:8], "typo").code == 1
    assert listed("--silenced") == {"04443a28"}, "all or none end"
    assert desk("silence", "expire", made[:8]).out == f"{made} expired\n"
    assert listed("--silenced") == set()
    assert desk("clear", "0444", "--by", "anna").code == 0
    assert (listed(), listed("--status", "closed")) == ({"05550000"}, {"04443a28"})


def test_lists_are_of_what_matches_is_severe_enough_and_happened_since(desk: Desk) -> None:
    raised(desk.database, "05550000", severity="minor", zone="harbour", subject="sensor/7")
    now = int(time.time() * 1000)
    write(desk.database, *rows.alert("raised", 0, now, alert_id="06660000", severity="critical"))

    def listed(*options: str) -> set[str]:
        found = desk("list", "--json", *options)
        assert found.code == 0, found.err
        return {json.loads(line)["alert_id"] for line in found.out.splitlines()}

    assert listed("zone=harbour") == {"05550000"}
    assert listed("subject=~sensor/.*", "severity=minor") == {"05550000"}
    assert listed("zone!=harbour", "severity=~major|minor") == {"04443a28"}
    assert listed("--severity", "major") == {"04443a28", "06660000"}
    assert listed("--since", "1h") == {"06660000"}
    assert listed("--since", "2023-11-14T00:00+08:00") == {"04443a28", "05550000", "06660000"}


def test_an_alert_is_shown_with_what_keeps_it_back(desk: Desk, tmp_path: Path) -> None:
    raised(desk.database, "05550000", kind="feed_silent", subject="hello")
    file = tmp_path / "notify.toml"
    file.write_text(
        '[[inhibit]]\nsource_match = ["kind=feed_silent"]\ntarget_match = ["kind=oversaturation"]\n'
    )
    settings = {"UB_NOTIFY_FILE": str(file)}
    assert "inhibited  by alert 05550000" in desk("show", "0444", **settings).out
    assert json.loads(desk("show", "0444", "--json", **settings).out)["inhibited_by"] == "05550000"
    assert "inhibited" not in desk("show", "0555", **settings).out
    assert json.loads(desk("show", "0444", "--json").out)["inhibited_by"] is None
    file.write_text("[[inhibit]]")
    for command in (("show", "0444"), ("list",)):
        done = desk(*command, **settings)
        assert (done.code, "04443a28" in done.out) == (0, True), "a fault there keeps nobody from looking"
        assert "which alerts inhibit others is not shown: UB_NOTIFY_FILE=" in done.err


def test_who_acknowledges_what_is_over_is_told_so(desk: Desk) -> None:
    over = rows.alert("cleared", 1, T0 + 1, alert_id="04443a28")
    write(desk.database, *over, stage="incidents")
    assert (
        desk("ack", "0444", "--by", "anna").out == "04443a28 acknowledged; it was cleared by itself before\n"
    )
    again = desk("ack", "0444", "--by", "ben").out
    assert again == "04443a28 was acknowledged already, by anna; it was cleared by itself before\n"


def test_who_takes_back_what_nobody_did_is_told_that_nobody_did_it(desk: Desk) -> None:
    """Not that it "was reopened already": somebody would look for who did."""
    assert desk("unack", "0444").out == "04443a28 was not acknowledged\n"
    assert desk("assign", "0444", "--nobody").out == "04443a28 was assigned to nobody\n"
    assert desk("reopen", "0444").out == "04443a28 was not closed by hand\n"


def test_of_two_who_do_the_same_the_second_is_told_who_was_the_first(migrated: Database) -> None:
    raised(migrated)
    with queries.connect(migrated.writer_url, read_only=False) as connection:
        for action in ("acknowledged", "closed"):
            assert alert_desk.act(connection, "a1", action, by="anna").before is None  # type: ignore[arg-type]
            second = alert_desk.act(connection, "a1", action, by="ben")  # type: ignore[arg-type]
            assert second.before is not None
            assert second.before.by == "anna"
        assert alert_desk.act(connection, "a1", "unassigned", by="ben").before is None


def test_who_overrides_what_another_did_is_told_whose_it_was(desk: Desk) -> None:
    assert desk("assign", "0444", "--to", "bo", "--due", "2h", "--by", "anna").code == 0
    done = desk("assign", "0444", "--to", "carl", "--by", "ben").out
    assert done.startswith("04443a28 assigned to carl; until now it was assigned to bo by anna, due 20")
    assert done.endswith(" UTC\n")
    done = desk("assign", "0444", "--nobody", "--by", "anna").out
    assert done == "04443a28 unassigned; until now it was assigned to carl by ben\n"
    for does, undoes, said in (
        ("ack", "unack", "acknowledged by anna"),
        ("clear", "reopen", "closed by anna"),
    ):
        assert desk(does, "0444", "--by", "anna").code == 0
        assert desk(does, "0444", "--by", "ben", "--text", "me too").out.endswith(
            f"; until now it was {said}\n"
        )
        assert desk(undoes, "0444", "--by", "anna").out.endswith(
            "; until now it was " + said.replace("anna", "ben") + "\n"
        )


def test_who_changes_what_is_their_own_is_not_told_of_it(desk: Desk) -> None:
    assert desk("ack", "0444", "--by", "anna").code == 0
    assert desk("unack", "0444", "--by", "anna").out == "04443a28 unacknowledged\n"
    for due in ("2h", "3h"):
        done = desk("assign", "0444", "--to", "bo", "--due", due, "--by", "anna").out
        assert "until now" not in done


def test_of_two_who_assign_at_once_the_second_is_told_of_the_first(migrated: Database) -> None:
    raised(migrated)
    found: list[alert_desk.Deed] = []

    def assign(name: str) -> None:
        with queries.connect(migrated.writer_url, read_only=False) as connection:
            found.append(alert_desk.act(connection, "a1", "assigned", by=name, assignee=name))

    threads = [threading.Thread(target=assign, args=(name,)) for name in ("anna", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    first, second = sorted(found, key=lambda deed: deed.before is not None)
    assert first.before is None
    assert second.before is not None
    assert handled(migrated)["assignee"] != second.before.assignee


def test_a_password_that_is_wrong_is_said_as_such(desk: Desk) -> None:
    """The servers of the tests trust everybody; a role that is not there is refused in the same way."""
    url = desk.database.writer_url.replace("//", "//nobody-", 1)
    done = desk("list", UB_DATABASE_URL=url)
    assert done.code == 1
    assert "refuses us" in done.err
    assert "does not answer" not in done.err


def test_a_silence_of_a_district_is_taken_where_districts_are_not_known(desk: Desk) -> None:
    """Whoever notifies may know them."""
    done = desk("silence", "add", "district=Pudong", "--until", "1h", "--reason", "fair")
    assert done.code == 0
    assert "UB_DISTRICTS_FILE is not set here: district=Pudong" in done.err
    assert "district=Pudong" in desk("silence", "list").out


def test_where_districts_are_not_known_nothing_is_silenced_by_what_asks_for_them(desk: Desk) -> None:
    """To who knows none, all alerts lie outside of Pudong: nobody would see here what others are woken by."""
    done = desk("silence", "add", "district!=Pudong", "--until", "1h", "--reason", "fair")
    assert "UB_DISTRICTS_FILE is not set here: district!=Pudong" in done.err
    listed = desk("list", "--not-silenced", "--json")
    assert [json.loads(line)["alert_id"] for line in listed.out.splitlines()] == ["04443a28"]
    assert "silence nothing here (1, such as district!=Pudong): set UB_DISTRICTS_FILE" in listed.err
    assert "silenced   until" not in desk("show", "0444").out
    assert not KnownSilences(desk.database.writer_url, districts=False).silences({"zone": ("default",)})
    assert KnownSilences(desk.database.writer_url, districts=True).silences({"zone": ("default",)})


@pytest.mark.parametrize("command", [("list",), ("silence", "add", "--until", "1h", "--reason", "fair")])
def test_a_district_that_there_is_not_is_refused(
    desk: Desk, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """A silence with a misspelt one would keep nothing back."""
    area = {"type": "Polygon", "coordinates": [[[121.5, 31.2], [121.6, 31.2], [121.6, 31.3], [121.5, 31.2]]]}
    pudong = {"type": "Feature", "properties": {"name": "Pudong"}, "geometry": area}
    file = tmp_path / "districts.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [pudong]}))
    assert desk(*command, "district=Pudong", UB_DISTRICTS_FILE=str(file)).code == 0
    done = desk(*command, "district=Pudnog", UB_DISTRICTS_FILE=str(file))
    assert done.code == 2
    assert f"matches no alert: the districts of UB_DISTRICTS_FILE={file} are Pudong" in done.err


def test_lists_are_whole_where_there_is_no_terminal_and_as_json(desk: Desk) -> None:
    raised(desk.database, "05550000-0000-4000-8000-000000000001", severity="minor")
    assert desk("assign", "0555", "--to", "carl", "--due", "2h").out.startswith(
        "05550000-0000-4000-8000-000000000001 assigned to carl, due 20"
    )
    made = desk("silence", "add", "severity=minor", "--until", "1h", "--reason", "fair").out.strip()
    assert "05550000-0000-4000-8000-000000000001" in desk("list").out
    assert made in desk("silence", "list").out
    found = [json.loads(line) for line in desk("list", "--json").out.splitlines()]
    assert sorted((one["alert_id"][:8], one["silenced"], one["inhibited_by"]) for one in found) == [
        ("04443a28", False, None),
        ("05550000", True, None),
    ]
    assert all(one["cell"] == one["hex"] for one in found), "as `alerts tail --json` and the tables name it"
    [silence] = map(json.loads, desk("silence", "list", "--json").out.splitlines())
    assert (silence["silence_id"], silence["comment"]) == (made, "fair")
    short = desk("list", "--limit", "1", "--json")
    assert (len(short.out.splitlines()), short.err) == (
        1,
        "there are more than 1, not shown: 1 minor; raise --limit to see them\n",
    )


def test_a_list_that_is_cut_says_how_severe_is_what_it_leaves_out(desk: Desk) -> None:
    """A critical alert of an hour ago stands before all warnings of now."""
    raised(desk.database, "0555", severity="critical", starts_at=T0 - 3_600_000)
    for number in range(3):
        raised(desk.database, f"066{number}", severity="warning", starts_at=T0 + 60_000)
    done = desk("list", "--limit", "2")
    assert done.err == "there are more than 2, not shown: 3 warning; raise --limit to see them\n"
    assert done.out.index("0555") < done.out.index("04443a28"), "the most severe first"
    found = desk("list", "--json", "--limit", "3")
    assert [json.loads(line)["severity"] for line in found.out.splitlines()] == [
        "critical",
        "major",
        "warning",
    ]
    for number in range(3):
        write(desk.database, *rows.alert("cleared", 1, T0 + 1, alert_id=f"066{number}"), stage="incidents")
    assert desk("list", "--status", "cleared", "--limit", "2").err == (
        "there are more than 2; raise --limit to see them\n"  # two years of them are not read for it
    )


@pytest.mark.parametrize(
    ("matchers", "said"),
    [
        (["zone=defualt"], "matches none of the 2 open alerts"),
        (["severity=minor", "zone=~d.*"], "matches 1 of the 2 open alerts"),
        (["zone=~.*"], "matches 2 of the 2 open alerts"),
    ],
)
def test_who_silences_hears_until_when_and_how_many_open_alerts(
    desk: Desk, matchers: list[str], said: str
) -> None:
    """A zone that is misspelt keeps nothing back, and one matcher too few keeps all back."""
    raised(desk.database, "0555", severity="minor")
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    there = until.astimezone(timezone(timedelta(hours=8))).isoformat()
    done = desk("silence", "add", *matchers, "--until", there, "--reason", "fair")
    assert (done.code, done.err) == (0, f"holds until {to_second(until)} UTC; now it {said}\n")
    assert done.out.strip() in desk("silence", "list").out
    later = (until - timedelta(hours=1)).isoformat()
    done = desk("silence", "add", "district=Pudong", "--from", later, "--until", there, "--reason", "fair")
    assert (
        f"holds from {to_second(until - timedelta(hours=1))} until {to_second(until)} UTC; how many"
        in done.err
    )
    assert "is not known without UB_DISTRICTS_FILE" in done.err


def test_silences_and_due_times_count_from_now_by_the_clock_of_the_database(desk: Desk) -> None:
    """By a clock an hour behind, a silence of half an hour was over before it began, and said that it held."""
    settings = {"UB_DATABASE_URL": an_hour_ahead(desk.database)}
    begun = datetime.now(UTC)
    done = desk("silence", "add", "zone=default", "--until", "30m", "--reason", "fair", **settings)
    assert done.code == 0, done.err
    assert "s behind the database's, which counts: there it is" in done.err
    assert "now it matches 1 of the 1 open alerts" in done.err
    [silence] = map(json.loads, desk("silence", "list", "--json").out.splitlines())
    begins, ends = (datetime.fromisoformat(silence[name]) for name in ("starts_at", "ends_at"))
    assert timedelta() <= begins - begun - timedelta(hours=1) < timedelta(minutes=1)
    assert ends - begins == timedelta(minutes=30)
    assert "silenced" in desk("list", **settings).out
    assert "silenced" not in desk("list").out, "it begins in an hour"
    follower = KnownSilences(settings["UB_DATABASE_URL"], districts=False)
    assert follower.silences({"zone": ("default",)}), "whoever follows goes by the same clock"
    assert "silenced   until" in desk("show", "0444", **settings).out
    assert desk("assign", "0444", "--to", "carl", "--due", "2h", **settings).code == 0
    due = datetime.fromisoformat(json.loads(desk("show", "0444", "--json").out)["due_at"])
    assert timedelta() <= due - begun - timedelta(hours=3) < timedelta(minutes=1)
    soon = (begun + timedelta(minutes=30)).isoformat()
    refused = desk("assign", "0444", "--to", "carl", "--due", soon, **settings)
    assert "is in the past; give a time in the future" in refused.err


def test_of_several_the_one_that_is_refused_keeps_the_others_from_nobody(desk: Desk) -> None:
    raised(desk.database, "0555")
    over = rows.alert("cleared", 1, T0 + 1, alert_id="0555")
    write(desk.database, *over, stage="incidents")
    done = desk("clear", "0555", "0444", "0444", "--by", "anna")
    assert done.code == 1
    assert [line for line in done.out.splitlines() if "closed" in line] == ["04443a28 closed"]
    assert "0555" in done.err
    assert query(desk.database.owner_url, "SELECT DISTINCT told FROM ub.alert_action") == [(True,)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ack", "0"), "begins more than one id"),
        (("ack", "nothing"), "there is no alert whose id begins with 'nothing'"),
        (("assign", "0444"), "give --to NAME (and --due TIME, if wanted), or --nobody"),
        (
            ("assign", "0444", "--to", "carl", "--due", "2020-01-01"),
            "--due 2020-01-01T00:00:00Z is in the past",
        ),
        (("ack", "0444", "--by", "eve\n2026"), "the character '\\n' cannot be shown; leave it out"),
        (("comment", "0444", "--text", "\x1b[31m"), "the character '\\x1b' cannot be shown"),
        (("comment", "0444", "--text", "x" * 4_001), "1 to 4000 characters are expected, and these are 4001"),
        (("show", "\udcff"), "the character '\\udcff' cannot be shown"),
        (
            ("silence", "add", "zone=~(?=a)", "--until", "1h", "--reason", "x"),
            "not a regular expression of RE2",
        ),
        (("comment", "0444", "--text", " "), "1 to 4000 characters"),
        (
            ("silence", "add", "colour=red", "--until", "1h", "--reason", "x"),
            "'colour' is not a label of alerts",
        ),
        (
            ("silence", "add", "severity=mayor", "--until", "1h", "--reason", "x"),
            "severity is never that; it is one of warning",
        ),
        (("list", "district=Pudong"), "matches no alert while UB_DISTRICTS_FILE is not set"),
        (("tail", "kind=bikes"), "kind is never that"),
        (("list", "--since", "yesterday"), "neither a duration"),
        (("silence", "add", "zone=x", "--until", "soon", "--reason", "x"), "neither a duration"),
        (
            ("silence", "add", "zone=x", "--until", "2020-01-01", "--reason", "x"),
            "--until 2020-01-01T00:00:00Z is in the past; give a time in the future",
        ),
        (
            ("silence", "add", "zone=x", "--from", "3h", "--until", "2h", "--reason", "x"),
            "Z is not after --from 2",
        ),
        (
            ("silence", "add", "zone=x", "--until", "9999-12-31T23:59:59-08:00", "--reason", "x"),
            "ten years ahead",
        ),
        (("silence", "expire", "x"), "there is no silence"),
        (("silence", "expire", "\udcff"), "the character '\\udcff' cannot be shown"),
        (("list", "--operator", "\udcff"), "the character '\\udcff' cannot be shown"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    raised(desk.database, "0555")
    done = desk(*arguments)
    assert done.code != 0
    assert "Traceback" not in done.err
    assert words in done.err.strip().splitlines()[-1]


# ------------------------------------------------------------------ following


@contextmanager
def following(desk: Desk, output: Path, *options: str) -> Iterator[Callable[[], str]]:
    """`alerts tail`, once it follows; gives what it has written so far."""
    said = output.with_suffix(".err")
    with output.open("w") as file, said.open("w") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", "streams.cli", "alerts", "tail", *options],
            env={**clean_environment(), **desk.settings, "PYTHONUNBUFFERED": "1"},
            stdout=file,
            stderr=errors,
            cwd=output.parent,
        )
        try:
            wait_until(lambda: "\n" in said.read_text() or child.poll() is not None, "a word")
            yield output.read_text
        finally:
            child.send_signal(signal.SIGTERM)
            assert child.wait(60) == 0, said.read_text()


def test_who_follows_where_nothing_happens_is_told_that_it_works(
    desk: Desk, stack: Endpoints, tmp_path: Path
) -> None:
    said = tmp_path / "open.err"
    with following(desk, tmp_path / "open", "zone=nowhere") as seen:
        assert seen() == ""
    where = f"{stack.mqtt_host}:{stack.mqtt_port}"
    assert said.read_text() == f"following alerts at {where}; times are UTC; Ctrl-C ends it\n"


def test_who_follows_hears_last_of_what_the_list_shows_first(
    desk: Desk, stack: Endpoints, tmp_path: Path
) -> None:
    client, alerts = connected(stack), OpenAlerts()
    open_ = {"0a": ("critical", 1), "0b": ("warning", 9), "0c": ("critical", 5), "0d": ("minor", 3)}

    def tell_of(alert_id: str, action: AlertAction) -> None:
        severity, minutes = open_[alert_id]
        one = msgspec.structs.replace(
            event(alert_id, int(action == "cleared"), action, severity),  # type: ignore[arg-type]
            starts_at=T0 + 60_000 * minutes,
        )
        for message in alerts.tell(one).mqtt:
            client.publish(message.topic, message.payload, 1, message.retain).wait_for_publish(60)

    for alert_id in open_:
        tell_of(alert_id, "raised")
    with following(desk, tmp_path / "open", "--json") as seen:
        wait_until(lambda: seen().count("\n") == len(open_), "what is open")
        told = [json.loads(line)["alert_id"] for line in seen().splitlines()]
        for alert_id in open_:
            tell_of(alert_id, "cleared")
    assert told == ["0b", "0d", "0a", "0c"]
    client.disconnect()
    client.loop_stop()


def test_following_ends_with_a_reason_where_what_is_open_cannot_be_written(
    desk: Desk, stack: Endpoints, tmp_path: Path
) -> None:
    client, alerts, one = connected(stack), OpenAlerts(), event("0f", 0, "raised")
    for message in alerts.tell(one).mqtt:
        client.publish(message.topic, message.payload, 1, message.retain).wait_for_publish(60)
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "streams.cli", "alerts", "tail"],
            env={**clean_environment(), **desk.settings},
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            timeout=60,
            check=False,
            text=True,
        )
    for message in alerts.tell(event("0f", 1, "cleared")).mqtt:
        client.publish(message.topic, message.payload, 1, message.retain).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()
    assert ended.returncode == 1
    assert "cannot write the output: No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_who_follows_hears_once_of_each_alert_that_is_open_on_a_cell(
    desk: Desk, stack: Endpoints, tmp_path: Path
) -> None:
    client, alerts = connected(stack), OpenAlerts()

    def tell_of(alert: Alert) -> None:
        for message in alerts.tell(alert).mqtt:
            client.publish(message.topic, message.payload, 1, message.retain).wait_for_publish(60)

    both = ["04443a28", "05550000"]
    for alert_id in both:
        tell_of(event(alert_id, 0, "raised"))
    with following(desk, tmp_path / "open", "--json") as seen:
        wait_until(lambda: seen().count("\n") == 2, "what is open")
        for alert_id in both:
            tell_of(event(alert_id, 1, "cleared"))
        wait_until(lambda: seen().count('"action":"cleared"') == 2, "their ends")
        told = [json.loads(line) for line in seen().splitlines()]
    assert sorted((one["alert_id"], one["sequence"]) for one in told) == [
        (one, n) for one in both for n in (0, 1)
    ]
    client.disconnect()
    client.loop_stop()


def test_who_follows_sees_what_people_do_and_not_what_is_silenced(
    desk: Desk, stack: Endpoints, tmp_path: Path
) -> None:
    client = connected(stack)
    published = []

    def publish(alert: Alert) -> None:
        topic = topics.alert_topic(alert.severity, alert.kind, alert.cell)
        published.append(topic)
        client.publish(topic, codec.encode(alert), qos=1, retain=True).wait_for_publish(60)

    raised(desk.database, "05550000", severity="minor")
    assert desk("silence", "add", "severity=minor", "--until", "1h", "--reason", "fair").code == 0
    publish(event("04443a28", 0, "raised"))
    publish(event("05550000", 0, "raised", "minor"))
    with (
        following(desk, tmp_path / "open") as seen,
        following(desk, tmp_path / "all", "--silenced", "--json") as everything,
        following(desk, tmp_path / "didi", "--operator", "didi") as of_didi,
        following(desk, tmp_path / "acked", "--acknowledged") as acknowledged,
    ):
        wait_until(lambda: "RAISED" in seen() and everything().count("\n") == 2, "what is open")
        assert desk("ack", "0444", "--by", "anna", "--text", "two vans").code == 0
        wait_until(lambda: "acknowledged by anna: two vans  04443a28" in seen(), "the action")
        assert desk("clear", "0444", "--by", "anna").code == 0
        wait_until(lambda: "closed by anna" in seen(), "the closing")
        worse = rows.alert("updated", 1, T0 + 1, alert_id="04443a28", severity="critical")
        write(desk.database, *worse, stage="incidents")
        client.publish(published[0], b"", qos=1, retain=True).wait_for_publish(60)
        publish(event("04443a28", 1, "updated", "critical"))
        wait_until(lambda: "CHANGED critical" in seen() and "CHANGED" in acknowledged(), "the worse")
        assert "minor" not in seen()
        wait_until(lambda: len(everything().splitlines()) == 5, "the same in what shows all")
        assert of_didi() == ""
    # a new subscriber does not see what was closed meanwhile
    assert desk("clear", "0444", "--by", "anna").code == 0
    with following(desk, tmp_path / "late", "--silenced") as late:
        wait_until(lambda: "minor" in late(), "what is open")
        publish(event("06660000", 0, "raised", "warning"))  # comes after all that was open
        wait_until(lambda: "06660000" in late(), "what came then")
        assert "critical" not in late()
        assert desk("reopen", "0444", "--by", "anna").code == 0
        wait_until(lambda: "CHANGED critical" in late(), "what was opened again")
    # what was severe enough is followed to its end
    with following(desk, tmp_path / "severe", "--severity", "critical") as severe:
        wait_until(lambda: "critical" in severe(), "what is open")
        publish(event("04443a28", 2, "updated", "minor"))
        publish(event("04443a28", 3, "cleared", "minor"))
        wait_until(lambda: "CLEARED minor" in severe(), "the end")
        assert "05550000" not in severe()
    for topic in published:
        client.publish(topic, b"", qos=1, retain=True).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()
