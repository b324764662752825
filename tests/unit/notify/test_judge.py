"""Whether a notification is sent, kept back or dropped: one look at each rule, and invariants over all of them."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.notify.judge import Drop, Hold, Send, Verdict, judge
from streams.notify.receivers import FORMATS, Format
from streams.store.due import Due, Reason
from tests.unit.notify.events import ALERT_ID, NOW, of

SILENCE = "silence s1: fair"
TOLD = [[0, "event", 0]]
DUE = Due(
    number=1,
    alert_id=ALERT_ID,
    sequence=0,
    reason="event",
    state="pending",
    due_at=NOW,
    attempts=0,
    body="",
    status="active",
    acknowledged_by=None,
    closed_by=None,
    boundary=None,
    told=[],
)


def verdict(
    silence: str | None = None,
    format_: Format = "cloudevents",
    cleared: bool = False,
    wanted: bool = True,
    repeated: bool = True,
    **changes: Any,
) -> Verdict:
    alert = of("cleared" if cleared else "raised")
    return judge(replace(DUE, **changes), alert, silence, format_, wanted=wanted, repeated=repeated)


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ({}, Send()),
        ({"status": "cleared"}, Send()),  # raised and over while the receiver was away
        ({"acknowledged_by": "anna"}, Send()),
        ({"silence": SILENCE}, Hold(SILENCE)),
        ({"state": "silenced"}, Send()),
        ({"state": "silenced", "status": "cleared"}, Drop("cleared while it was kept back")),
        ({"state": "silenced", "told": [[1, "event", 0]]}, Drop("a later event was sent")),  # and worse since
        (
            {"state": "silenced", "told": [[1, "event", 0]], "silence": SILENCE},
            Drop("a later event was sent"),
        ),
        ({"told": [[1, "event", 0]]}, Send()),
        ({"overtaken": True}, Send()),  # both happened while the receiver was away
        ({"state": "silenced", "overtaken": True}, Drop("a later event takes its place")),
        ({"wanted": False}, Drop("its receiver was not notified of the alert, and does not ask for it now")),
        ({"wanted": False, "told": TOLD}, Send()),
        ({"wanted": False, "reason": "escalation"}, Send()),
        ({"repeated": False}, Send()),
        ({"closed_by": "anna"}, Hold("closed by anna")),
        (
            {"closed_by": "anna", "state": "silenced", "status": "cleared"},
            Drop("cleared while it was kept back"),
        ),
        ({"reason": "repeat", "told": TOLD, "closed_by": "anna"}, Hold("closed by anna")),
        ({"cleared": True}, Drop("its receiver was not notified of the alert")),
        ({"cleared": True, "told": TOLD, "silence": SILENCE}, Send()),
        ({"cleared": True, "told": TOLD, "closed_by": "anna"}, Send()),
        ({"reason": "escalation"}, Send()),
        ({"reason": "escalation", "acknowledged_by": "anna"}, Hold("acknowledged by anna")),
        (
            {"reason": "escalation", "state": "silenced", "told": [[1, "event", 0]]},
            Send(),
        ),  # the silence is over
        ({"reason": "escalation", "state": "silenced", "overtaken": True}, Send()),
        ({"reason": "escalation", "later_held": True}, Send()),  # it tells how the alert is now
        ({"reason": "escalation", "status": "cleared"}, Drop("cleared")),
        ({"reason": "escalation", "cleared": True, "told": TOLD}, Drop("cleared")),
        ({"reason": "escalation", "silence": SILENCE}, Hold(SILENCE, anew=True)),
        ({"reason": "escalation", "early": True, "silence": SILENCE}, Hold(SILENCE, anew=True)),
        (
            {"reason": "escalation", "early": True},
            Hold("the receiver that escalates it has time left, was not notified, or no longer escalates"),
        ),
        ({"reason": "overdue", "overdue": True}, Send()),
        ({"reason": "overdue", "overdue": True, "acknowledged_by": "anna"}, Send()),
        ({"reason": "overdue", "overdue": True, "closed_by": "anna"}, Hold("closed by anna")),
        ({"reason": "overdue", "overdue": True, "silence": SILENCE}, Hold(SILENCE)),
        ({"reason": "overdue", "overdue": True, "state": "silenced"}, Send()),  # the silence is over
        ({"reason": "overdue", "overdue": True, "status": "cleared"}, Drop("cleared")),
        ({"reason": "overdue"}, Drop("it is no longer overdue")),
        ({"reason": "escalation", "closed_by": "anna"}, Hold("closed by anna", anew=True)),
        ({"reason": "repeat", "told": TOLD}, Send()),
        (
            {"reason": "repeat", "told": TOLD, "repeated": False},
            Drop("its receiver has no repeat_interval now"),
        ),
        ({"reason": "repeat", "told": TOLD, "attempts": 1}, Send()),
        (  # the interval was removed while its receiver was away
            {"reason": "repeat", "told": TOLD, "repeated": False, "attempts": 1},
            Drop("its receiver has no repeat_interval now"),
        ),
        # a reminder, while all is silent, after it, and once it was tried in vain
        ({"reason": "repeat", "repeated": False, "state": "silenced", "silence": SILENCE}, Hold(SILENCE)),
        ({"reason": "repeat", "repeated": False, "state": "silenced"}, Send()),
        ({"reason": "repeat", "repeated": False, "state": "silenced", "attempts": 1}, Send()),
        ({"reason": "repeat", "acknowledged_by": "anna"}, Hold("acknowledged by anna")),
        ({"reason": "repeat", "acknowledged_by": "anna", "format_": "alertmanager"}, Send()),
        ({"reason": "repeat", "silence": SILENCE}, Hold(SILENCE)),
        ({"reason": "repeat", "silence": SILENCE, "format_": "alertmanager"}, Send()),
        ({"reason": "repeat", "told": [*TOLD, [1, "event", 0]]}, Drop("a later event was sent")),
        # what it became is silent, what it was would not be
        (
            {"reason": "repeat", "told": TOLD, "later_held": True},
            Hold("what became of the alert is kept back"),
        ),
        ({"reason": "repeat", "told": TOLD, "later_held": True, "format_": "alertmanager"}, Send()),
    ],
)
def test_a_notification_is_sent_kept_back_or_dropped(case: dict[str, Any], expected: Verdict) -> None:
    assert verdict(**case) == expected


NAMES = st.sampled_from([None, "anna"])
CASES = st.fixed_dictionaries(
    {
        "silence": st.sampled_from([None, SILENCE]),
        "format_": st.sampled_from(FORMATS),
        "cleared": st.booleans(),
        "reason": st.sampled_from(get_args(Reason)),
        "state": st.sampled_from(["pending", "silenced"]),
        "status": st.sampled_from(["active", "cleared"]),
        "acknowledged_by": NAMES,
        "closed_by": NAMES,
        "told": st.sampled_from([[], TOLD]),
    }
)


@given(CASES)
def test_the_end_is_told_to_whoever_was_told_the_beginning_and_to_no_one_else(case: dict[str, Any]) -> None:
    found = verdict(**{**case, "cleared": True, "reason": "event"})
    assert isinstance(found, Send) is bool(case["told"])


@given(CASES)
def test_under_a_silence_nothing_is_sent_but_an_end(case: dict[str, Any]) -> None:
    found = verdict(**{**case, "silence": SILENCE})
    kept_firing = case["reason"] == "repeat" and case["format_"] == "alertmanager"
    assert not isinstance(found, Send) or case["cleared"] or kept_firing


@given(CASES)
def test_nothing_is_kept_back_without_a_silence_or_what_people_did(case: dict[str, Any]) -> None:
    nothing_done = {"silence": None, "closed_by": None, "acknowledged_by": None}
    assert not isinstance(verdict(**case | nothing_done), Hold)
