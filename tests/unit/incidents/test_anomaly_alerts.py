"""Alerts of metrics: from a closed window to Kafka, MQTT and the tables, over crashes and with too many series."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace

import h3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsHealth, CellsMetrics, ClosedMetrics
from streams import topics
from streams.fold.contract import Record, Restored
from streams.grid.locate import centre
from streams.grid.metrics import SENSING
from streams.incidents.anomaly.contract import Score
from streams.incidents.anomaly.series import AnomalyConfig
from streams.incidents.anomaly.watch import Rule, Watch, over, step
from streams.incidents.anomaly.watch import restored as restored_watch
from streams.incidents.policy import Rule as Capacity
from streams.incidents.policy import parse
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, restored
from tests.unit.incidents.cells_log import CellsLog

CELL, OTHER, THIRD = "89309959d07ffff", "89309959d0fffff", "89309959d17ffff"
REGION = "82309ffffffffff"
MINUTE, DAY = 60_000, 1_440
RULE = Rule(raise_at=0.5, quiet_ms=30 * MINUTE)
POLICY = parse(None, Capacity("default", 60, 1.0, 0.8, 120_000), "rules")
Row = tuple[int, str, str, float, int]
"""Minute, cell, metric, mean, revision."""


class Watched(CellsLog):
    """An incidents fold that watches metrics, and its log."""

    def __init__(self, config: AnomalyConfig | None = None) -> None:
        self.config = config or AnomalyConfig(rule=RULE)
        super().__init__()

    def open(self, start: Restored) -> IncidentsState:
        return IncidentsState(POLICY, centre, start, self.config)

    def close(self, *rows: Row, watermark: int | None = None, whole: bool = True) -> list[Alert]:
        """Close windows, which are `whole` at once; returns the alerts told."""
        minutes, cells, metrics, means, revisions = ([row[i] for row in rows] for i in range(5))
        n = len(rows)
        columns = ClosedMetrics(
            [T0 + int(minute) * MINUTE for minute in minutes], cells, metrics, ["1"] * n, [1] * n, means, means,
            means, means, [None] * n, means, means, [[]] * n, [[]] * n, revisions,
        )  # fmt: skip
        until = T0 + (max(minutes, default=0) + 1 if watermark is None else watermark) * MINUTE
        told = self.fold_bytes(codec.encode(CellsMetrics(REGION, until, MINUTE, columns)))
        return told + (self.whole(until) if whole else [])

    def whole(self, until: int) -> list[Alert]:
        """Hear that all windows up to an event time are whole; returns the alerts told."""
        message = CellsHealth(REGION, until, until, -1, 0, -1, None, metrics_as_of=until)
        return self.fold_bytes(codec.encode(message))

    def live(self, minutes: Sequence[int], cell: str = CELL, metric: str = "temperature") -> None:
        """Close quiet windows, ten at a time: a saw of ten values."""
        for first in range(0, len(minutes), 10):
            self.close(*((m, cell, metric, 20.0 + m % 10, 0) for m in minutes[first : first + 10]))

    def crash(self) -> list[Alert]:
        """Begin again from the checkpoint; what is told again is not kept a second time."""
        outputs = list(self.outputs)
        told = super().crash()
        self.outputs = outputs
        return told

    def retained(self) -> dict[str, str]:
        """Return the ids of the alerts that an MQTT broker retains where they share topics."""
        return {
            topic: id_ for topic, id_ in self.board().items() if topic.startswith(f"{topics.MQTT_ALERTS}/")
        }

    def on_their_own(self) -> set[str]:
        """Return the ids of the alerts that an MQTT broker retains on a topic of their own."""
        board = self.board()
        kept = {topic: id_ for topic, id_ in board.items() if topic.startswith(f"{topics.MQTT_OPEN_ALERTS}/")}
        assert all(topic.endswith(f"/{id_}") for topic, id_ in kept.items())
        return set(kept.values())

    def board(self) -> dict[str, str]:
        """Return the ids of the alerts that an MQTT broker retains, by topic."""
        kept: dict[str, str] = {}
        for message in (message for output in self.outputs for message in output.mqtt):
            if message.retain and message.payload:
                kept[message.topic] = codec.alert.decode(message.payload).alert_id
            elif message.retain:
                kept.pop(message.topic, None)
        return kept


def warm(*metrics: str, config: AnomalyConfig | None = None) -> Watched:
    """Return a fold that has seen a day and a bit of each metric."""
    watched = Watched(config)
    for metric in metrics or ("temperature",):
        watched.live(range(DAY + 10), metric=metric)
    assert watched.outputs == []
    return watched


def test_a_value_beyond_all_that_was_seen_raises_and_quiet_clears() -> None:
    watched = warm()
    [raised] = watched.close((1450, CELL, "temperature", 25.0 + 30, 0))
    assert (raised.kind, raised.action, raised.status, raised.cell) == ("anomaly", "raised", "active", CELL)
    assert raised.starts_at == raised.updated_at == T0 + 1450 * MINUTE
    assert (raised.lat, raised.lon) == centre(int(CELL, 16))
    for minute in range(1451, 1479):
        assert watched.close((minute, CELL, "temperature", 25.0, 0)) == [], minute
    [cleared] = watched.close((1480, CELL, "temperature", 25.0, 0))
    assert (cleared.alert_id, cleared.sequence, cleared.status) == (raised.alert_id, 1, "cleared")
    assert cleared.ends_at == T0 + 1480 * MINUTE
    assert watched.retained() == {}


def test_quiet_clears_within_a_backlog_as_it_does_while_time_goes_on() -> None:
    """A sensor that speaks every quarter of an hour; an hour of its windows comes minute by minute, or at once."""
    values, counts = {1450: 900.0, 1465: 25.0, 1495: 900.0, 1510: 25.0}, AnomalyConfig("counts", RULE)
    rows = [(minute, CELL, "temperature", value, 0) for minute, value in values.items()]
    live, behind = warm(config=counts), warm(config=counts)
    told = []
    for minute in range(1450, 1511):
        told += live.close(*(row for row in rows if row[0] == minute), watermark=minute + 1)
    behind.close(*rows, whole=False)
    at_once = behind.whole(T0 + 1511 * MINUTE)
    assert [event.action for event in told] == ["raised", "cleared", "raised"]
    assert [(event.action, event.alert_id) for event in at_once] == [
        (event.action, event.alert_id) for event in told
    ]


def test_an_alert_says_what_it_rests_on() -> None:
    watched = warm()
    [alert] = watched.close((1450, CELL, "temperature", 55.0, 0))
    found = alert.evidence.anomaly
    assert found is not None
    assert (found.metric, found.value, found.observed, found.window_start) == (
        "temperature", 55.0, 55.0, T0 + 1450 * MINUTE,
    )  # fmt: skip
    assert (found.detector, found.detector_version, alert.policy) == ("records", 4, "records")
    assert found.low < 25 < found.high < 55
    assert found.score >= 0.5
    assert (alert.evidence.topic, alert.evidence.partition, alert.evidence.offset) == ("ub.cells", 2, 291)
    assert alert.evidence.occupancy is None
    assert alert.summary.startswith("temperature 55 1, expected 20 to 29 (score 0.5")


def test_the_first_day_raises_nothing() -> None:
    watched = Watched()
    watched.live(range(DAY - 10))
    assert watched.close((DAY - 1, CELL, "temperature", 60.0, 0)) == []


@pytest.mark.parametrize("row", [(1300, CELL, "temperature", 60.0, 0), (1450, CELL, "temperature", 60.0, 1)])
def test_a_window_of_the_past_or_amended_decides_nothing(row: Row) -> None:
    assert warm().close(row) == []


def test_a_window_that_closed_by_half_is_judged_when_it_is_whole() -> None:
    """A source that was held up: its sensors are the half of the mean."""
    watched = warm()
    assert watched.close((1450, CELL, "temperature", 2.0, 0), whole=False) == []
    watched.checkpoint()
    watched.crash()
    assert watched.close((1450, CELL, "temperature", 21.0, 1)) == []
    assert watched.close((1451, CELL, "temperature", 21.0, 0), whole=False) == []
    assert watched.close((1451, CELL, "temperature", 60.0, 1), whole=False) == []
    [raised] = watched.whole(T0 + 1452 * MINUTE)
    assert raised.starts_at == T0 + 1451 * MINUTE
    assert raised.evidence.first_offset == raised.evidence.offset - 2


def test_a_window_that_is_first_told_late_is_judged_unless_a_later_one_of_its_series_was() -> None:
    watched = warm()
    assert watched.close((1470, OTHER, "flow", 1.0, 0)) == []
    [raised] = watched.close((1450, CELL, "temperature", 60.0, 0), watermark=1472)
    assert raised.starts_at == T0 + 1450 * MINUTE
    assert watched.close((1449, CELL, "temperature", 900.0, 0), watermark=1473) == []


def test_a_series_that_says_nothing_more_is_cleared_when_its_region_goes_on() -> None:
    watched = warm()
    [raised] = watched.close((1450, CELL, "temperature", 60.0, 0))
    assert watched.close((1460, OTHER, "temperature", 20.0, 0), watermark=1479) == []
    [cleared] = watched.close((1461, OTHER, "temperature", 20.0, 0), watermark=1480)
    assert (cleared.alert_id, cleared.action, cleared.cell) == (raised.alert_id, "cleared", CELL)


def test_two_metrics_of_a_cell_share_a_topic_and_the_one_that_stays_open_stays_retained() -> None:
    watched = warm("temperature", "humidity")
    [first] = watched.close((1450, CELL, "temperature", 60.0, 0))
    [second] = watched.close((1460, CELL, "humidity", 60.0, 0))
    assert first.severity == second.severity
    topic = topics.alert_topic(first.severity, "anomaly", CELL)
    assert watched.retained() == {topic: second.alert_id}
    assert watched.on_their_own() == {first.alert_id, second.alert_id}, "a new subscriber hears of both"
    watched.close((1480, CELL, "temperature", 25.0, 0))
    assert watched.retained() == {topic: second.alert_id}
    assert watched.on_their_own() == {second.alert_id}
    watched.close((1495, CELL, "humidity", 25.0, 0))
    assert watched.board() == {}


def test_what_people_did_about_an_alert_is_taken_back_when_it_is_over() -> None:
    watched = warm("temperature", "humidity")

    def taken_back() -> list[str]:
        sent = [message.topic for output in watched.outputs for message in output.mqtt]
        return [topic for topic in sent if topic.startswith(topics.MQTT_ALERT_ACTIONS)]

    [first] = watched.close((1450, CELL, "temperature", 60.0, 0))
    [second] = watched.close((1460, CELL, "humidity", 60.0, 0))
    assert taken_back() == []
    watched.close((1480, CELL, "temperature", 25.0, 0))
    watched.close((1495, CELL, "humidity", 25.0, 0))
    assert taken_back() == [
        topics.alert_action_topic("anomaly", CELL, one.alert_id) for one in (first, second)
    ]


def test_tables_hold_the_newest_state_and_every_event() -> None:
    watched = warm()
    watched.close((1450, CELL, "temperature", 60.0, 0))
    watched.close((1480, CELL, "temperature", 25.0, 0))
    watched.checkpoint()
    [row] = watched.database.tables["alert"].values()
    assert (row["kind"], row["status"], json.loads(row["evidence"])["anomaly"]["metric"]) == (
        "anomaly", "cleared", "temperature",
    )  # fmt: skip
    assert [event["action"] for event in watched.database.tables["alert_event"].values()] == [
        "raised",
        "cleared",
    ]


def test_a_log_folded_again_gives_the_same_alerts_with_the_same_ids() -> None:
    watched = warm()
    watched.close((1450, CELL, "temperature", 60.0, 0))
    watched.close((1480, CELL, "temperature", 25.0, 0))
    again = Watched()
    for value in watched.log:
        again.fold_bytes(value)
    assert again.outputs == watched.outputs


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_checkpoint_and_its_restore_change_nothing_and_what_is_open_is_retained(
    data: st.DataObject,
) -> None:
    """Crashes anywhere, among spikes, gaps and two series; few enough series that some are forgotten."""
    config = AnomalyConfig(rule=RULE, most_series=data.draw(st.integers(1, 4)))
    whole, broken = warm(config=config), warm(config=config)
    minute = 1450
    for _ in range(data.draw(st.integers(5, 25))):
        minute += data.draw(st.sampled_from((1, 1, 7, 31)))
        cell = data.draw(st.sampled_from((CELL, CELL, OTHER, THIRD)))
        row = (
            minute,
            cell,
            data.draw(st.sampled_from(("temperature", "flow"))),
            data.draw(st.sampled_from((21.0, 60.0, 900.0))),
            0,
        )
        whole.close(row)
        broken.close(row)
        if data.draw(st.booleans()):
            broken.checkpoint()
        if data.draw(st.booleans()):
            broken.crash()
    assert broken.outputs == whole.outputs
    newest = {alert.alert_id: alert for alert in map(codec.alert.decode, (o.value for o in whole.outputs))}
    ongoing = [alert for alert in newest.values() if not alert.ends_at]
    opened = {(topics.alert_topic(a.severity, a.kind, a.cell), a.alert_id) for a in ongoing}
    own = {(topics.open_alert_topic(a.severity, a.kind, a.cell, a.alert_id), a.alert_id) for a in ongoing}
    assert set(whole.retained()) == {topic for topic, _ in opened}, (
        "a topic retains an alert while one is open"
    )
    assert set(whole.retained().items()) <= opened, "and none that is cleared"
    assert {
        (topic, codec.alert.decode(payload).alert_id)
        for topic, payloads in whole.fold.retained().items()
        for payload in payloads
    } == opened | own, "any of those may stand where they share a topic, and each on its own"
    assert whole.on_their_own() == {alert.alert_id for alert in ongoing}
    assert broken.fold.retained() == whole.fold.retained(), "byte for byte, whoever owned it"
    broken.checkpoint()
    whole.checkpoint()
    assert broken.database.tables == whole.database.tables
    assert broken.database.parts == whole.database.parts


def test_too_many_series_forget_those_longest_silent_and_clear_their_alerts() -> None:
    watched = warm(config=AnomalyConfig(rule=RULE, most_series=2))
    [raised] = watched.close((1450, CELL, "temperature", 60.0, 0))
    told = watched.close((1451, OTHER, "flow", 1.0, 0), (1451, THIRD, "flow", 1.0, 0))
    assert [(alert.alert_id, alert.action) for alert in told] == [(raised.alert_id, "cleared")]
    watched.checkpoint()
    assert set(watched.database.parts["incidents"]) == {
        f"anomaly/held/{REGION}",
        *(f"anomaly/{cell}/flow" for cell in (OTHER, THIRD)),
    }


def test_another_detector_begins_anew_and_open_alerts_stay_open() -> None:
    watched = warm()
    [raised] = watched.close((1450, CELL, "temperature", 60.0, 0))
    watched.checkpoint()
    watched.config = AnomalyConfig(detector="counts", rule=RULE)
    watched.crash()
    assert watched.close((1451, CELL, "temperature", 900.0, 0)) == []
    [cleared] = watched.close((1480, CELL, "temperature", 25.0, 0))
    assert cleared.alert_id == raised.alert_id


@pytest.mark.parametrize(
    ("changes", "detail"),
    [
        ({"cell": ["nowhere"]}, "'nowhere' is no H3 cell"),
        ({"mean": [1e300]}, "numbers up to 1e+12 are expected"),
        ({"mean": []}, "equal lengths expected"),
        ({"mean": [None]}, "Expected `float`"),
    ],
)
def test_a_message_that_cannot_be_is_refused(changes: dict[str, object], detail: str) -> None:
    watched = Watched()
    watched.close((0, CELL, "flow", 1.0, 0))
    message = json.loads(watched.log[0])
    message["rows"].update({"cell": [OTHER], **changes})
    assert watched.fold_bytes(json.dumps(message).encode()) == []
    [refused] = watched.outputs
    assert refused.topic == topics.REJECTED
    assert detail in json.loads(refused.value)["detail"]


def test_without_a_detector_metrics_decide_nothing() -> None:
    fold = IncidentsState(POLICY, centre, restored())
    for offset, value in enumerate(warm().log):
        fold.apply(Record(topics.CELLS, 2, offset, value, T0))
    assert fold.take_outputs(at_checkpoint=True) == []
    assert fold.take_changes().parts == {}


# ------------------------------------------------------------------ the rule


def severities(*scores: tuple[int, float]) -> list[str | None]:
    watch, found = Watch(), []
    for minute, score in scores:
        watch = step(watch, Score(score, "value", 0.0, 0.0, 0.0), minute * MINUTE, RULE)
        found.append(watch.severity)
    return found


def test_severity_is_that_of_the_worst_score_of_the_last_half_hour() -> None:
    """
    minute   0     1        2      20     31     32       50       61
    score    0.49  1.0      0.75   0.5    0      0        0.5 ...
    severity       major    major  major  minor  warning  warning
    """
    assert severities((0, 0.49), (1, 1.0), (2, 0.75), (20, 0.5), (31, 0.0), (32, 0.0), (49, 0.0), (50, 0.0)) == [
        None, "major", "major", "major", "minor", "warning", "warning", None,
    ]  # fmt: skip


def test_a_severity_that_falls_is_told_with_the_evidence_of_what_was_unusual() -> None:
    watched = warm(config=AnomalyConfig(rule=replace(RULE, raise_at=0.05)))
    [raised] = watched.close((1450, CELL, "temperature", 2000.0, 0))
    for minute in range(1451, 1479):  # the second time it is less of a surprise
        assert watched.close((minute, CELL, "temperature", 9000.0 if minute == 1470 else 25.0, 0)) == []
    watched.checkpoint()
    watched.crash()
    [fallen] = watched.close((1479, CELL, "temperature", 25.0, 0))
    assert (raised.severity, fallen.severity, fallen.action) == ("minor", "warning", "updated")
    assert fallen.evidence.anomaly == raised.evidence.anomaly
    assert fallen.evidence.first_offset == raised.evidence.first_offset
    assert raised.evidence.offset < fallen.evidence.offset
    [cleared] = watched.close(watermark=1500)
    assert (cleared.alert_id, cleared.sequence, cleared.action) == (raised.alert_id, 2, "cleared")
    assert watched.retained() == {}


def test_a_severity_that_fell_does_not_rise_by_the_clock_of_the_region() -> None:
    """News of health come all the time; what they end is what was silent for a day, as it was a day ago."""
    watched = warm(config=AnomalyConfig(rule=replace(RULE, raise_at=0.05)))
    watched.close((1450, CELL, "temperature", 2000.0, 0))
    for minute in range(1451, 1480):
        watched.close((minute, CELL, "temperature", 9000.0 if minute == 1470 else 25.0, 0))
    assert codec.alert.decode(watched.outputs[-1].value).severity == "warning"
    at = T0 + 1480 * MINUTE
    assert watched.fold_bytes(codec.encode(CellsHealth(REGION, at, at, -1, 0, -1, None))) == []


def test_a_checkpoint_of_an_earlier_version_keeps_its_severity_for_a_while() -> None:
    watch = restored_watch("minor", 10 * MINUTE, None)
    assert [over(watch, minute * MINUTE, RULE).severity for minute in (10, 39, 40)] == [
        "minor",
        "minor",
        None,
    ]


def test_severity_rises_with_the_score_at_once() -> None:
    """
    minute   0     1    2     3    4    33   34
    score    0.49  0.5  0.75  0.6  1.0  0    0
    """
    assert severities((0, 0.49), (1, 0.5), (2, 0.75), (3, 0.6), (4, 1.0), (33, 0.0), (34, 0.0)) == [
        None, "warning", "minor", "minor", "major", "major", None,
    ]  # fmt: skip


def test_a_score_like_the_first_keeps_the_alert_open() -> None:
    assert severities((0, 0.5), (29, 0.5), (58, 0.0), (59, 0.0)) == ["warning", "warning", "warning", None]


def test_a_series_ends_though_nothing_is_measured_in_its_region_any_more() -> None:
    """Others go on: after a day their time decides."""
    watched = warm()
    [raised] = watched.close((1450, CELL, "temperature", 60.0, 0))

    def time(minute: int) -> list[Alert]:
        at = T0 + minute * MINUTE
        return watched.fold_bytes(codec.encode(CellsHealth(REGION, at, at, -1, 0, -1, None)))

    assert time(1480 + DAY - 1) == []
    [cleared] = time(1480 + DAY)
    assert (cleared.alert_id, cleared.action) == (raised.alert_id, "cleared")


def test_rows_that_fill_a_message_are_not_taken_for_all_that_there_are() -> None:
    """An hour closes at once, in six messages; one of 91 cells is loud in all of its windows."""
    piece = SENSING.rows_a_record
    watched, usual = Watched(AnomalyConfig("counts", RULE)), random.Random(2)
    for minute in range(0, DAY, 10):
        watched.close(
            *((m, CELL, "flow", float(usual.randint(15, 25)), 0) for m in range(minute, minute + 10))
        )
    [raised] = watched.close((DAY, CELL, "flow", 900.0, 0))
    rows = sorted(
        (minute, cell, "flow", 900.0 if cell == CELL else 20.0, 0)
        for minute in range(DAY + 1, DAY + 61)
        for cell in h3.grid_disk(CELL, 5)
    )
    for first in range(0, len(rows), piece):
        assert watched.close(*rows[first : first + piece], watermark=DAY + 61, whole=False) == []
    assert watched.whole(T0 + (DAY + 61) * MINUTE) == []
    [cleared] = watched.close((DAY + 95, CELL, "flow", 20.0, 0))
    assert (cleared.alert_id, cleared.action) == (raised.alert_id, "cleared")
