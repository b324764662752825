"""Flapping: what opens and closes again and again becomes one alert. Capacity 60, at once; 3 raises in 10 minutes."""

from dataclasses import replace

import msgspec
import pytest

from schemas.alerts import Alert, Health
from streams import topics
from streams.fold.contract import Record
from streams.grid.locate import centre
from streams.incidents.damping import Damper, FlapConfig
from streams.incidents.lifecycle import SILENT_MS, next_event
from streams.incidents.policy import Rule
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, restored
from tests.unit.alerts.events import alert
from tests.unit.incidents.test_lifecycle import OTHER, RULE, Incidents

FLAPS = FlapConfig(raises=3, window_ms=600_000, quiet_ms=120_000)
AT_ONCE = replace(RULE, min_duration_ms=0)


class Damped(Incidents):
    """An incidents fold with flap damping."""

    def __init__(self, flaps: FlapConfig = FLAPS, rule: Rule = AT_ONCE) -> None:
        super().__init__(rule)
        self.flaps = flaps
        self.fold = IncidentsState(self.policy, centre, restored(), flaps=flaps)

    def again(self) -> None:
        """Crash right after a checkpoint."""
        self.checkpoint()
        self.fold = IncidentsState(
            self.policy, centre, self.database.restored("incidents", 0), flaps=self.flaps
        )

    def flap(self, times: int, begin: int = 0, step: int = 20) -> list[Alert]:
        """Fill and empty the cell so often; the last time it stays full."""
        told = []
        for n in range(times):
            told += self.look(begin + n * step, {"north": 60})
            if n < times - 1:
                told += self.look(begin + n * step + step // 2, {"north": 0})
        return told


def said(alerts: list[Alert]) -> list[tuple[str, str]]:
    return [(alert.action, alert.severity) for alert in alerts]


def test_the_third_raise_in_ten_minutes_stays_open_until_it_was_quiet_for_two() -> None:
    city = Damped()
    *before, third = city.flap(3)
    assert [alert.action for alert in before] == ["raised", "cleared"] * 2
    assert third.action == "raised"
    assert third.summary.endswith("; opens and closes again and again, 3 times in 10 min")
    assert city.look(50, {"north": 0}) == []
    assert city.look(60, {"north": 60}) == []
    assert city.look(70, {"north": 0}) == []
    assert city.look(189) == []
    [cleared] = city.look(190)
    assert (cleared.alert_id, cleared.action, cleared.sequence) == (third.alert_id, "cleared", 1)
    assert (cleared.starts_at, cleared.ends_at) == (third.starts_at, T0 + 190_000)
    assert cleared.summary.startswith("quiet for 2 min; 0 bikes")
    assert (cleared.evidence.first_offset, cleared.evidence.offset) == (4, 9)
    assert city.retained() == {}


def test_without_damping_every_opening_and_closing_is_told() -> None:
    told = Damped(FlapConfig()).flap(20)
    assert [alert.action for alert in told] == [*(["raised", "cleared"] * 19), "raised"]
    assert len({alert.alert_id for alert in told}) == 20


def test_raises_that_are_far_apart_do_not_flap() -> None:
    told = Damped().flap(10, step=300)
    assert [alert.action for alert in told] == [*(["raised", "cleared"] * 9), "raised"]


def test_a_severity_that_changes_on_the_way_is_told_under_the_same_id() -> None:
    city = Damped()
    third = city.flap(3)[-1]
    city.look(50, {"north": 0})
    [worse] = city.look(60, {"north": 120})
    [better] = city.look(70, {"north": 100})
    assert said([worse, better]) == [("updated", "critical"), ("updated", "major")]
    assert {worse.alert_id, better.alert_id} == {third.alert_id}
    assert [worse.sequence, better.sequence] == [1, 2]
    assert [worse.updated_at, better.updated_at] == [T0 + 60_000, T0 + 70_000]
    [topic] = [topic for topic in city.retained() if topic.startswith("ub/v1/alerts/")]
    assert "/major/" in topic


def test_quiet_is_counted_from_the_last_time() -> None:
    city = Damped()
    city.flap(3)
    city.look(50, {"north": 0})
    city.look(160, {"north": 60})
    city.look(165, {"north": 0})
    assert city.look(284) == []
    assert [alert.action for alert in city.look(285)] == ["cleared"]


@pytest.mark.parametrize(("again", "anew"), [(170, False), (171, True)])
@pytest.mark.parametrize("crash", [False, True])
def test_a_raise_after_the_quiet_time_is_another_alert_though_no_look_fell_in_between(
    again: int, anew: bool, crash: bool
) -> None:
    city = Damped()
    third = city.flap(3)[-1]
    city.look(50, {"north": 0})
    if crash:
        city.again()
    told = city.look(again, {"north": 120})
    if not anew:
        assert said(told) == [("updated", "critical")]
        return
    assert said(told) == [("cleared", "minor"), ("raised", "critical")]
    cleared, raised = told
    assert (cleared.alert_id, cleared.ends_at) == (third.alert_id, T0 + 170_000)
    assert raised.alert_id != third.alert_id
    assert [topic for topic in city.retained() if "/critical/" in topic]
    city.look(200, {"north": 0})
    [cleared] = city.look(400)
    assert (cleared.alert_id, cleared.ends_at) == (raised.alert_id, T0 + 320_000)


def test_an_end_is_when_it_had_been_quiet_for_long_enough_whenever_that_is_found() -> None:
    city = Damped()
    city.flap(3)
    city.look(50, {"north": 0})
    [cleared] = city.look(500)
    assert cleared.updated_at == cleared.ends_at == T0 + 170_000


def test_a_raise_counts_for_a_whole_window_however_long_what_it_tells_must_last() -> None:
    """
    second      0  120 130         590 600  710
    bikes       60 60  0           60  60   60
                   ^raised                  ^raised, 590 s later
    """
    city = Damped(FlapConfig(raises=2, window_ms=600_000, quiet_ms=120_000), RULE)
    looks = [(0, 60), (120, 60), (130, 0), (590, 60), (600, 60), (710, 60)]
    told = [event for second, bikes in looks for event in city.look(second, {"north": bikes})]
    assert [event.action for event in told] == ["raised", "cleared", "raised"]
    assert told[-1].summary.endswith("; opens and closes again and again, 2 times in 10 min")


@pytest.mark.parametrize("crash", [False, True])
def test_an_end_that_is_held_back_waits_for_the_whole_look(crash: bool) -> None:
    """Its cell is full again by the second message of the look with which it would have been quiet for long enough."""
    city = Damped()
    city.flap(3)
    city.look(50, {"north": 0})
    assert city.look(170, {"north": 1}, cell=OTHER, more=True) == []
    if crash:
        city.again()
    assert city.look(170, {"north": 60}) == []
    city.look(180, {"north": 0})
    assert [event.action for event in city.look(300)] == ["cleared"]


def test_the_end_of_what_a_silent_stream_told_comes_by_the_clock_of_health_a_day_later() -> None:
    """Not sooner: the stream may merely be late, and open it again."""
    damper = Damper(FlapConfig(raises=2, window_ms=600_000, quiet_ms=120_000))
    flap(damper, "sensors", 0)
    flap(damper, "sensors", 1)
    region, quiet_at, record = alert().region, T0 + 181_000, Record(topics.CELLS, 0, 2, b"", 0)
    assert list(damper.go_on(region, "CellsHealth", quiet_at + SILENT_MS - 1, record)) == []
    [cleared] = damper.go_on(region, "CellsHealth", quiet_at + SILENT_MS, record)
    assert (cleared.action, cleared.ends_at) == ("cleared", quiet_at)


def test_once_it_was_quiet_for_a_window_it_begins_to_count_anew() -> None:
    city = Damped()
    city.flap(3)
    city.look(50, {"north": 0})
    city.look(170)
    told = city.flap(2, begin=700)
    assert [alert.action for alert in told] == ["raised", "cleared", "raised"]
    city.look(800, {"north": 0})
    city.look(2_000)
    city.checkpoint()
    assert not [name for name in city.database.parts["incidents"] if name.startswith("flap/")]


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize(("times", "until"), [(1, 50), (3, 50), (3, 1_300)])
def test_what_is_quiet_for_long_enough_is_over_and_forgotten_whether_it_flapped_or_not(
    times: int, until: int, crash: bool
) -> None:
    city = Damped()
    city.flap(times)
    city.look(until, {"north": 0})
    city.checkpoint()
    assert [name for name in city.database.parts["incidents"] if name.startswith("flap/")]
    city.look(until + 120)
    if crash:
        city.again()
    assert city.look(until + 121) == []
    city.look(3_000)
    city.checkpoint()
    assert not [name for name in city.database.parts["incidents"] if name.startswith("flap/")]


def test_what_opened_again_while_its_end_was_held_back_stays_open_over_a_crash() -> None:
    city = Damped()
    city.flap(3)
    city.look(50, {"north": 0})
    city.look(60, {"north": 60})
    city.again()
    assert city.look(300) == []


def test_what_was_saved_is_saved_again_when_something_becomes_of_it() -> None:
    damper = Damper(FLAPS)
    flap(damper, "sensors", 0)
    assert damper.take_parts()
    assert damper.take_parts() == {}


@pytest.mark.parametrize("saved", ["once", "after each look"])
@pytest.mark.parametrize("crash_after", range(1, 12))
def test_a_crash_at_any_moment_changes_nothing(crash_after: int, saved: str) -> None:
    looks = [
        (0, 60),
        (10, 0),
        (20, 60),
        (30, 0),
        (40, 60),
        (50, 0),
        (60, 130),
        (70, 0),
        (150, 60),
        (160, 0),
        (280, 0),
    ]
    straight, crashed = Damped(), Damped()
    for number, (second, bikes) in enumerate(looks):
        straight.look(second, {"north": bikes})
        crashed.look(second, {"north": bikes})
        if saved == "after each look":
            crashed.checkpoint()
        if number + 1 == crash_after:
            crashed.again()
    assert crashed.outputs == straight.outputs
    assert crashed.retained() == {}


def test_switched_off_a_held_alert_is_cleared_with_the_next_look() -> None:
    city = Damped()
    third = city.flap(3)[-1]
    city.look(50, {"north": 0})
    city.flaps = FlapConfig(quiet_ms=0)
    city.again()
    [cleared] = city.look(51)
    assert (cleared.alert_id, cleared.action) == (third.alert_id, "cleared")


def test_a_feed_of_sensors_and_one_of_vehicles_of_the_same_name_are_told_both() -> None:
    """Both are shown in the cell in which they were heard last."""
    damper = Damper(FlapConfig(raises=2, window_ms=600_000, quiet_ms=120_000))
    told = [
        one for minute in range(2) for feed in ("sensors", "vehicles") for one in flap(damper, feed, minute)
    ]
    assert [(one.action, one.evidence.health and one.evidence.health.feed) for one in told] == [
        *(("raised", "sensors"), ("cleared", "sensors")),
        *(("raised", "vehicles"), ("cleared", "vehicles")),
        *(("raised", "sensors"), ("raised", "vehicles")),
    ]


@pytest.mark.parametrize("stream", ["Metrics", "CellsNow"])
def test_another_stream_that_is_hours_ahead_makes_no_raise_forgotten(stream: str) -> None:
    """As where the fleet works off a backlog, and the sensors do not."""
    damper = Damper(FlapConfig(raises=2, window_ms=600_000, quiet_ms=120_000))
    told = flap(damper, "sensors", 0)
    for part, value in damper.take_parts().items():
        damper = Damper(FlapConfig(raises=2, window_ms=600_000, quiet_ms=120_000))
        damper.restore(part, value or b"")
    record = Record(topics.CELLS, 0, 1, b"", 0)
    assert list(damper.pass_on([], stream, (alert().region, T0 + 7_200_000), record)) == []
    told += flap(damper, "sensors", 5)
    assert [one.action for one in told] == ["raised", "cleared", "raised"]


def test_what_an_earlier_version_saved_without_its_stream_is_forgotten_by_the_time_of_live_counts() -> None:
    damper = Damper(FLAPS)
    damper.restore("sensor_silent/r/s1", msgspec.msgpack.encode(["r", [T0]]))
    record = Record(topics.CELLS, 0, 1, b"", 0)
    list(damper.pass_on([], "CellsNow", ("r", T0 + 7_200_000), record))
    assert damper.take_parts() == {"sensor_silent/r/s1": None}


def test_what_is_told_later_than_it_was_counts_when_it_was() -> None:
    """As windows are, which close when the watermark has passed them."""
    damper = Damper(FlapConfig(raises=2, window_ms=600_000, quiet_ms=120_000))
    summaries = []
    for second in (0, 60, 120, 180, 240, 300, 360, 420, 480, 540):
        event = msgspec.structs.replace(alert(), kind="anomaly", updated_at=T0 + second * 1000)
        events = [event] if second in (0, 540) else []
        clock = (event.region, event.updated_at + 130_000)
        told = damper.pass_on(events, "Metrics", clock, Record(topics.CELLS, 0, second, b"", 0))
        summaries += [one.summary for one in told]
    assert ["again and again" in summary for summary in summaries] == [False, True]


def flap(damper: Damper, feed: str, minute: int) -> list[Alert]:
    """Raise and clear the alert of a feed once; returns what is told."""
    at = T0 + minute * 60_000
    made = msgspec.structs.replace(
        alert(),
        alert_id=f"{feed} {minute}",
        kind="feed_silent",
        subject="north",
        starts_at=at,
        updated_at=at,
        evidence=msgspec.structs.replace(alert().evidence, health=Health(feed, 3, at, 60_000, 600_000)),
    )
    record = Record(topics.CELLS, 0, minute, b"", 0)
    return [
        *damper.pass_on([made], "CellsHealth", ("r", at), record),
        *damper.pass_on([next_event(made, "cleared", at + 1_000)], "CellsHealth", ("r", at + 1_000), record),
    ]
