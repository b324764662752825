"""What goes over the wire, against what the standards say."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.affinity import translate
from shapely.geometry import shape

from schemas.alerts import (
    SEVERITIES,
    Alert,
    AlertAction,
    Anomaly,
    Health,
    HotSpot,
    PolicyRule,
    Severity,
    Threshold,
    TripRate,
)
from schemas.outline import Outline
from streams.grid import locate
from streams.notify.formats import RENDER
from streams.notify.message import Message
from streams.notify.receivers import FORMATS, Format
from tests.pipeline import T0
from tests.unit.notify import cap_rules
from tests.unit.notify.events import ALERT_ID, NOW, RING, message, of, told

ACTIONS: tuple[AlertAction, ...] = ("raised", "updated", "cleared")


def rendered(format_: Format, *arguments: Any, **changes: Any) -> Any:
    return json.loads(RENDER[format_](message(of(*arguments), format_, **changes)).body)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_format_gives_the_same_bytes_for_the_same_message(format_: Format, action: AlertAction) -> None:
    one, two = (RENDER[format_](message(of(action), format_)) for _ in range(2))
    assert one == two
    assert one.body


# ------------------------------------------------------------------ CloudEvents


def test_a_cloud_event_has_the_attributes_of_the_specification() -> None:
    event = rendered("cloudevents", "updated", "critical", 1)
    data = event.pop("data")
    assert event == {
        "specversion": "1.0",
        "id": f"{ALERT_ID}/1",
        "source": "urbanbrain/notify",
        "type": "ub.alert.v1",
        "subject": "89309959d07ffff",
        "time": "2026-01-01T00:02:00.000Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:urbanbrain:schema:Alert:v1",
        "reason": "event",
    }
    assert data["severity"] == "critical"
    assert RENDER["cloudevents"](message(of())).content_type.startswith("application/cloudevents+json")


def test_ids_tell_events_escalations_and_repeats_apart() -> None:
    later = NOW + timedelta(minutes=5)
    ids = [
        rendered("cloudevents", reason=reason, due_at=at)["id"]
        for reason, at in (("event", NOW), ("escalation", NOW), ("repeat", NOW), ("repeat", later))
    ]
    assert len(set(ids)) == 4


# ------------------------------------------------------------------ Alertmanager


def test_alertmanager_gets_an_alert_that_lasts_until_it_would_be_repeated() -> None:
    (alert,) = rendered("alertmanager", district="Pudong")
    assert alert["labels"] == {
        "alertname": "oversaturation",
        "severity": "major",
        "cell": "89309959d07ffff",
        "region": "82309ffffffffff",
        "zone": "metro",
        "district": "Pudong",
    }
    assert alert["annotations"]["summary"].startswith("95 bikes")
    assert (alert["startsAt"], alert["endsAt"]) == ("2026-01-01T00:00:00.000Z", "2026-01-01T01:15:00.000Z")


def test_alertmanager_tells_a_feed_of_sensors_from_one_of_vehicles_of_the_same_name() -> None:
    found = []
    for feed in ("sensors", "vehicles"):
        evidence = msgspec.structs.replace(of().evidence, health=Health(feed, 3, T0, 60_000, 600_000))
        silent = msgspec.structs.replace(of(), kind="feed_silent", subject="north", evidence=evidence)
        [alert] = json.loads(RENDER["alertmanager"](message(silent, "alertmanager")).body)
        found.append(alert["labels"])
    assert found[0].pop("feed") == "sensors"
    assert found[1].pop("feed") == "vehicles"
    assert found[0] == found[1]


def test_alertmanager_is_told_that_the_former_severity_is_over() -> None:
    first, *others = rendered("alertmanager", "updated", "critical")
    assert first["labels"]["severity"] == "critical"
    assert {alert["labels"].pop("severity") for alert in others} == {"warning", "minor", "major"}
    first["labels"].pop("severity")
    assert all(alert["labels"] == first["labels"] for alert in others)
    assert {alert["endsAt"] for alert in others} == {"2026-01-01T00:02:00.000Z"}


def test_what_is_repeated_to_alertmanager_ends_nothing_again() -> None:
    """It forgets an end once it has notified people of it: the same end again would have it notify them again."""
    [alert] = rendered("alertmanager", "updated", "critical", reason="repeat")
    assert alert["labels"]["severity"] == "critical"


def test_with_the_end_of_an_alert_all_its_severities_end_in_alertmanager() -> None:
    """A change of severity that a silence kept back was not told: the former one is still there."""
    found = rendered("alertmanager", "cleared", "critical")
    assert {alert["labels"]["severity"] for alert in found} == set(SEVERITIES)
    assert {alert["endsAt"] for alert in found} == {"2026-01-01T00:02:00.000Z"}


@pytest.mark.parametrize(("action", "ended"), [("cleared", 4), ("updated", 3)])
def test_an_end_that_is_ahead_of_the_clock_is_over_for_alertmanager_all_the_same(
    action: AlertAction, ended: int
) -> None:
    """It keeps the later of two ends unless the newer one is over: it would let the alert fire on for minutes."""
    told = of(action, "critical")
    body = msgspec.structs.replace(told, starts_at=told.updated_at - 1_000)
    now = datetime.fromtimestamp((told.updated_at - 20_000) / 1000, UTC)
    found = json.loads(RENDER["alertmanager"](replace(message(body, "alertmanager"), now=now)).body)
    over = [alert for alert in found if datetime.fromisoformat(alert["endsAt"]) < now - timedelta(seconds=20)]
    assert len(over) == ended
    assert all(alert["startsAt"] <= alert["endsAt"] for alert in found)


def test_an_alert_that_is_over_ends_when_it_was_cleared() -> None:
    (alert,) = rendered("alertmanager-webhook", "cleared")["alerts"]
    assert alert["endsAt"] == "2026-01-01T00:02:00.000Z"


@pytest.mark.parametrize(("action", "status"), [("raised", "firing"), ("cleared", "resolved")])
def test_a_webhook_gets_a_group_of_version_4(action: AlertAction, status: str) -> None:
    group = rendered("alertmanager-webhook", action)
    assert set(group) == {
        *("version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels"),
        *("commonAnnotations", "externalURL", "alerts"),
    }
    assert (group["version"], group["status"], group["receiver"]) == ("4", status, "desk")
    (alert,) = group["alerts"]
    assert set(alert) == {
        *("status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"),
    }
    assert alert["status"] == status


@pytest.mark.parametrize("reason", ["event", "escalation", "overdue", "repeat"])
def test_a_webhook_is_told_why_it_is_told(reason: str) -> None:
    group = rendered("alertmanager-webhook", reason=reason)
    assert group["commonAnnotations"]["reason"] == group["alerts"][0]["annotations"]["reason"] == reason


def test_who_is_to_see_to_an_alert_is_named_where_somebody_is() -> None:
    assert "assignee" not in rendered("cloudevents")
    assert rendered("cloudevents", reason="overdue", assignee="anna")["assignee"] == "anna"
    assert "assignee" not in rendered("alertmanager-webhook")["commonAnnotations"]
    group = rendered("alertmanager-webhook", assignee="anna")
    assert group["commonAnnotations"]["assignee"] == group["alerts"][0]["annotations"]["assignee"] == "anna"


def test_the_end_of_one_alert_is_not_that_of_another_in_the_same_cell() -> None:
    """Whoever takes webhooks of Alertmanager opens and closes what they make of it by the group's key."""
    keys = [
        {
            json.loads(RENDER["alertmanager-webhook"](message(alert)).body)["groupKey"]
            for action, severity in (("raised", "minor"), ("updated", "major"), ("cleared", "major"))
            for alert in [of(action, severity, kind="sensor_silent", subject=sensor)]
        }
        for sensor in ("one", "two")
    ]
    assert [len(found) for found in keys] == [1, 1]
    assert keys[0] != keys[1]


def test_the_fingerprint_is_the_same_for_the_whole_life() -> None:
    found = {
        rendered("alertmanager-webhook", action, severity)["alerts"][0]["fingerprint"]
        for action, severity in (("raised", "minor"), ("updated", "major"), ("cleared", "major"))
    }
    assert len(found) == 1


# ------------------------------------------------------------------ CAP

SEVERITY_OF_CAP = {"warning": "Minor", "minor": "Minor", "major": "Moderate", "critical": "Severe"}


@given(
    st.sampled_from(ACTIONS),
    st.sampled_from(SEVERITIES),
    st.text(max_size=40),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from(["event", "escalation", "repeat"]), st.just(T0))),
)
def test_a_message_of_cap_breaks_no_rule_of_the_standard(
    action: AlertAction, severity: Severity, summary: str, outlined: bool, earlier: list[tuple[int, str, int]]
) -> None:
    earlier = [(0, "event", T0), *earlier] if earlier or action == "cleared" else []
    boundary = {"type": "Polygon", "coordinates": [RING]} if outlined else None
    made = message(of(action, severity, summary=summary), "cap", boundary=boundary, told=told(*earlier))
    payload = RENDER["cap"](made)
    root = cap_rules.check(payload.body)
    info = root.find(f"{cap_rules.NAMESPACE}info")
    assert info is not None
    assert cap_rules.text(info, "severity") == SEVERITY_OF_CAP[severity]
    assert payload.content_type.startswith("application/cap+xml")


def test_messages_of_one_alert_name_those_before_as_they_were_sent() -> None:
    lives = [of("raised", "minor", 0), of("updated", "major", 1), of("cleared", "major", 2)]
    sent: list[tuple[int, str, int]] = []
    seen: list[str] = []
    kinds = []
    for alert in lives:
        root = cap_rules.check(RENDER["cap"](message(alert, "cap", told=told(*sent))).body)
        kinds.append(cap_rules.text(root, "msgType"))
        if seen:
            assert cap_rules.text(root, "references") == " ".join(seen)
        seen.append(",".join(cap_rules.text(root, name) for name in ("sender", "identifier", "sent")))
        sent.append((alert.sequence, "event", alert.updated_at))
    assert kinds == ["Alert", "Update", "Cancel"]
    assert len(set(seen)) == 3


def test_an_escalation_is_a_message_of_its_own_that_is_referred_to_as_it_was_sent() -> None:
    first = RENDER["cap"](message(of("updated", "major", 1), "cap", reason="escalation", sequence=0))
    root = cap_rules.check(first.body)
    assert cap_rules.text(root, "msgType") == "Alert"
    end = RENDER["cap"](message(of("cleared", sequence=2), "cap", told=told((0, "escalation", T0 + 120_000))))
    names = ",".join(cap_rules.text(root, name) for name in ("sender", "identifier", "sent"))
    assert cap_rules.text(cap_rules.check(end.body), "references") == names


@pytest.mark.parametrize("later", [(), ((2, "event", T0 + 240_000),)])
def test_a_repeat_is_the_same_message_again(later: tuple[tuple[int, str, int], ...]) -> None:
    before = ((0, "event", T0 + 60_000),)
    alert = of("updated", "major", 1)
    said = [(1, "event", alert.updated_at), (1, "repeat", alert.updated_at), *later]
    first = message(alert, "cap", told=told(*before))
    again = message(alert, "cap", reason="repeat", told=told(*before, *said))
    assert RENDER["cap"](again).body == RENDER["cap"](first).body


@pytest.mark.parametrize("reason", ["escalation", "overdue"])
def test_cap_says_why_whoever_did_not_ask_for_the_alert_is_told_and_repeats_it(reason: str) -> None:
    alert = of("updated", "major", 1)
    first = RENDER["cap"](message(alert, "cap", reason=reason)).body
    assert f"<valueName>reason</valueName><value>{reason}</value>".encode() in first
    suffix = f"/{int(NOW.timestamp())}" if reason == "overdue" else ""
    again = message(alert, "cap", reason="repeat", told=told((1, reason + suffix, alert.updated_at)))
    assert RENDER["cap"](again).body == first
    assert b"<valueName>reason" not in RENDER["cap"](message(alert, "cap")).body


@pytest.mark.parametrize(
    ("kind", "metric", "category"),
    [
        ("oversaturation", None, "Transport"),
        ("threshold", "pm25", "Env"),
        ("threshold", "free_spaces", "Transport"),
        ("threshold", "water_level", "Met"),
        ("anomaly", "pipe_pressure", "Infra"),
        ("anomaly", "people_count", "Safety"),
        ("anomaly", "flow, laeq, speed", "Env Transport"),
        ("anomaly", "a metric of another version", "Other"),
        ("sensor_silent", None, "Infra"),
        ("feed_silent", None, "Infra"),
        ("hot_spot", None, "Other"),
        ("speeding", None, "Transport"),
    ],
)
def test_the_category_of_cap_is_that_of_what_was_measured(
    kind: str, metric: str | None, category: str
) -> None:
    evidence = of().evidence
    if kind == "threshold":
        assert metric is not None
        found = Threshold("bound", metric, "1", "mean", T0, 60_000, 90, 75, None, 5, 0)
        evidence = msgspec.structs.replace(evidence, threshold=found)
    elif metric is not None:
        strange = Anomaly(metric, "1", T0, 60_000, 9, "value", 9, 1, 2, 0.9, "records", 1)
        evidence = msgspec.structs.replace(evidence, anomaly=strange)
    root = cap_rules.check(RENDER["cap"](message(of(kind=kind, evidence=evidence), "cap")).body)
    assert [one.text for one in root.iter(f"{cap_rules.NAMESPACE}category")] == category.split()


def test_what_was_overdue_twice_is_referred_to_twice() -> None:
    seen: list[str] = []
    sent: list[tuple[int, str, int]] = []
    for minutes in (5, 65):
        due_at = NOW + timedelta(minutes=minutes)
        made = message(of("updated", sequence=1), "cap", reason="overdue", due_at=due_at, told=told(*sent))
        root = cap_rules.check(RENDER["cap"](made).body)
        seen.append(",".join(cap_rules.text(root, name) for name in ("sender", "identifier", "sent")))
        sent.append((1, f"overdue/{int(due_at.timestamp())}", made.alert.updated_at))
    end = cap_rules.check(RENDER["cap"](message(of("cleared", sequence=2), "cap", told=told(*sent))).body)
    assert cap_rules.text(end, "references") == " ".join(seen)
    assert len(set(seen)) == 2


@pytest.mark.parametrize(
    ("kind", "certainty"), [("oversaturation", "Observed"), ("saturation_expected", "Likely")]
)
def test_what_is_expected_was_not_observed(kind: str, certainty: str) -> None:
    root = cap_rules.check(RENDER["cap"](message(of(kind=kind), "cap")).body)
    info = root.find(f"{cap_rules.NAMESPACE}info")
    assert info is not None
    assert cap_rules.text(info, "certainty") == certainty


@pytest.mark.parametrize("stored", [locate.boundary_geojson, locate.boundary_in_one_piece])
@pytest.mark.parametrize("lat", [-17.0, 0.0, 66.0])
def test_the_outline_of_a_cell_across_the_antimeridian_is_cut_there(
    lat: float, stored: Callable[[int], dict[str, Any]]
) -> None:
    [cell] = locate.Locator(9, 2).cells([lat], [180.0])
    boundary = stored(cell)
    root = cap_rules.check(RENDER["cap"](message(of(), "cap", boundary=boundary)).body)
    polygons = [
        shapely.Polygon([tuple(map(float, pair.split(",")[::-1])) for pair in (found.text or "").split()])
        for found in root.iter(f"{cap_rules.NAMESPACE}polygon")
    ]
    west, east = polygons
    one_piece = shapely.geometry.shape(locate.boundary_in_one_piece(cell))
    assert (west.bounds[2], east.bounds[0]) == (180, -180)
    whole = shapely.union_all([west, translate(east, 360)])
    assert whole.symmetric_difference(one_piece).area < 1e-3 * whole.area


@pytest.mark.parametrize("lat", [90.0, -90.0])
@pytest.mark.parametrize("resolution", range(3, 14))
def test_the_cell_around_a_pole_is_told_by_its_centre_where_it_has_no_outline(
    lat: float, resolution: int
) -> None:
    [cell] = locate.Locator(resolution, 2).cells([lat], [0.0])
    body = RENDER["cap"](message(of(), "cap", boundary=locate.boundary_geojson(cell))).body
    root = cap_rules.check(body)
    areas = [len(list(root.iter(f"{cap_rules.NAMESPACE}{name}"))) for name in ("polygon", "circle")]
    assert areas[0] > 0 or areas == [0, 1]


def test_the_outline_is_latitude_before_longitude() -> None:
    made = message(of(), "cap", boundary={"type": "Polygon", "coordinates": [RING]})
    body = RENDER["cap"](made).body.decode()
    assert "<polygon>31.000000,121.000000 31.000000,121.100000 " in body


def polygons_of(made: Message) -> list[Any]:
    """Return the polygons of a message of CAP, longitude first."""
    root = cap_rules.check(RENDER["cap"](made).body)
    return [
        shapely.Polygon([tuple(map(float, pair.split(",")[::-1])) for pair in (found.text or "").split()])
        for found in root.iter(f"{cap_rules.NAMESPACE}polygon")
    ]


@pytest.mark.parametrize("about", ["rule", "trips"])
def test_of_a_rule_the_area_is_its_geographies_and_not_the_cell_in_their_middle(about: str) -> None:
    squares = [shapely.box(121, 31, 121.2, 31.1), shapely.box(121.5, 31, 121.6, 31.1)]
    outline = Outline("MultiPolygon", [[list(map(list, one.exterior.coords))] for one in squares])
    counted = PolicyRule("p", "r", "Rule", ["g"], 3, [], [], None, 10, 12, 2, in_effect=True, outline=outline)
    ridden = TripRate("p", "r", "Rule", ["g"], 3, [], "a", T0, T0, 1, 2.0, 0.5, 1.0, None, outline=outline)
    evidence = {"rule": counted} if about == "rule" else {"trips": ridden}
    cell = {"type": "Polygon", "coordinates": [RING]}
    made = message(with_evidence("too_many", **evidence), "cap", boundary=cell)
    assert shapely.union_all(polygons_of(made)).equals(shapely.union_all(squares))


def test_of_a_rule_whose_outline_is_not_told_the_area_is_the_cell() -> None:
    counted = PolicyRule("p", "r", "Rule", ["g"], 3, [], [], None, 10, 12, 2, in_effect=True)
    made = message(
        with_evidence("too_many", rule=counted), "cap", boundary={"type": "Polygon", "coordinates": [RING]}
    )
    [found] = polygons_of(made)
    assert found.equals(shapely.Polygon(RING))


@pytest.mark.parametrize(("lat", "lon"), [(31.2, 121.5), (-17.0, 180.0)])
def test_of_a_hot_spot_the_area_is_all_its_cells(lat: float, lon: float) -> None:
    [middle] = locate.Locator(8, 2).cells([lat], [lon])
    cells = locate.neighbours(locate.to_hex(middle))
    spot = HotSpot("potholes", [*cells, "no cell"], T0, T0, 9, 1.5, 4.2, "scan", 1)
    found = polygons_of(message(with_evidence("hot_spot", hot_spot=spot), "cap"))
    drawn = [shape(locate.boundary_geojson(locate.from_hex(cell))) for cell in cells]
    whole = shapely.union_all(drawn)
    assert shapely.union_all(found).symmetric_difference(whole).area < 1e-3 * whole.area


def with_evidence(kind: str, **evidence: Any) -> Alert:
    alert = of(kind=kind)
    return msgspec.structs.replace(alert, evidence=msgspec.structs.replace(alert.evidence, **evidence))
