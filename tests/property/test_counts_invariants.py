"""Count rules against an oracle that knows nothing but the newest word on each cell, and against crashes."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from schemas.alerts import Alert
from tests.unit.incidents.counts.folding import Counted
from tests.unit.incidents.counts.mds import (
    DEFAULT,
    cell_at,
    city,
    document,
    geography,
    identity,
    policy,
    read_all,
    rule,
    square,
)

ZONE = ZoneInfo("Europe/Berlin")
EVENING = round(datetime(2026, 10, 24, 21, tzinfo=ZONE).timestamp() * 1000)
"""The clocks go back in the night that follows."""
STATES = ("available", "non_operational", "reserved", "on_trip", "non_contactable")
CELLS = [cell_at(column, row) for column in (10, 11, 12) for row in (10, 11)]
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
AREAS = [
    (1, square(10, 10), {cell for cell in CELLS if not cell.startswith("00000c")}),
    (2, square(11, 10), {cell for cell in CELLS if not cell.startswith("00000a")}),
    (3, square(10, 10, 1), {CELLS[0]}),
]

clocks = st.sampled_from(["00:00:00", "02:30:00", "06:00:00", "21:30:00", "23:59:59"])


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    area = draw(st.sampled_from(AREAS))
    return {
        "area": area,
        "states": draw(st.lists(st.sampled_from(STATES), min_size=1, unique=True)),
        "days": draw(st.lists(st.sampled_from(DAYS), unique=True)),
        "start_time": draw(clocks),
        "end_time": draw(clocks),
        "minimum": draw(st.none() | st.integers(1, 6)),
        "maximum": draw(st.none() | st.integers(6, 12)),
    }


looks = st.lists(
    st.tuples(
        st.integers(0, 90),
        st.lists(
            st.tuples(
                st.sampled_from(CELLS),
                st.sampled_from(["hello", "mobike"]),
                st.lists(st.integers(0, 5), min_size=5, max_size=5),
            ),
            max_size=3,
        ),
    ),
    min_size=1,
    max_size=25,
)
policies = st.lists(
    st.tuples(st.sampled_from([[], ["hello"]]), st.lists(rules(), min_size=1, max_size=3)), max_size=2
)


def folding(drawn: Any, min_duration_ms: int) -> Counted:
    made = []
    for number, (operators, listed) in enumerate(drawn):
        fields = [
            rule(10 * number + place, one["area"][0], **{k: v for k, v in one.items() if k != "area"})
            | {"states": {state: [] for state in one["states"]}}
            for place, one in enumerate(listed, 1)
        ]
        made.append(policy(number, *fields, provider_ids=operators))
    read, findings = read_all(document(made, [geography(a[0], a[1]) for a in AREAS]), city(ZONE))
    assert not findings.errors
    return Counted(replace(read, default=replace(DEFAULT, capacity=10**6, min_duration_ms=min_duration_ms)))


def in_effect(one: dict[str, Any], at_ms: int) -> bool:
    """By comparing texts of the clock, not seconds."""
    shown = datetime.fromtimestamp(at_ms // 1000, ZONE)
    clock, today, yesterday = shown.strftime("%H:%M:%S"), DAYS[shown.weekday()], DAYS[shown.weekday() - 1]
    days = one["days"] or DAYS
    if one["start_time"] <= one["end_time"]:
        return today in days and one["start_time"] <= clock <= one["end_time"]
    return (today in days and clock >= one["start_time"]) or (yesterday in days and clock <= one["end_time"])


def counts_of(drawn: Any, newest: dict[tuple[str, str], list[int]], at_ms: int) -> dict[str, int | None]:
    """Return what each rule counts, vehicle by vehicle; None: it is not in effect."""
    found: dict[str, int | None] = {}
    for number, (operators, listed) in enumerate(drawn):
        for place, one in enumerate(listed, 1):
            found[identity(10 * number + place)] = 0 if in_effect(one, at_ms) else None
        for (cell, operator), states in newest.items():
            if operators and operator not in operators:
                continue
            for state, count in zip(STATES, states, strict=True):
                for place, one in enumerate(listed, 1):
                    name = identity(10 * number + place)
                    if found[name] is not None and cell in one["area"][2] and state in one["states"]:
                        found[name] += count  # type: ignore[operator]
                        break
    return found


@given(policies, looks)
def test_an_alert_is_open_exactly_while_a_count_is_out_of_bounds(drawn: Any, log: Any) -> None:
    fold = folding(drawn, 0)
    opened: dict[tuple[str, str], Alert] = {}
    newest: dict[tuple[str, str], list[int]] = {}
    at = EVENING
    for minutes, rows in log:
        at += minutes * 60_000
        for alert in fold.look(at, *rows):
            assert alert.evidence.rule is not None
            key = (alert.evidence.rule.rule_id, alert.kind)
            if alert.status == "active":
                opened[key] = alert
            else:
                del opened[key]
        newest |= {(cell, operator): states for cell, operator, states in rows}
        expected = {}
        for name, count in counts_of(drawn, newest, at).items():
            number, place = divmod(int(name[-12:]), 10)
            one = drawn[number][1][place - 1]
            if count is not None and one["maximum"] is not None and count > one["maximum"]:
                expected[(name, "too_many")] = count
            if count is not None and one["minimum"] is not None and count < one["minimum"]:
                expected[(name, "too_few")] = count
        assert opened.keys() == expected.keys()


@given(policies, looks, st.sampled_from([0, 3_600_000]), st.data())
def test_crashes_change_nothing(drawn: Any, log: Any, duration: int, data: st.DataObject) -> None:
    calm, shaken = folding(drawn, duration), folding(drawn, duration)
    at = EVENING
    for minutes, rows in log:
        at += minutes * 60_000
        calm.look(at, *rows)
        shaken.look(at, *rows)
        if data.draw(st.booleans()):
            shaken.checkpoint()
        if data.draw(st.booleans()):
            shaken.crash()
    calm.checkpoint()
    shaken.checkpoint()
    assert shaken.database.tables == calm.database.tables
    assert shaken.retained() == calm.retained()
    told = {output.id_: output.value for output in calm.outputs}
    assert {output.id_: output.value for output in shaken.outputs} == told


@given(looks, st.integers(0, 100), st.booleans())
def test_alerts_in_per_cent_are_open_exactly_while_an_operator_is_out_of_bounds(
    log: Any, bound: int, riding: bool
) -> None:
    """Against whole numbers of vehicles times a hundred, operator by operator."""
    states = ["available", "on_trip"]
    units = {"rule_units": "utilization" if riding else "percent", "minimum": bound or 1}
    fields = rule(1, 1, **units) | {"states": {state: [] for state in states}}
    read, findings = read_all(
        document([policy(1, fields)], [geography(a[0], a[1]) for a in AREAS]), city(ZONE)
    )
    assert not findings.errors
    fold = Counted(replace(read, default=replace(DEFAULT, capacity=10**6, min_duration_ms=0)))
    newest: dict[tuple[str, str], list[int]] = {}
    opened: dict[str, Alert] = {}
    at = EVENING
    for minutes, rows in log:
        at += minutes * 60_000
        for alert in fold.look(at, *rows):
            opened[str(alert.subject)] = alert
        newest |= {(cell, operator): counts for cell, operator, counts in rows}
        expected = set()
        for operator in ("hello", "mobike"):
            mine = {cell: counts for (cell, name), counts in newest.items() if name == operator}
            here = sum(c[0] + c[3] for cell, c in mine.items() if cell in AREAS[0][2])
            trips = sum(c[3] for cell, c in mine.items() if cell in AREAS[0][2])
            everywhere = sum(c[0] + c[3] for c in mine.values())
            part, whole = (trips, here) if riding else (here, everywhere)
            if 100 * part < (bound or 1) * whole:
                expected.add(f"{identity(1)}/{operator}")
        assert {subject for subject, alert in opened.items() if alert.status == "active"} == expected
