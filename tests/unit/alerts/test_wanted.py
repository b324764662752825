"""Which events of alerts somebody who follows them is shown."""

import pytest

from schemas.alert_actions import AlertHandling
from schemas.alerts import SEVERITIES, AlertAction, Severity
from streams.alerts.tail import Wanted
from tests.unit.alerts.events import alert


def handled(*, acknowledged: bool = False, closed_as: Severity | None = None) -> AlertHandling:
    values = dict.fromkeys(AlertHandling.__struct_fields__) | {
        "alert_id": "id",
        "acknowledged": acknowledged,
        "closed": closed_as is not None,
        "severity": closed_as or "major",
    }
    return AlertHandling(**values)  # type: ignore[arg-type]


def test_what_is_open_is_subscribed_to_first_and_all_severities_as_an_alert_may_end_at_any() -> None:
    assert Wanted(severity="major", cell="c").filters() == ["ub/v1/open-alerts/+/+/c/+", "ub/v1/alerts/+/+/c"]
    assert Wanted(kind="too_few").filters() == ["ub/v1/open-alerts/+/too_few/+/+", "ub/v1/alerts/+/too_few/+"]


@pytest.mark.parametrize("action", ["raised", "updated", "cleared"])
def test_what_was_severe_enough_is_followed_though_its_severity_falls(action: AlertAction) -> None:
    wanted = Wanted(severity="major")
    assert [wanted.shows(alert(action, severity=one), None) for one in SEVERITIES] == [
        False,
        False,
        True,
        True,
    ]
    assert wanted.shows(alert(action, severity="minor"), None, shown=True)


@pytest.mark.parametrize(
    ("wanted", "handling", "shown"),
    [
        (Wanted(), None, True),
        (Wanted(operator="north"), None, True),
        (Wanted(operator="south"), None, False),
        (Wanted(acknowledged=True), None, False),
        (Wanted(acknowledged=True), handled(acknowledged=True), True),
        (Wanted(acknowledged=False), handled(acknowledged=True), False),
        (Wanted(acknowledged=False), handled(), True),
        (Wanted(), handled(closed_as="major"), False),
        (Wanted(), handled(closed_as="minor"), True),  # it got worse since
        (Wanted(asked=lambda _alert: False), None, False),
        (Wanted(silent=lambda _alert: True), None, False),
    ],
)
def test_an_event_is_shown_where_all_is_as_wanted(
    wanted: Wanted, handling: AlertHandling | None, shown: bool
) -> None:
    assert wanted.shows(alert(), handling) is shown


@pytest.mark.parametrize(
    "wanted", [Wanted(asked=lambda alert: alert.severity == "major"), Wanted(operator="south")]
)
def test_what_was_asked_for_is_followed_whatever_becomes_of_it(wanted: Wanted) -> None:
    assert not wanted.shows(alert("updated", severity="minor"), None)
    assert wanted.shows(alert("updated", severity="minor"), None, shown=True)


def test_the_end_of_what_was_closed_is_shown() -> None:
    assert Wanted().shows(alert("cleared"), handled(closed_as="major"))


def test_the_end_of_what_was_shown_is_shown_whatever_hides_it_and_it_is_hidden_while_it_is_closed() -> None:
    for wanted in (Wanted(acknowledged=True), Wanted(silent=lambda _alert: True)):
        assert wanted.shows(alert("cleared"), None, shown=True)
        assert not wanted.shows(alert("updated"), None, shown=True)
    assert not Wanted().shows(alert("updated"), handled(closed_as="major"), shown=True)
