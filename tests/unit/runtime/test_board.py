"""The board of retained messages: what is wrong with it, and when it is put right."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from schemas import codec
from streams import topics
from streams.runtime.board import LONGEST_PATIENCE, PATIENCE, PATIENCE_AHEAD, Board, Correction, Watch
from tests.unit.alerts.events import alert

OURS, THEIRS = 0, 1
REACHED = 100
"""Offset that the fold has come to."""
TOPIC = "ub/v1/alerts/major/oversaturation/89309959d07ffff"
INCIDENT = "ub/v1/incidents/major/i"


def event(alert_id: str = "id", *, partition: int = OURS, offset: int = 7, sequence: int = 0) -> bytes:
    one = alert()
    evidence = msgspec.structs.replace(one.evidence, partition=partition, offset=offset)
    changed = msgspec.structs.replace(one, alert_id=alert_id, sequence=sequence, evidence=evidence)
    return codec.encode(changed)


def an_incident(region: str) -> bytes:
    return msgspec.json.encode({"incident_id": "i", "sequence": 3, "region": region})


class City:
    """A board and one partition that is looked at; all that nobody wants is over in the tables, unless they say so."""

    def __init__(self, wanted: Mapping[str, Sequence[bytes]] | None = None) -> None:
        self.board = Board({"here": OURS, "there": THEIRS}.__getitem__)
        self.watch = Watch(OURS)
        self.wanted = wanted or {}
        self.open: set[str] = set()

    def pin(self, topic: str, payload: bytes) -> None:
        self.board.heard(topic, payload, retain=True)

    def look(self, *under_way: str) -> list[Correction]:
        over = {"id", "i", "other"} - self.open
        return self.watch.look(
            self.board.notices, self.wanted, applied=REACHED, under_way=under_way, over=over
        )

    def looks(self, count: int) -> list[tuple[str, bytes]]:
        """Look so often; what there was to put right, which nobody does."""
        return [(one.topic, one.payload) for _ in range(count) for one in self.look()]


def test_what_stands_and_is_wanted_is_right() -> None:
    city = City({TOPIC: [event()], INCIDENT: [an_incident("here")]})
    city.pin(TOPIC, event())
    city.pin(INCIDENT, an_incident("here"))
    assert city.looks(50) == []


def test_what_nobody_wants_any_more_is_taken_back_after_some_looks() -> None:
    city = City()
    city.pin(TOPIC, event())
    city.pin(INCIDENT, an_incident("here"))
    assert city.looks(PATIENCE - 1) == []
    assert city.looks(1) == [(TOPIC, b""), (INCIDENT, b"")]


def test_what_is_open_with_another_severity_is_taken_back_where_it_stood_before() -> None:
    """A broker that crashed may remember it with the severity that it had; the tables call it open all the same."""
    now, before = (TOPIC, INCIDENT), (topic.replace("major", "minor") for topic in (TOPIC, INCIDENT))
    city = City({TOPIC: [event(sequence=1)], INCIDENT: [an_incident("here")]})
    city.open = {"id", "i"}
    for topic, old, payload in zip(now, before, (event(), an_incident("here")), strict=True):
        city.pin(topic, city.wanted[topic][0])
        city.pin(old, payload)
    assert city.looks(PATIENCE) == [(topic.replace("major", "minor"), b"") for topic in now]


def test_what_is_missing_is_published_anew() -> None:
    city = City({TOPIC: [event()]})
    assert city.looks(PATIENCE) == [(TOPIC, event())]
    city.pin(TOPIC, event())
    assert city.looks(1) == []
    city.pin(TOPIC, b"")
    assert city.looks(PATIENCE) == [(TOPIC, event())]


def test_what_is_older_than_it_ought_to_be_is_replaced() -> None:
    city = City({TOPIC: [event(sequence=1)]})
    city.pin(TOPIC, event(sequence=0))
    assert city.looks(PATIENCE) == [(TOPIC, event(sequence=1))]


def test_of_alerts_that_share_a_topic_any_may_stand_and_the_first_is_published() -> None:
    city = City({TOPIC: [event("new"), event("old")]})
    for one in ("new", "old"):
        city.pin(TOPIC, event(one))
        assert city.looks(50) == []
    city.pin(TOPIC, event("over"))
    assert city.looks(PATIENCE) == [(TOPIC, event("new"))]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TOPIC, event(partition=THEIRS)),
        (TOPIC, event().replace(b'"partition":0', b'"partition":99999999999999999999999')),
        (INCIDENT, an_incident("there")),
    ],
)
def test_what_is_of_another_partition_is_left_alone(topic: str, payload: bytes) -> None:
    city = City()
    city.pin(topic, payload)
    assert city.looks(50) == []
    city.wanted = {topic: [event("id")]}
    assert city.looks(50) == []


@pytest.mark.parametrize(
    "payload",
    [
        b"\xff",
        b"[" * 100_000,
        b"{}",
        b'{"alert_id": 3}',
        event().replace(b"ub.cells", b"ub.other"),
        event("a\0b"),
        event("two\nlines"),
        event("line\n"),
        event("\u6d66\u4e1c"),
        event("").replace(b'"alert_id":""', b'"alert_id":"\\ud800"'),
    ],
)
def test_what_cannot_be_read_is_left_alone_but_where_something_is_wanted(payload: bytes) -> None:
    city = City()
    city.pin(TOPIC, payload)
    city.pin(INCIDENT, payload)
    assert city.board.notices[TOPIC].told is None
    assert city.looks(50) == []
    city.wanted = {TOPIC: [event()]}
    assert city.looks(PATIENCE) == [(TOPIC, event())]


def test_what_we_publish_is_waited_for() -> None:
    city = City()
    city.pin(TOPIC, event())
    for _ in range(10):
        assert city.look(TOPIC) == []
        assert city.looks(PATIENCE - 1) == []
    assert city.looks(1) == [(TOPIC, b"")]


def test_what_comes_right_by_itself_is_not_put_right() -> None:
    city = City()
    for _ in range(10):
        city.pin(TOPIC, event())
        assert city.looks(PATIENCE - 1) == []
        city.pin(TOPIC, b"")
        assert city.looks(1) == []


def test_what_is_of_a_record_that_the_fold_has_not_come_to_may_well_be_right() -> None:
    city = City()
    city.pin(TOPIC, event(offset=REACHED + 1))
    assert city.looks(PATIENCE_AHEAD - 1) == []
    assert city.looks(1) == [(TOPIC, b"")]


def test_what_is_of_the_record_that_the_fold_has_just_come_to_is_wrong_if_the_fold_says_so() -> None:
    city = City()
    city.pin(TOPIC, event(offset=REACHED))
    assert city.looks(PATIENCE) == [(TOPIC, b"")]


def test_what_the_tables_call_open_is_not_taken_back() -> None:
    """A detector that was switched off leaves its alerts open."""
    city = City()
    city.open = {"id"}
    city.pin(TOPIC, event())
    assert city.looks(50) == []
    assert city.watch.unwanted == ["id"]
    city.open = set()
    assert city.looks(PATIENCE) == [(TOPIC, b"")]


def test_what_is_put_right_in_vain_waits_longer_each_time_until_it_was_right() -> None:
    """A broker may show us nothing of what stands, or somebody else insist."""
    city = City({TOPIC: [event()]})
    assert len(city.looks(1000)) < 12
    assert len(city.looks(2 * LONGEST_PATIENCE)) == 2
    city.pin(TOPIC, event())
    assert city.looks(1) == []
    city.pin(TOPIC, b"")
    assert city.looks(PATIENCE) == [(TOPIC, event())]


def test_a_message_that_is_not_retained_changes_nothing_that_stands() -> None:
    city = City({TOPIC: [event()]})
    city.pin(TOPIC, event())
    city.board.heard(TOPIC, event("other"), retain=False)
    city.board.heard(TOPIC, b"", retain=False)
    assert city.looks(50) == []


def test_a_correction_says_what_stood_there() -> None:
    city = City({TOPIC: [event()]})
    city.pin(TOPIC, b"garbage")
    city.pin(INCIDENT, an_incident("here"))
    city.look()
    assert [str(one.stood) for one in city.look()] == ["something that is none of ours", "event 3 of i"]


def test_nothing_is_known_of_a_board_until_the_broker_has_told_all_of_it() -> None:
    board = Board({}.__getitem__)
    assert not board.known(1e9)
    board.subscribed(100.0)
    assert not board.known(100.5)
    assert board.known(110.0)
    board.heard(TOPIC, event(), retain=True)
    board.lost()
    assert not board.known(120.0)
    assert board.notices == {}


def test_the_board_is_all_that_a_worker_keeps_retained_of_alerts_and_incidents() -> None:
    assert topics.MQTT_BOARD_FILTERS == (
        "ub/v1/alerts/#",
        "ub/v1/open-alerts/#",
        "ub/v1/open-alerts-by/#",
        "ub/v1/incidents/#",
    )
