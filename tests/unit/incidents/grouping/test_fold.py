"""Incidents as the stage tells and stores them: Kafka, retained MQTT messages, rows, crashes."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import codec, envelope
from schemas.cells import CellsNow
from schemas.incidents import Incident
from schemas.partials import SlotCounts
from streams import topics
from streams.fold.contract import Output, Record
from streams.grid.locate import centre
from streams.incidents.damping import NEVER, FlapConfig
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, Database, restored
from tests.unit.incidents.grouping.grouped import REGION, ROW, config

A, B, C = ROW[:3]
POLICY = parse(None, Rule("default", 60, 1.0, 0.8, 0), "rules")


class City:
    """An incidents fold whose alerts are grouped."""

    def __init__(self, *, grouped: bool = True, flaps: FlapConfig = NEVER) -> None:
        self.database = Database()
        self.log: list[bytes] = []
        self.outputs: list[Output] = []
        self.flaps = flaps
        self.fold = IncidentsState(
            POLICY, centre, restored(), groups=config(linger_s=60) if grouped else None, flaps=flaps
        )

    def look(self, second: int, **bikes: int) -> list[Incident]:
        """Fold a live message: bikes on the cells a, b, c."""
        cells = [{"a": A, "b": B, "c": C}[name] for name in bikes]
        zeros = [0] * len(cells)
        counts = SlotCounts(cells, ["north"] * len(cells), list(bikes.values()), zeros, zeros, zeros, zeros)
        self.log.append(codec.encode(CellsNow(REGION, T0 + second * 1000, T0, counts)))
        return self.feed(len(self.log) - 1)

    def feed(self, offset: int) -> list[Incident]:
        self.fold.apply(Record(topics.CELLS, 0, offset, self.log[offset], T0))
        outputs = self.fold.take_outputs(at_checkpoint=False)
        self.outputs += outputs
        return [codec.incident.decode(o.value) for o in outputs if o.topic == topics.INCIDENTS]

    def checkpoint(self) -> None:
        self.database.commit("incidents", len(self.log) - 1, self.fold.take_changes())

    def crash(self) -> None:
        """Begin again from the checkpoint; what is told again is dropped, as consumers do who know it."""
        start = self.database.restored("incidents", 0)
        self.fold = IncidentsState(POLICY, centre, start, groups=config(linger_s=60), flaps=self.flaps)
        for offset in range(start.offset + 1, len(self.log)):
            self.feed(offset)

    def retained(self) -> dict[str, bytes]:
        """Return what an MQTT broker retains of incidents."""
        kept = self.board()
        return {topic: value for topic, value in kept.items() if topic.startswith(topics.MQTT_INCIDENTS)}

    def board(self) -> dict[str, bytes]:
        """Return what an MQTT broker retains of alerts and incidents."""
        kept: dict[str, bytes] = {}
        for message in (m for output in self.outputs for m in output.mqtt if m.retain):
            if message.payload:
                kept[message.topic] = message.payload
            else:
                kept.pop(message.topic, None)
        return kept

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.database.tables[table].values())


def test_an_incident_is_told_after_the_alerts_that_make_it() -> None:
    city = City()
    [incident] = city.look(0, a=60, b=125)
    assert [output.topic for output in city.outputs] == ["ub.alerts", "ub.alerts", "ub.incidents"]
    output = city.outputs[-1]
    assert (output.key, output.type_) == (REGION, envelope.INCIDENT)
    assert output.id_ == f"{incident.incident_id}/0"
    assert output.time_ms == incident.updated_at == T0
    alerts = [codec.alert.decode(output.value).alert_id for output in city.outputs[:-1]]
    assert sorted(incident.alerts) == sorted(alerts)


def test_the_newest_event_is_retained_under_its_severity_while_it_is_active() -> None:
    city = City()
    [begun] = city.look(0, a=60)
    assert list(city.retained()) == [f"ub/v1/incidents/minor/{begun.incident_id}"]
    [worse] = city.look(1, b=200)
    assert city.retained() == {f"ub/v1/incidents/critical/{begun.incident_id}": codec.encode(worse)}
    [ended] = city.look(2, a=0, b=0)
    assert ended.status == "ended"
    assert city.retained() == {}


def test_one_that_became_part_of_another_is_retained_no_more() -> None:
    city = City()
    city.look(0, a=60)
    city.look(1, c=60)
    assert len(city.retained()) == 2
    city.look(2, b=60)
    assert len(city.retained()) == 1


def test_the_rows_say_what_holds_and_who_was_ever_part_of_it() -> None:
    city = City()
    [begun] = city.look(0, a=60)
    city.look(1, b=60)
    [last] = city.look(2, a=0)
    city.checkpoint()
    [row] = city.rows("incident")
    assert (row["incident_id"], row["sequence"], row["status"]) == (begun.incident_id, 2, "active")
    assert row["cells"] == codec.encode(last.cells).decode()
    assert row["ended_at"] is None
    joined = city.rows("incident_alert")
    assert {one["incident_id"] for one in joined} == {begun.incident_id}
    assert {one["alert_id"] for one in joined} == {row["alert_id"] for row in city.rows("alert")}


def test_a_crash_tells_the_same_again_and_takes_retained_messages_back() -> None:
    city = City()
    city.look(0, a=60)
    city.checkpoint()
    city.look(1, b=130)
    before = [output for output in city.outputs if output.topic == topics.INCIDENTS]
    city.crash()
    again = [output for output in city.outputs if output.topic == topics.INCIDENTS][len(before) :]
    assert [(o.id_, o.value) for o in again] == [(o.id_, o.value) for o in before[1:]]
    city.look(2, a=0, b=0)
    assert city.retained() == {}


def test_alerts_that_were_stored_before_there_were_incidents_are_grouped_by_the_first_record() -> None:
    city = City(grouped=False)
    assert city.look(0, a=60, b=60) == []
    city.checkpoint()
    city.crash()
    [begun] = city.look(1, c=1)
    assert begun.cells == sorted([A, B])


@given(st.lists(st.tuples(*[st.sampled_from((0, 60, 70, 125, 200))] * 3), max_size=12), st.data())
@settings(max_examples=60, deadline=None)
def test_what_stands_retained_is_byte_for_byte_what_the_fold_wants_whoever_owned_it(
    looks: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """Else the next owner would put right what is right."""
    city = City()
    for second, (a, b, c) in enumerate(looks):
        city.look(second, a=a, b=b, c=c)
        if data.draw(st.booleans()):
            city.checkpoint()
            city.crash()
        assert {topic: [payload] for topic, payload in city.board().items()} == city.fold.retained()
