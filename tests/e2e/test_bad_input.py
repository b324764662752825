"""A thousand bad payloads among good ones: none stops a process, none disappears, none harms a good one."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from kafka import KafkaProducer

from tests import oracle
from tests.contract.wire import Contract
from tests.e2e.bad import Bad, assortment, megabytes
from tests.e2e.city import City, OwnProcess
from tests.e2e.conftest import CityMaker
from tests.e2e.tables import difference, ledger, settled
from tests.e2e.taps import KafkaRecord
from tests.e2e.traffic import BEGIN_MS, OPERATORS, Reading, array, arrays, reading, single, traffic

pytestmark = pytest.mark.e2e

SEED = 11
BAD = 1_000
LATER_MS = 30 * 60_000
"""The traffic lasts this long in event time: three times UB_AMEND_HORIZON_S."""


@dataclass
class Day:
    """What was sent into a city, sorted by what must become of it."""

    city: City
    processes: list[OwnProcess]
    good: list[Reading]
    duplicates: int = 0
    refused_at_gateway: list[Bad] = field(default_factory=list)
    refused_by_fleet: Counter[str] = field(default_factory=Counter)
    kafka: list[KafkaRecord] = field(default_factory=list)


@pytest.fixture(scope="module")
def day(a_city: CityMaker) -> Iterator[Day]:
    with a_city() as city:
        processes = [city.start_gateway(), city.start_worker()]
        yield bad_day(city, processes)


def bad_day(city: City, processes: list[OwnProcess]) -> Day:
    """Send good and bad in turn and wait until all of it has its place."""
    rng = random.Random(SEED)
    good = traffic(SEED, bikes=300, minutes=LATER_MS // 60_000)
    day = Day(city, processes, good)
    day.refused_at_gateway = [*assortment(rng, BAD), *(megabytes(f"big-{n}") for n in range(4))]
    with city.publisher() as publisher:
        publisher.publish(_mixed(rng, good, day.refused_at_gateway))
        publisher.publish(_duplicates(day, rng))
        publisher.publish(_of_another_operator(day, rng))
        publisher.publish(_too_late(day))
        publisher.publish(_one_of_a_thousand(day))
    _poison(city)
    settled(city, oracle.batch(day.good))
    refused = len(day.refused_at_gateway) + day.refused_by_fleet.total() + len(POISONED)
    city.eventually(
        lambda: city.count("SELECT sum(count)::bigint FROM ub.rejected"), until=lambda n: n >= refused
    )
    with city.kafka_tap() as tap:
        day.kafka = [record for record in tap.everything() if record.value != POISON]
    return day


def _mixed(rng: random.Random, good: list[Reading], bad: list[Bad]) -> list[tuple[str, bytes]]:
    """Return the good ones in arrays and singly, in their order, with the bad ones anywhere between."""
    half = len(good) // 2
    messages = [
        *arrays(good[:half], 40),
        *map(single, good[half : half + 500]),
        *arrays(good[half + 500 :], 40),
    ]
    places = sorted(rng.randrange(len(messages)) for _ in bad)
    for place, item in reversed(list(zip(places, bad, strict=True))):
        messages.insert(place, item.message)
    return messages


def _duplicates(day: Day, rng: random.Random) -> list[tuple[str, bytes]]:
    """The newest minute over again, exactly: superseded, not refused."""
    newest = day.good[-1]["ts"]
    again = [r for r in day.good if r["ts"] > newest - 60_000]
    day.duplicates += len(again)
    return list(arrays(again))


def _of_another_operator(day: Day, rng: random.Random) -> list[tuple[str, bytes]]:
    """Fifty bikes that another operator reports, too: newer, and refused all the same."""
    ts = day.good[-1]["ts"] + 1
    owner = {r["vehicle_id"]: r["operator"] for r in day.good}
    stolen = [
        reading(name, OPERATORS[(OPERATORS.index(operator) + 1) % 3], ts, 31.2, 121.5)
        for name, operator in rng.sample(sorted(owner.items()), 50)
    ]
    day.refused_by_fleet["operator_conflict"] += len(stolen)
    return list(arrays(stolen))


def _too_late(day: Day) -> list[tuple[str, bytes]]:
    """Readings of bikes that reported long after: beyond what windows are amended for."""
    late = [{**r, "ts": BEGIN_MS + 1} for r in day.good[-20:]]
    day.refused_by_fleet["too_late"] += len(late)
    return list(arrays(late))


def _one_of_a_thousand(day: Day) -> list[tuple[str, bytes]]:
    """An array in which one is bad: the other 999 count."""
    ts = day.good[-1]["ts"]
    thousand = [reading(f"thousand-{n}", "alpha", ts, 31.22, 121.52) for n in range(1_000)]
    thousand[500]["lat"] = 131.0
    day.good += thousand[:500] + thousand[501:]
    topic, payload = array("alpha", thousand)
    day.refused_at_gateway.append(Bad(topic, payload, "coordinate_out_of_range"))
    return [(topic, payload)]


POISONED = ("ub.vehicles", "ub.partials", "ub.cells", "ub.rejected")
POISON = b"\xffpoison"


def _poison(city: City) -> None:
    """What no gateway writes, straight into every topic that a stage reads."""
    producer = KafkaProducer(bootstrap_servers=city.kafka_bootstrap, acks="all", enable_idempotence=False)
    try:
        for topic in POISONED:
            producer.send(topic, POISON, partition=0).get(60)
    finally:
        producer.close()


def rejected(city: City, topics: str) -> Counter[tuple[str, str]]:
    """Return how many readings ub.rejected holds by (topic, reason), of topics LIKE `topics`."""
    rows = city.query(
        "SELECT topic, reason, sum(count)::int AS n FROM ub.rejected WHERE topic LIKE %s GROUP BY 1, 2",
        topics,
    )
    return Counter({(row["topic"], row["reason"]): row["n"] for row in rows})


def test_every_good_reading_is_in_the_tables(day: Day) -> None:
    assert difference(day.city, oracle.batch(day.good)) == []


def test_every_bad_one_is_on_file_with_its_reason(day: Day) -> None:
    expected = Counter((bad.topic, bad.reason) for bad in day.refused_at_gateway)
    assert rejected(day.city, "ub/%") == expected


def test_what_the_fleet_refused_is_on_file_with_its_reason(day: Day) -> None:
    expected = Counter({("ub.vehicles", reason): n for reason, n in day.refused_by_fleet.items()})
    expected += Counter((topic, "bad_frame") for topic in POISONED)
    assert rejected(day.city, "ub.%") == expected


def test_the_payload_is_kept_as_it_came(day: Day) -> None:
    rows = day.city.query("SELECT topic, reason, payload FROM ub.rejected WHERE topic LIKE 'ub/%%'")
    kept = Counter((row["topic"], row["reason"], row["payload"]) for row in rows)
    sent = [bad for bad in day.refused_at_gateway if bad.reason in ("not_utf8", "time_in_seconds", "empty")]
    for bad in sent:
        text = bad.payload.decode(errors="backslashreplace").replace(
            "\x00", r"\x00"
        )  # no text of PostgreSQL holds NUL
        element = text.removeprefix("[").removesuffix("]") if bad.reason == "time_in_seconds" else text
        assert kept[bad.topic, bad.reason, element] > 0, bad
    assert max(len(row["payload"]) for row in rows) == 4_096


def test_the_counts_add_up(day: Day) -> None:
    counted = day.city.query(
        "SELECT topic, reason, sum(count)::int AS n FROM ub.rejected_count GROUP BY 1, 2"
    )
    expected: Counter[tuple[str, str]] = Counter()
    for (topic, reason), n in rejected(day.city, "%").items():
        levels = topic.split("/")  # topics of single vehicles are counted together
        expected["/".join((*levels[:4], "#")) if len(levels) > 4 else topic, reason] += n
    assert Counter({(row["topic"], row["reason"]): row["n"] for row in counted}) == expected


def test_the_ledger_balances(day: Day) -> None:
    refused = day.refused_by_fleet.total() + 1  # the poison
    assert ledger(day.city) == {
        "received": len(day.good) + day.duplicates + refused,
        "applied": len(day.good),
        "superseded": day.duplicates,
        "rejected": refused,
    }


def test_no_process_ended(day: Day) -> None:
    assert all(process.running for process in day.processes)
    assert "starting again in" not in day.city.logs()  # of a worker that ended
    assert "Traceback" not in day.city.logs()


def test_every_record_is_as_the_contract_says_though_the_input_was_not(day: Day) -> None:
    contract = Contract()
    faults = [fault for r in day.kafka for fault in contract.kafka_faults(r.topic, r.key, r.headers, r.value)]
    assert faults == []
    assert {record.topic for record in day.kafka} >= {"ub.vehicles", "ub.partials", "ub.cells", "ub.rejected"}


def test_the_schemas_alone_find_most_of_what_the_gateway_refuses(day: Day) -> None:
    """What they cannot know: the clock, the limits of this gateway, and what a topic has to do with its payload."""
    contract = Contract()
    passed = {
        bad.reason for bad in day.refused_at_gateway if not contract.mqtt_faults(bad.topic, bad.payload)
    }
    assert passed == {"time_in_future", "too_large", "topic_mismatch"}


def test_each_process_says_where_its_threads_are_when_it_is_asked_and_goes_on(day: Day) -> None:
    for process in day.processes:
        begin = len(process.log.read_text())
        process.show_stacks()
        assert "streams/cli.py" in process.log.read_text()[begin:]
        assert process.running
