"""An alert from the first look to its end: what goes to Kafka, to MQTT and to the tables."""

import json
from dataclasses import replace
from typing import Any

import pytest

from schemas import codec
from schemas.alerts import Alert
from schemas.cells import CellsNow, CellsWindow, ClosedWindows
from schemas.partials import SlotCounts
from streams import topics
from streams.fold.contract import MqttMessage, Output, Record
from streams.grid.locate import centre
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, Database, restored

CELL, OTHER = "89309959d07ffff", "89309959d0fffff"
RULE = Rule("default", 60, 1.0, 0.8, 120_000)


class Incidents:
    """An incidents fold and its log."""

    def __init__(self, rule: Rule = RULE) -> None:
        self.policy = parse(None, rule, "rules")
        self.database = Database()
        self.fold = IncidentsState(self.policy, centre, restored())
        self.log: list[bytes] = []
        self.outputs: list[Output] = []

    def look(
        self,
        second: int,
        occupancy: dict[str, int] | None = None,
        cell: str = CELL,
        *,
        more: bool = False,
        ahead: int = 0,
    ) -> list[Alert]:
        """Fold a live message: available bikes by operator at a second of event time; returns the alerts told."""
        counts = occupancy or {}
        zeros = [0] * len(counts)
        rows = SlotCounts(
            [cell] * len(counts), list(counts), list(counts.values()), zeros, zeros, zeros, zeros
        )
        reached = [T0 + at * 1000 for at in (second, ahead)]
        live = CellsNow("82309ffffffffff", reached[0], T0, rows, more=more, ahead=reached[1])
        return self.fold_bytes(codec.encode(live))

    def fold_bytes(self, value: bytes) -> list[Alert]:
        self.log.append(value)
        self.fold.apply(Record(topics.CELLS, 2, len(self.log) - 1, value, T0))
        return self.told()

    def told(self) -> list[Alert]:
        outputs = self.fold.take_outputs(at_checkpoint=False)
        self.outputs += outputs
        return [codec.alert.decode(output.value) for output in outputs if output.topic == topics.ALERTS]

    def checkpoint(self) -> None:
        self.database.commit("incidents", len(self.log) - 1, self.fold.take_changes())

    def crash(self) -> None:
        start = self.database.restored("incidents", 0)
        self.fold = IncidentsState(self.policy, centre, start)
        for offset in range(start.offset + 1, len(self.log)):
            self.fold.apply(Record(topics.CELLS, 2, offset, self.log[offset], T0))

    def retained(self) -> dict[str, bytes]:
        """Return what an MQTT broker retains after all messages."""
        kept: dict[str, bytes] = {}
        for output in self.outputs:
            for message in output.mqtt:
                if message.retain and message.payload:
                    kept[message.topic] = message.payload
                elif message.retain:
                    kept.pop(message.topic, None)
        return kept


def full_life() -> Incidents:
    """Raised minor at 120 s, major at 130 s, cleared at 140 s."""
    incidents = Incidents()
    incidents.look(0, {"north": 40, "south": 20})
    incidents.look(120)
    incidents.look(130, {"north": 70})
    incidents.look(140, {"north": 0})
    return incidents


def test_an_alert_is_raised_though_its_cell_said_nothing_more_after_it_filled() -> None:
    """Time alone fulfils the minimum duration: any message of the region carries it."""
    incidents = Incidents()
    assert incidents.look(0, {"north": 60}) == []
    assert incidents.look(119, {"north": 1}, cell=OTHER) == []
    [alert] = incidents.look(120, {"north": 2}, cell=OTHER)
    assert (alert.cell, alert.action, alert.severity, alert.status) == (CELL, "raised", "minor", "active")
    assert (alert.starts_at, alert.updated_at, alert.ends_at) == (T0, T0 + 120_000, None)
    assert alert.summary == "60 bikes in a cell for 60, at capacity (north 60)"
    assert not alert.acknowledged


def test_an_alert_says_what_it_rests_on() -> None:
    incidents = Incidents()
    incidents.look(0, {"north": 40, "south": 25})
    [alert] = incidents.look(120)
    assert alert.summary == "65 bikes in a cell for 60, 5 over capacity (north 40, south 25)"
    assert alert.evidence.by_operator == {"north": 40, "south": 25}
    assert (alert.evidence.occupancy, alert.evidence.capacity) == (65, 60)
    assert (alert.evidence.raise_at, alert.evidence.clear_below) == (60, 48)
    assert (alert.evidence.topic, alert.evidence.partition, alert.evidence.offset) == ("ub.cells", 2, 1)
    assert alert.evidence.first_offset == 0
    assert (alert.lat, alert.lon) == centre(int(CELL, 16))
    assert (alert.policy, alert.policy_version) == ("rules", incidents.policy.version)


def test_an_alert_names_the_operators_that_have_bikes_there_the_largest_share_first() -> None:
    incidents = Incidents()
    incidents.look(0, {"south": 15, "none": 0, "north": 15, "west": 31})
    [alert] = incidents.look(120)
    assert alert.summary == ("61 bikes in a cell for 60, 1 over capacity (west 31, north 15, south 15)")
    assert list(alert.evidence.by_operator.items()) == [("north", 15), ("south", 15), ("west", 31)]
    [cleared] = incidents.look(130, {"south": 0, "north": 0, "west": 0})
    assert cleared.summary == "0 bikes in a cell for 60, 60 under capacity (none)"


def test_of_one_bike_an_alert_says_bike() -> None:
    incidents = Incidents(replace(RULE, capacity=1))
    incidents.look(0, {"north": 1})
    [alert] = incidents.look(120)
    assert alert.summary == "1 bike in a cell for 1, at capacity (north 1)"


def test_the_first_record_is_the_one_since_which_it_was_too_full_without_a_look_below() -> None:
    incidents = Incidents()
    incidents.look(0, {"north": 60})
    incidents.look(10, {"north": 59})
    incidents.look(20, {"north": 61})
    incidents.checkpoint()
    incidents.crash()
    [alert] = incidents.look(140)
    assert (alert.evidence.first_offset, alert.evidence.offset) == (2, 3)
    [cleared] = incidents.look(150, {"north": 0})
    assert (cleared.evidence.first_offset, cleared.evidence.offset) == (2, 4)


def test_bikes_on_a_trip_take_up_no_room() -> None:
    incidents = Incidents(replace(RULE, min_duration_ms=0))
    counts = SlotCounts([CELL], ["north"], [10], [10], [10], [500], [10])
    assert incidents.fold_bytes(codec.encode(CellsNow("r", T0, T0, counts))) == []
    counts = SlotCounts([CELL], ["north"], [15], [15], [15], [0], [15])
    [alert] = incidents.fold_bytes(codec.encode(CellsNow("r", T0, T0, counts)))
    assert alert.evidence.occupancy == 60


def test_a_life_is_numbered_from_zero_under_one_id() -> None:
    alerts = [codec.alert.decode(output.value) for output in full_life().outputs]
    assert [(a.sequence, a.action, a.severity, a.status) for a in alerts] == [
        (0, "raised", "minor", "active"),
        (1, "updated", "major", "active"),
        (2, "cleared", "major", "cleared"),
    ]
    assert len({a.alert_id for a in alerts}) == 1
    assert {a.starts_at for a in alerts} == {T0}
    assert [a.ends_at for a in alerts] == [None, None, T0 + 140_000]
    assert [output.id_ for output in full_life().outputs] == [f"{alerts[0].alert_id}/{n}" for n in range(3)]


def test_the_newest_state_is_retained_while_open_and_nothing_afterwards() -> None:
    messages = [output.mqtt for output in full_life().outputs]
    values = [output.value for output in full_life().outputs]
    alert_id = codec.alert.decode(values[0]).alert_id
    actions = f"ub/v1/alert-actions/oversaturation/{CELL}/{alert_id}"
    minor, major = (f"alerts/{severity}/oversaturation/{CELL}" for severity in ("minor", "major"))

    def own(payload: bytes, place: str, *told: bytes) -> list[MqttMessage]:
        """On its own topic, and on one for each operator of the events that were told there."""
        counted = [name for value in told for name in codec.alert.decode(value).evidence.by_operator]
        by = [f"open-alerts-by/operator/{name}/{place.removeprefix('alerts/')}" for name in counted]
        places = [f"open-{place}", *dict.fromkeys(by)]
        return [MqttMessage(f"ub/v1/{at}/{alert_id}", payload, retain=True) for at in places]

    assert messages == [
        (MqttMessage(f"ub/v1/{minor}", values[0], retain=True), *own(values[0], minor, values[0])),
        (
            MqttMessage(f"ub/v1/{minor}", b"", retain=True),
            *own(b"", minor, values[0]),
            MqttMessage(f"ub/v1/{major}", values[1], retain=True),
            *own(values[1], major, values[1]),
        ),
        (
            MqttMessage(f"ub/v1/{major}", values[2], retain=False),
            MqttMessage(f"ub/v1/{major}", b"", retain=True),
            *own(b"", major, *values[1:]),
            MqttMessage(actions, b"", retain=True),
        ),
    ]
    assert full_life().retained() == {}


def test_one_state_of_a_cell_is_retained_at_a_time() -> None:
    incidents = Incidents()
    incidents.look(0, {"north": 60})
    incidents.look(120)
    incidents.look(130, {"north": 200})
    [shared, own, of_north] = incidents.retained()
    assert shared == f"ub/v1/alerts/critical/oversaturation/{CELL}"
    assert own.startswith(f"ub/v1/open-alerts/critical/oversaturation/{CELL}/")
    assert of_north == own.replace("open-alerts", "open-alerts-by/operator/north")


def test_an_alert_that_changed_nothing_is_not_told_again() -> None:
    incidents = Incidents()
    incidents.look(0, {"north": 60})
    assert len(incidents.look(120)) == 1
    assert incidents.look(130, {"north": 61}) == []
    assert incidents.look(140, {"north": 50}) == []


def test_a_log_folded_again_gives_the_same_alerts_with_the_same_ids() -> None:
    one, again = full_life(), Incidents()
    for value in one.log:
        again.fold_bytes(value)
    assert again.outputs == one.outputs


def test_an_alert_that_time_alone_raised_is_remembered_over_a_restart() -> None:
    incidents = Incidents()
    incidents.look(0, {"north": 60})
    incidents.checkpoint()
    [raised] = incidents.look(120, {"north": 2}, cell=OTHER)
    incidents.checkpoint()
    incidents.crash()
    assert incidents.look(130, {"north": 1}, cell=OTHER) == []
    [cleared] = incidents.look(140, {"north": 0})
    assert (cleared.alert_id, cleared.action) == (raised.alert_id, "cleared")


@pytest.mark.parametrize("stored_after", [0, 1, 2, 3])
def test_a_crash_at_any_point_of_a_life_tells_the_rest_of_it_unchanged(stored_after: int) -> None:
    whole = full_life()
    incidents = Incidents()
    for number, value in enumerate(whole.log):
        incidents.fold_bytes(value)
        if number == stored_after:
            incidents.checkpoint()
    known = len(incidents.outputs)
    incidents.crash()
    incidents.told()
    repeated = incidents.outputs[known:]
    assert repeated == whole.outputs[len(whole.outputs) - len(repeated) :]
    incidents.checkpoint()
    assert _events(incidents) == [("raised", 0), ("updated", 1), ("cleared", 2)]


def test_a_second_alert_of_a_cell_is_another_one() -> None:
    incidents = full_life()
    incidents.look(200, {"north": 60})
    incidents.look(320)
    ids = [codec.alert.decode(output.value).alert_id for output in incidents.outputs]
    assert len(set(ids)) == 2


def test_two_alerts_of_a_cell_at_one_event_time_are_two() -> None:
    """Event time stands still while the slowest source does; bikes do not."""
    incidents = Incidents(replace(RULE, min_duration_ms=0))
    for occupancy in (60, 0, 60, 0):
        incidents.look(0, {"north": occupancy})
    incidents.checkpoint()
    assert len(incidents.database.tables["alert"]) == 2


def test_an_alert_does_not_end_before_it_begins() -> None:
    """Event time of a region goes back when a source that was silent speaks again."""
    incidents = Incidents(replace(RULE, min_duration_ms=0))
    incidents.look(100, {"north": 60})
    [cleared] = incidents.look(40, {"north": 0})
    assert cleared.ends_at is not None
    assert cleared.ends_at >= cleared.starts_at


@pytest.mark.parametrize("crash", [False, True])
def test_time_that_goes_back_and_forth_does_not_make_up_the_minimum_duration(crash: bool) -> None:
    """A partition that was held up says what fills the cell, and catches up: it was full for five seconds."""
    incidents = Incidents()
    incidents.look(0, {"north": 50})
    incidents.checkpoint()
    incidents.look(300)
    incidents.checkpoint()
    if crash:
        incidents.crash()
    assert incidents.look(100, {"south": 10}) == []
    assert incidents.look(305, {"south": 11}) == []
    assert incidents.look(310, {"south": 0}) == []
    incidents.look(400, {"south": 10})
    [alert] = incidents.look(520)
    assert (alert.starts_at, alert.updated_at) == (T0 + 400_000, T0 + 520_000)


def test_the_time_of_another_region_of_the_partition_makes_no_duration_up() -> None:
    incidents = Incidents()
    incidents.look(0, {"north": 60})
    ahead = CellsNow("8230d7fffffffff", T0 + 500_000, T0, SlotCounts([], [], [], [], [], [], []))
    assert incidents.fold_bytes(codec.encode(ahead)) == []
    assert incidents.look(60) == []
    [alert] = incidents.look(120)
    assert (alert.starts_at, alert.updated_at) == (T0, T0 + 120_000)


def test_an_alert_does_not_begin_before_the_one_before_it_has_ended() -> None:
    incidents = Incidents()
    incidents.look(0, {"north": 60})
    incidents.look(120)
    [cleared] = incidents.look(200, {"north": 0})
    assert incidents.look(10, {"north": 60}) == []
    assert incidents.look(130) == []
    [alert] = incidents.look(320)
    assert cleared.ends_at == alert.starts_at == T0 + 200_000


def test_a_waiting_cell_is_remembered_over_a_restart() -> None:
    incidents = Incidents()
    incidents.look(0, {"north": 60})
    incidents.checkpoint()
    incidents.crash()
    [alert] = incidents.look(120)
    assert alert.starts_at == T0


@pytest.mark.parametrize("crash", [False, True])
def test_a_cell_is_judged_when_a_look_is_whole(crash: bool) -> None:
    """Bikes of one operator have taken the places of those of another, in two messages of one look."""
    incidents = Incidents()
    incidents.look(0, {"north": 60})
    [raised] = incidents.look(120, {"north": 60})
    assert incidents.look(200, {"north": 10}, more=True) == []
    if crash:
        incidents.checkpoint()
        incidents.crash()
    assert incidents.look(200, {"south": 50}) == []
    assert incidents.look(300, {"south": 0}, more=True) == []
    if crash:
        incidents.checkpoint()
        incidents.crash()
    [cleared] = incidents.look(300, {"north": 1}, cell=OTHER)
    assert (cleared.alert_id, cleared.action, cleared.cell) == (raised.alert_id, "cleared", CELL)


def test_what_counts_of_several_times_said_is_judged_with_the_next_ones_of_one_time() -> None:
    incidents = Incidents()
    incidents.look(0, {"north": 60}, ahead=400)
    incidents.look(10, {"north": 1}, cell=OTHER)
    [alert] = incidents.look(130)
    assert (alert.cell, alert.starts_at) == (CELL, T0 + 10_000)


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize(("south", "told"), [(50, [0]), (20, [])])
def test_what_waits_goes_on_unless_too_few_are_seen_in_a_whole_look(
    south: int, told: list[int], crash: bool
) -> None:
    """Counts of several times raise nothing, however many are there, and end what waits where they are too few."""
    incidents = Incidents()
    incidents.look(0, {"north": 60})
    assert incidents.look(10, {"north": 10}, more=True, ahead=400) == []
    incidents.checkpoint()
    assert incidents.look(10, {"south": south}, ahead=400) == []
    assert incidents.look(300, {"south": 50}, ahead=400) == []
    incidents.checkpoint()
    if crash:
        incidents.crash()
    assert [(alert.starts_at - T0) // 1000 for alert in incidents.look(400)] == told


def test_closed_windows_decide_nothing() -> None:
    rows = ClosedWindows([T0], [CELL], ["north"], [1], [900], [0], [900], [0])
    assert (
        Incidents(replace(RULE, min_duration_ms=0)).fold_bytes(
            codec.encode(CellsWindow("r", T0, 60_000, rows))
        )
        == []
    )


def test_what_is_no_cells_message_is_refused() -> None:
    incidents = Incidents()
    incidents.fold_bytes(b'{"type":"now"}')
    assert [output.topic for output in incidents.outputs] == [topics.REJECTED]


def test_tables_hold_the_newest_state_and_every_event() -> None:
    incidents = full_life()
    incidents.checkpoint()
    [row] = incidents.database.tables["alert"].values()
    assert (row["status"], row["severity"], row["sequence"], row["cell"]) == (
        "cleared",
        "major",
        2,
        int(CELL, 16),
    )
    assert json.loads(row["evidence"])["capacity"] == 60
    assert _events(incidents) == [("raised", 0), ("updated", 1), ("cleared", 2)]
    bodies: list[Any] = [row["body"] for row in incidents.database.tables["alert_event"].values()]
    assert bodies == [output.value.decode() for output in incidents.outputs]


def test_zones_of_the_policy_hold_for_the_cells_whose_centre_they_contain() -> None:
    lat, lon = centre(int(CELL, 16))
    near = 0.0005
    ring = [[lon + x * near, lat + y * near] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]
    zone = {
        "type": "Feature",
        "properties": {"name": "metro", "capacity": 5, "min_duration_s": 0},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    incidents = Incidents()
    incidents.policy = parse(json.dumps({"type": "FeatureCollection", "features": [zone]}), RULE, "rules")
    incidents.fold = IncidentsState(incidents.policy, centre, restored())
    [alert] = incidents.look(0, {"north": 5})
    assert (alert.zone, alert.evidence.capacity) == ("metro", 5)
    assert incidents.look(1, {"north": 50}, cell=OTHER) == []


def _events(incidents: Incidents) -> list[tuple[str, int]]:
    return [(row["action"], row["sequence"]) for row in incidents.database.tables["alert_event"].values()]
