"""Open alerts say until when they are silenced: by the silence that ends last of those that match."""

import random
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from streams.console import live, service
from streams.console import silenced as silenced_module
from streams.console.silenced import Silenced
from streams.fold.outlines import no_district
from streams.store.alert_desk import SilenceRow
from streams.store.view_rows import OpenAlert
from tests.unit.console.rows import T0, alert
from tests.work import lines_run


def silence(name: str, ends_at: datetime, began: datetime = T0, **wanted: str) -> SilenceRow:
    matchers = [
        {"name": label, "value": value, "isRegex": False, "isEqual": True} for label, value in wanted.items()
    ]
    return SilenceRow(name, matchers, began, ends_at, "anna", "", "active")


def expression(name: str, label: str, pattern: str) -> SilenceRow:
    matchers = [{"name": label, "value": pattern, "isRegex": True, "isEqual": True}]
    return SilenceRow(name, matchers, T0, hour(9), "anna", "", "active")


def hour(number: int) -> datetime:
    return T0 + timedelta(hours=number)


def test_of_several_silences_the_one_that_ends_last_counts_and_others_are_left_as_they_are() -> None:
    first, second = alert("a", kind="oversaturation"), alert("b", kind="anomaly")
    holding = [
        silence("s1", hour(3), kind="oversaturation"),
        silence("s2", hour(9), began=hour(2), severity="minor", kind="oversaturation"),
        silence("s3", hour(8), operator="hello", kind="oversaturation"),
        silence("s4", hour(8), severity="critical"),
    ]
    silenced = Silenced(no_district)
    assert silenced([first, second], holding) == [replace(first, silenced_until=hour(9)), second]
    assert silenced([first, second], holding[:1]) == [replace(first, silenced_until=hour(3)), second]
    assert silenced([first, second], []) == [first, second]


def test_silences_may_ask_for_operators_and_for_districts() -> None:
    one = alert("a")
    silenced = Silenced(lambda lat, lon: "浦东" if (lat, lon) == (one.lat, one.lon) else None)
    assert silenced([one], [silence("s", hour(1), district="浦东")])[0].silenced_until == hour(1)
    assert silenced([one], [silence("s", hour(1), operator="hello")])[0].silenced_until == hour(1)
    assert (
        silenced([replace(one, lat=0.0)], [silence("s", hour(1), district="浦东")])[0].silenced_until is None
    )
    assert silenced([one], [silence("s", hour(1), operator="didi")])[0].silenced_until is None


def test_where_districts_are_not_known_silences_that_ask_for_them_silence_nothing() -> None:
    """To such a console all alerts lie outside of every district: also those that receivers are notified of."""
    outside = [{"name": "district", "value": "浦东", "isRegex": False, "isEqual": False}]
    holding = [SilenceRow("s", outside, T0, hour(1), "anna", "", "active")]
    assert Silenced(no_district)([alert("a")], holding)[0].silenced_until == hour(1)
    assert Silenced(None)([alert("a")], holding)[0].silenced_until is None
    assert Silenced(None)([alert("a")], [*holding, silence("t", hour(2))])[0].silenced_until == hour(2)


def test_what_is_remembered_is_what_would_be_found_anew() -> None:
    rng = random.Random(7)
    kinds, severities = ("oversaturation", "anomaly", "threshold"), ("minor", "major", "critical")
    open_alerts = {f"a{n}": alert(f"a{n}", kind=rng.choice(kinds)) for n in range(20)}
    holding: dict[str, SilenceRow] = {}
    silenced = Silenced(no_district)
    for step in range(300):
        name = f"s{rng.randrange(12)}"
        if name not in holding:
            label, values = rng.choice((("kind", kinds), ("severity", severities), ("operator", ("hello",))))
            holding[name] = silence(name, hour(rng.randrange(400, 420)), **{label: rng.choice(values)})
        elif rng.random() < 0.5:
            del holding[name]
        else:
            holding[name] = replace(holding[name], ends_at=hour(rng.randrange(400, 420)))
        changed = f"a{rng.randrange(25)}"
        if open_alerts.pop(changed, None) is None or rng.random() < 0.7:
            open_alerts[changed] = alert(changed, kind=rng.choice(kinds), severity=rng.choice(severities))
        if step % 50 == 0:
            holding = {}
        now = [*open_alerts.values()]
        assert silenced(now, [*holding.values()]) == Silenced(no_district)(now, [*holding.values()])


def test_what_takes_long_is_done_at_later_polls_and_nothing_waits_for_it() -> None:
    alerts = [alert(f"a{n}") for n in range(5)]
    holding = [silence("s1", hour(3), kind="oversaturation")]
    looks = iter(range(100))  # half a second passes between two looks at the clock
    silenced = Silenced(no_district, lambda: next(looks) / 2)

    def known() -> list[int | None]:
        told = silenced(alerts, holding)
        assert [one.alert_id for one in told] == [one.alert_id for one in alerts]
        return [one.silenced_until and one.silenced_until.hour for one in told]

    assert known() == [15, None, None, None, None]
    for done in range(2, 6):
        assert known() == [15] * done + [None] * (5 - done)
    holding.append(silence("s2", hour(5), kind="oversaturation"))
    for done in range(1, 4):
        assert known() == [17] * done + [15] * (5 - done), "what is known holds until more is"
    del holding[0]
    assert known() == [17, 17, 17, 17, None]
    assert known() == [17] * 5


def test_hundreds_of_expressions_are_not_held_against_the_same_alerts_at_each_poll() -> None:
    alerts = [replace(alert(f"a{n}"), subject=f"vehicle/hello-{n}") for n in range(300)]
    holding = [expression(f"s{n}", "subject", f".*-{n}x") for n in range(300)]
    silenced = Silenced(no_district, lambda: 0.0)

    def takes(now: Sequence[OpenAlert], silences: Sequence[SilenceRow]) -> int:
        return lines_run(lambda: silenced(now, silences))

    first = takes(alerts, holding)
    later = [replace(one, updated_at=hour(1), sequence=2) for one in alerts]
    assert takes(later, holding) < first / 5
    assert takes(later, [*holding, expression("new", "subject", ".*-7")]) < first / 5
    assert takes(later, holding) < first / 5


def test_where_all_match_few_are_tried() -> None:
    alerts = [replace(alert(f"a{n}"), subject=f"vehicle/hello-{n}") for n in range(100)]
    matching = [expression(f"s{n}", "subject", f"vehicle/.*|{n}") for n in range(300)]
    others = [expression(f"s{n}", "subject", f"car/.*|{n}x") for n in range(300)]

    def takes(holding: Sequence[SilenceRow]) -> float:
        silenced, began = Silenced(no_district, lambda: 0.0), time.thread_time()
        silenced(alerts, holding)
        return time.thread_time() - began

    takes(matching), takes(others)  # compiles them
    assert takes(matching) < takes(others) / 2


def test_polls_that_spend_all_their_time_on_silences_do_not_make_the_view_stale() -> None:
    """As a poll ends, the view is as old as the beginning of the one before: two polls, and the pause between them."""
    answer_s = 0.4  # of the database
    age_s = 2 * (answer_s + silenced_module._LONGEST_S) + live._LONGEST_REST_S
    assert age_s < service._STALE_AFTER_S
