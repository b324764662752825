"""Which events of alerts somebody who follows them is shown."""

import pytest

from schemas.alert_actions import AlertHandling
from schemas.alerts import SEVERITIES, Severity
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


def test_severities_from_the_one_that_is_wanted_are_subscribed_to() -> None:
    assert Wanted(severity="major", cell="c").filters() == [
        "ub/v1/alerts/major/+/c",
        "ub/v1/alerts/critical/+/c",
    ]
    assert len(Wanted(kind="oversaturation").filters()) == len(SEVERITIES)


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
        (Wanted(silent=lambda _alert: True), None, False),
    ],
)
def test_an_event_is_shown_where_all_is_as_wanted(
    wanted: Wanted, handling: AlertHandling | None, shown: bool
) -> None:
    assert wanted.shows(alert(), handling) is shown


def test_the_end_of_what_was_closed_is_shown() -> None:
    assert Wanted().shows(alert("cleared"), handled(closed_as="major"))
