"""Some weeks of a city with sensors and a hotline: good input, duplicates and bad input, and what must become of it."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.e2e import hotline, measurements
from tests.e2e.city import City, Message, OwnProcess
from tests.e2e.hotline import Case, Event
from tests.e2e.measurements import OWNERS, Measured
from tests.e2e.tables import ledger
from tests.e2e.taps import KafkaRecord
from tests.e2e.traffic import BEGIN_MS

MINUTE_MS = 60_000
PLACE = {"lat": 31.21, "lon": 121.51}
OPEN_311 = {"service_code": "noise", **PLACE}


@dataclass
class Weeks:
    """What was sent into a city, sorted by what must become of it."""

    city: City
    processes: list[OwnProcess]
    readings: list[Measured]
    cases: list[Case]
    duplicates: dict[str, int] = field(default_factory=dict)
    """By stage."""
    refused: dict[str, Counter[str]] = field(default_factory=dict)
    """Reasons by stage, "gateway" included."""
    kafka: list[KafkaRecord] = field(default_factory=list)


def tell(weeks: Weeks) -> None:
    """Send everything and wait until all of it has its place."""
    city, rng = weeks.city, random.Random(5)
    readings, events = weeks.readings, hotline.in_order(weeks.cases)
    half = len(readings) // 2
    strange, unheard, crooked = bad_readings(weeks), events_of_nobody(), bad_events()
    with city.publisher() as publisher:
        publisher.publish(measurements.arrays(readings[:half]))
        publisher.publish(mixed(rng, [measurements.single(r) for r in readings[half : half + 400]], strange))
        publisher.publish(measurements.arrays(readings[half + 400 :]))
        again = readings[-300:]
        publisher.publish(measurements.arrays(again))
        publisher.publish(hotline.arrays(unheard))
        publisher.publish(mixed(rng, list(hotline.arrays(events)), crooked))
        repeated = newest_events(events)
        publisher.publish(hotline.arrays(repeated))
        late = {**events[0], "ts": BEGIN_MS - 1}
        publisher.publish(hotline.arrays([late]))
        publisher.publish(hotline.arrays([{**events[-1], "ts": events[-1]["ts"] + 1}], owner="somebody"))
    weeks.duplicates = {"sensing": len(again), "requests": len(repeated)}
    weeks.refused["requests"] = Counter(bad_event=len(unheard), too_late=1, operator_conflict=1)
    received = {
        "sensing": len(readings) + len(again) + weeks.refused["sensing"].total(),
        "requests": len(events) + len(repeated) + weeks.refused["requests"].total(),
    }
    for stage, count in received.items():
        city.eventually(lambda s=stage: ledger(city, s)["received"], until=lambda n, c=count: n == c)
    city.eventually(lambda: refused(city).total(), until=lambda n: n >= everything_refused(weeks).total())
    city.eventually(
        lambda: city.count("SELECT sum(readings)::bigint FROM ub.sensor_window"),
        until=lambda n: n >= len(readings),
    )
    for column in ("closed", "rated"):
        count = sum(event["event"] == column for event in events)
        city.eventually(
            lambda name=column: city.count(f"SELECT sum({name})::bigint FROM ub.request_window"),
            until=lambda n, c=count: n >= c,
        )
    with city.kafka_tap() as tap:
        weeks.kafka = tap.everything()


def bad_readings(weeks: Weeks) -> list[Message]:
    """Readings that the gateway refuses, and readings that only the sensing stage can refuse."""
    now, first = weeks.readings[len(weeks.readings) // 2].message["ts"], weeks.readings[0]
    good = {"sensor_id": "odd", "kind": "air", "metric": "pm25", "value": 9.5, "ts": now, **PLACE}
    (another,) = set(OWNERS) - {first.owner}
    at_gateway: list[tuple[str, Any]] = [
        ("missing_field", {name: good[name] for name in good if name != "value"}),
        ("wrong_type", {**good, "value": "9.5"}),
        ("unknown_field", {**good, "colour": "grey"}),
        ("coordinates_swapped", {**good, "lat": 121.5, "lon": 31.2}),
        ("time_in_seconds", {**good, "ts": now // 1000}),
        ("topic_mismatch", {**good, "owner": "somebody-else"}),
    ]
    in_stage: list[tuple[str, Any]] = [
        ("bad_unit", {**good, "unit": "furlong/h"}),
        ("bad_unit", {**good, "unit": "Cel"}),
        ("unknown_metric", {**good, "metric": "gold"}),
        ("unknown_metric", {**good, "kind": "noise"}),
        ("value_out_of_range", {**good, "value": -1}),
        (
            "value_out_of_range",
            {**good, "kind": "parking", "metric": "free_spaces", "value": 51, "capacity": 50},
        ),
        ("operator_conflict", {**first.message, "ts": now}),
        ("too_late", {**first.message, "ts": BEGIN_MS - 3_600_000}),
    ]
    weeks.refused["gateway"] = Counter(reason for reason, _ in at_gateway)
    weeks.refused["sensing"] = Counter(reason for reason, _ in in_stage)
    owners = {"operator_conflict": another, "too_late": first.owner}
    return [
        (f"ub/v1/{owners.get(reason, OWNERS[0])}/sensors", json.dumps(message).encode())
        for reason, message in (*at_gateway, *in_stage)
    ]


def bad_events() -> list[Message]:
    """Events that the gateway refuses."""
    opened = {"service_request_id": "odd", "event": "opened", "ts": BEGIN_MS, **OPEN_311}
    crooked: list[Event] = [
        {name: opened[name] for name in ("service_request_id", "event", "ts")},
        {**opened, "event": "rated"},
        {**opened, "satisfaction": 5},
    ]
    return list(hotline.arrays(crooked, size=1))


def events_of_nobody() -> list[Event]:
    """Events of requests of which nothing else is ever heard, without a place: the stage waits, then refuses them."""
    return [{"service_request_id": f"nobody-{n}", "event": "closed", "ts": BEGIN_MS + n} for n in range(3)]


def newest_events(events: Sequence[Event]) -> list[Event]:
    """Return the events that a stage still takes at the end: those of the last minutes."""
    return [event for event in events if event["ts"] >= events[-1]["ts"] - 5 * MINUTE_MS]


def mixed(rng: random.Random, good: list[Message], bad: Sequence[Message]) -> list[Message]:
    """Return the good ones in their order, with the bad ones anywhere between."""
    for message in bad:
        good.insert(rng.randrange(len(good) + 1), message)
    return good


def everything_refused(weeks: Weeks) -> Counter[tuple[str, str]]:
    """Return (topic, reason) of all that must be refused."""
    expected: Counter[tuple[str, str]] = Counter()
    for stage, topic in (("sensing", "ub.sensors"), ("requests", "ub.requests")):
        expected += Counter({(topic, reason): n for reason, n in weeks.refused[stage].items()})
    expected += Counter(
        {("ub/v1/roads/sensors", reason): n for reason, n in weeks.refused["gateway"].items()}
    )
    return expected + Counter({("ub/v1/hotline/requests", "bad_event"): len(bad_events())})


def refused(city: City) -> Counter[tuple[str, str]]:
    """Return how many readings and events ub.rejected holds by (topic, reason)."""
    rows = city.query("SELECT topic, reason, sum(count)::int AS n FROM ub.rejected GROUP BY 1, 2")
    return Counter({(row["topic"], row["reason"]): row["n"] for row in rows})
