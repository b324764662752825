"""An alert folded once more from the log: the steps that led to it, and whether the same comes out."""

from dataclasses import replace
from typing import Any

import msgspec

from schemas import codec
from schemas.alerts import Alert, PolicyRule
from schemas.outline import Outline
from streams import topics
from streams.fold.contract import Record
from streams.grid.locate import centre
from streams.incidents.policy import Policy
from streams.incidents.replay import Rest, Step, differences, elder, exchanged, other_zones, steps
from streams.incidents.state import IncidentsState
from tests.pipeline import T0, restored
from tests.unit.incidents.counts.folding import Counted
from tests.unit.incidents.counts.mds import policy, rule
from tests.unit.incidents.counts.test_count_alerts import MINUTE, MONDAY, A, bikes, counted, policy_of
from tests.unit.incidents.test_lifecycle import CELL, OTHER, RULE, Incidents


def of_a_day() -> tuple[Incidents, list[Alert]]:
    """Raised at 120 s, major at 130 s, cleared at 140 s; another cell reports in between."""
    incidents = Incidents()
    incidents.look(0, {"north": 59})
    incidents.look(10, {"north": 60})
    incidents.look(60, {"north": 1}, cell=OTHER)
    incidents.look(130)
    incidents.look(140, {"north": 95})
    incidents.look(150, {"north": 3}, cell=OTHER)
    incidents.look(160, {"north": 0})
    return incidents, [codec.alert.decode(output.value) for output in incidents.outputs]


def again(incidents: Incidents, alert: Alert, rule: object = RULE) -> list[Step]:
    fold = IncidentsState(Incidents(rule).policy, centre, restored())  # type: ignore[arg-type]
    log = (Record(topics.CELLS, 2, n, value, T0) for n, value in enumerate(incidents.log))
    assert alert.evidence.first_offset is not None
    return list(steps(fold, log, alert, alert.evidence.first_offset))


def test_the_steps_are_those_that_changed_something_about_the_alert() -> None:
    incidents, events = of_a_day()
    found = again(incidents, events[-1])
    assert [(s.offset, s.at - T0, s.seen.value, s.seen.state) for s in found] == [
        (1, 10_000, "60 bikes", "waiting"),
        (3, 130_000, "60 bikes", "active minor"),
        (4, 140_000, "95 bikes", "active major"),
        (6, 160_000, "0 bikes", "quiet"),
    ]
    assert {s.seen.threshold for s in found} == {"60 for 120 s, cleared below 48"}
    assert [s.event for s in found if s.event] == events


def test_the_same_log_gives_the_same_events() -> None:
    incidents, events = of_a_day()
    told = [step.event for step in again(incidents, events[0]) if step.event]
    assert differences(events, told) == []


def test_another_capacity_gives_other_events_and_each_difference_is_named() -> None:
    incidents, events = of_a_day()
    told = [step.event for step in again(incidents, events[0], replace(RULE, clear_ratio=0.5)) if step.event]
    found = differences(events, told)
    assert any("policy_version" in line for line in found)
    assert any("clear_below" in line for line in found)
    assert again(incidents, events[0], replace(RULE, capacity=1000))[-1].event is None


def test_an_outline_that_was_not_stored_yet_or_is_drawn_otherwise_makes_no_difference() -> None:
    _, (first, *_) = of_a_day()
    rule = PolicyRule("p", "r", "Rule", ["g"], 3, [], [], None, 10, 12, 2, in_effect=True)
    told = replace_evidence(first, rule=msgspec.structs.replace(rule, outline=Outline("MultiPolygon", [])))
    assert differences([replace_evidence(first, rule=rule)], [told]) == []
    other = msgspec.structs.replace(rule, excess=3, count=13)
    [line] = differences([replace_evidence(first, rule=other)], [told])
    assert line.startswith("event 0: evidence is ")


def replace_evidence(alert: Alert, **changes: Any) -> Alert:
    return msgspec.structs.replace(alert, evidence=msgspec.structs.replace(alert.evidence, **changes))


def test_events_that_are_missing_or_more_are_named() -> None:
    _, (first, second, third) = of_a_day()
    assert differences([first, second], [first]) == ["event 1 (updated major) is not in the replay"]
    assert differences([first, second], [first, second, third]) == [
        "event 2 (cleared major) is in the replay, but not stored"
    ]
    other = msgspec.structs.replace(second, severity="critical")
    assert differences([first, second], [first, other]) == [
        "event 1: severity is 'critical' in the replay, 'major' stored"
    ]


def test_a_log_that_lost_the_beginning_of_the_condition_cannot_tell() -> None:
    rest = Rest("ub.cells[2]", begins=101)
    assert rest.lacks(100).startswith(
        "the log of ub.cells[2] begins at offset 101, but the condition began at 100: retention deleted those records"
    )
    assert rest.lacks(101) == ""


def test_a_log_that_lost_what_was_before_can_tell_that_it_is_the_same_but_not_that_it_differs() -> None:
    """The alert rests on 59 bikes of south, of which the rest of the log says nothing."""
    incidents = Incidents()
    incidents.look(0, {"south": 59})
    incidents.look(10, {"north": 1})
    [stored] = incidents.look(130)
    fold = IncidentsState(incidents.policy, centre, restored())
    rest = (Record(topics.CELLS, 2, n, value, T0) for n, value in enumerate(incidents.log) if n >= 1)
    told = [step.event for step in steps(fold, rest, stored, 1) if step.event]
    problems = differences([stored], told)
    assert problems == ["event 0 (raised minor) is not in the replay"]
    assert Rest("ub.cells[2]", begins=1).excuses(problems) == (
        "the log of ub.cells[2] begins at offset 1, and the records before that matter too; "
        "event 0 (raised minor) is not in the replay"
    )
    assert "was recreated 2 times" in Rest("log", 0, generation=2).excuses(problems)
    assert Rest("log", begins=0).excuses(problems) == ""
    assert Rest("log", begins=1).excuses([]) == ""


def test_a_rule_of_an_mds_policy_shows_what_it_counts_and_its_version() -> None:
    fold = counted(rule(7, 1, maximum=10))
    fold.look(MONDAY, (A, "hello", bikes(11)))
    (raised,) = fold.look(MONDAY + MINUTE)
    seen = fold.fold.seen(raised)
    assert seen is not None
    assert (seen.value, seen.threshold, seen.state) == ("11 vehicles", "at most 10", "active minor")
    assert fold.fold.version(raised) == raised.policy_version
    gone = counted(rule(8, 1, maximum=10))
    assert (gone.fold.version(raised), gone.fold.seen(raised)) == (None, None)
    assert policy(1, rule(7, 1, maximum=11)) != policy(1, rule(7, 1, maximum=10))


def test_a_cell_that_was_never_heard_of_shows_nothing() -> None:
    _, (first, *_) = of_a_day()
    fold = Incidents().fold
    assert fold.seen(msgspec.structs.replace(first, cell=CELL)) is None
    assert fold.version(first) == first.policy_version


def of_rule(*fields: object) -> Policy:
    """At most so many in the harbour; None: the policy has another rule."""
    rules = [rule(8, 1, maximum=99) if most is None else rule(7, 1, maximum=most) for most in fields]
    return policy_of(policy(1, *rules))


def lived_through(*files: Policy) -> tuple[Counted, list[Alert]]:
    """15 bikes stand there for ten minutes and nobody for two, then; the files are taken one after another."""
    fold, events = Counted(files[0]), []
    for number, file in enumerate(files):
        fold.fold.take_policy(file)
        begin = MONDAY + 10 * number * MINUTE
        events += [
            event
            for minute in range(10)
            for event in fold.look(begin + minute * MINUTE, (A, "hello", bikes(15)))
        ]
    end = MONDAY + 10 * len(files) * MINUTE
    events += [
        event for minute in range(2) for event in fold.look(end + minute * MINUTE, (A, "hello", bikes(0)))
    ]
    return fold, events


def by(file: Policy, fold: Counted, stored: list[Alert]) -> tuple[list[Alert], dict[str, Alert]]:
    """Return what the file tells of the same log: the events of the alert, and other alerts about the same."""
    log = (Record(topics.CELLS, 2, n, value, T0) for n, value in enumerate(fold.log))
    others: dict[str, Alert] = {}
    again = steps(Counted(file).fold, log, stored[-1], stored[0].evidence.first_offset or 0, others)
    return [step.event for step in again if step.event], others


def test_of_an_alert_whose_file_was_exchanged_while_it_was_open_no_file_alone_tells_the_same() -> None:
    files = of_rule(10), of_rule(20)
    fold, stored = lived_through(*files)
    assert [event.action for event in stored] == ["raised", "cleared"]
    assert all(differences(stored, by(file, fold, stored)[0]) for file in files)
    first, second = (event.policy_version for event in stored)
    assert exchanged(stored) == f"its events were decided by versions {first} and {second}"
    fold, stored = lived_through(of_rule(10), of_rule(None))
    assert len({event.policy_version for event in stored}) == 1
    assert exchanged(stored) == "its rule was removed from the file before it ended"
    fold, stored = lived_through(of_rule(10))
    assert exchanged(stored) == ""
    assert differences(stored, by(of_rule(10), fold, stored)[0]) == []


def test_an_alert_that_began_anew_with_a_file_comes_out_under_an_earlier_beginning_and_that_is_shown() -> (
    None
):
    before, after = of_rule(20), of_rule(10)
    fold, stored = lived_through(before, after)
    told, others = by(after, fold, stored)
    assert not told
    earlier = elder(stored[-1], others.values())
    assert earlier is not None
    assert (earlier.starts_at, stored[0].starts_at) == (MONDAY, MONDAY + 10 * MINUTE)
    assert elder(earlier, others.values()) is None
    assert elder(stored[-1], by(before, fold, stored)[1].values()) is None


def test_a_zone_that_is_called_otherwise_by_now_is_no_difference_of_what_was_decided() -> None:
    _, events = of_a_day()
    renamed = [msgspec.structs.replace(event, zone="harbour") for event in events]
    assert other_zones(events, renamed) == "then 'default', here 'harbour'"
    assert other_zones(events, events) == ""
    assert other_zones(events, renamed[:-1]) == ""
    assert (
        other_zones(events, [msgspec.structs.replace(event, severity="warning") for event in renamed]) == ""
    )
