"""Good readings arrive, bad ones are refused with their reason, and neither disturbs the other."""

import random
from collections import Counter

import pytest

from schemas.envelope import REJECTED, VEHICLE_FRAME
from streams.gateway.rations import MOST
from streams.partition import Partitions
from tests.integration.gateway_support import (
    PARTITIONS,
    Reader,
    Services,
    array,
    now_ms,
    publish_all,
    publisher,
    reading,
    running_gateway,
)
from tests.integration.strict_mqtt import strict_mqtt
from tests.waiting import wait_until

pytestmark = pytest.mark.integration


def _bad_payloads(ts: int) -> list[tuple[str, str, bytes]]:
    """(reason, topic, payload), one of each kind."""
    all_of = "ub/v1/north/vehicles"
    one_of = "ub/v1/north/vehicles/n-1/position"
    good = array([reading("n-1", ts)])[1:-1]
    return [
        ("not_json", one_of, good[:-9]),
        ("not_json", one_of, good.replace(b"31.23", b"NaN")),
        ("not_utf8", all_of, good.replace(b"n-1", b"n-\xff")),
        ("empty", all_of, b"[]"),
        ("wrong_type", one_of, good.replace(b"31.23", b'"31.23"')),
        ("wrong_type", one_of, good.replace(b"31.23", b"null")),
        ("missing_field", one_of, b'{"vehicle_id":"n-1"}'),
        ("unknown_field", one_of, good.replace(b"{", b'{"colour":"red",', 1)),
        ("number_out_of_range", one_of, good.replace(b"31.23", b"1e999")),
        ("bad_id", all_of, good.replace(b"n-1", b"n" * 10_000)),
        ("bad_topic", one_of + "s", good),
        ("topic_mismatch", one_of, good.replace(b"n-1", b"n-2")),
        ("coordinate_out_of_range", one_of, good.replace(b"31.23", b"200")),
        ("coordinates_swapped", one_of, good.replace(b"31.23", b"121.47").replace(b"121.47}", b"31.23}")),
        ("null_island", one_of, good.replace(b"31.23", b"0").replace(b"121.47", b"0")),
        ("time_in_seconds", one_of, good.replace(b"%d" % ts, b"%d" % (ts // 1000))),
        ("time_out_of_range", one_of, good.replace(b"%d" % ts, b"5")),
        ("time_in_future", one_of, good.replace(b"%d" % ts, b"%d" % (ts + 86_400_000))),
    ]


def _shuffled_in[T](ordered: list[T], others: list[T], rng: random.Random) -> list[T]:
    """Mix `others` in at random; `ordered` keep their order."""
    slots = [True] * len(ordered) + [False] * len(others)
    rng.shuffle(slots)
    first, second = iter(ordered), iter(others)
    return [next(first) if slot else next(second) for slot in slots]


def test_50_000_readings_arrive_once_and_in_order_among_1_000_bad_payloads(services: Services) -> None:
    start = now_ms() - 3_600_000
    good = [reading(f"v-{n % 2_000}", start + n) for n in range(50_000)]
    messages = [("ub/v1/north/vehicles", array(good[n : n + 500])) for n in range(0, 45_000, 500)]
    messages += [
        (f"ub/v1/north/vehicles/{item['vehicle_id']}/position", array([item])[1:-1]) for item in good[45_000:]
    ]
    kinds = _bad_payloads(start)
    bad = [kinds[n % len(kinds)] for n in range(999)]
    bad.append(("too_large", "ub/v1/north/vehicles", b"[" + b" " * 5_000_000 + b"]"))
    mixed = _shuffled_in(messages, [(topic, payload) for _, topic, payload in bad], random.Random(7))

    with running_gateway(services) as gateway, publisher(services) as client, Reader(services) as reader:
        publish_all(client, mixed)
        reader.read_until(
            lambda seen: len(seen.rows) >= 50_000 and len(seen.rejected) >= 1_000, "all readings and refusals"
        )
        assert gateway.terminate() == 0
        assert gateway.lines("stopped; 6090 messages, 50000 readings accepted, 1000 rejected"), gateway.log
        assert gateway.lines("6090 acknowledged, 0 waiting")
        reader.read_to_the_end()

    assert Counter(item.reason for item in reader.rejected) == Counter(reason for reason, _, _ in bad)
    assert all(item.detail and item.count == 1 for item in reader.rejected)
    sequences = [item.sequence for item in reader.rejected]
    assert sequences == sorted(set(sequences))

    assert sorted((row.vehicle_id, row.ts) for row in reader.rows) == sorted(
        (str(item["vehicle_id"]), item["ts"]) for item in good
    )
    newest: dict[str, int] = {}
    partitions = Partitions(PARTITIONS)
    for row in sorted(reader.rows, key=lambda row: (row.partition, row.offset)):
        assert newest.get(row.vehicle_id, 0) < row.ts
        newest[row.vehicle_id] = row.ts
        assert row.partition == partitions[row.vehicle_id]
        assert row.operator == "north"


def test_of_a_publisher_of_nothing_but_faults_few_are_told_one_by_one_and_all_are_counted(
    services: Services,
) -> None:
    """Two kilobytes hold a thousand faults: each told by itself, they would keep all others waiting."""
    faults = array([0] * 1_000)  # type: ignore[list-item]
    with running_gateway(services) as gateway, publisher(services) as client, Reader(services) as reader:
        publish_all(client, [("ub/v1/north/vehicles", faults)] * 50)
        publish_all(client, [("ub/v1/south/vehicles", b"[0,0,0]")])
        reader.read_until(
            lambda seen: sum(item.count for item in seen.rejected) >= 50_003, "all that was refused"
        )
        assert gateway.terminate() == 0
        assert gateway.lines("stopped; 51 messages, 0 readings accepted, 50003 rejected"), gateway.log
        assert gateway.lines("51 acknowledged, 0 waiting")
        reader.read_to_the_end()
    told = Counter(item.topic for item in reader.rejected)
    counted = 50 - MOST // 1_000  # messages that come when the ration is used up; each tells one at least
    assert MOST + counted <= told["ub/v1/north/vehicles"] < 2 * MOST
    assert told["ub/v1/south/vehicles"] == 3
    assert sum(item.count for item in reader.rejected) == 50_003


def test_messages_are_acknowledged_in_the_order_in_which_they_came(services: Services) -> None:
    """Also where some lie in several partitions, and Kafka confirms one sooner than another."""
    start = now_ms() - 3_600_000
    good = [reading(f"v-{n % 400}", start + n) for n in range(4_000)]
    messages = [("ub/v1/north/vehicles", array(good[n : n + 1 + n % 3])) for n in range(4_000)]
    messages[::100] = [("ub/v1/north/vehicles", b"?")] * 40
    with (
        strict_mqtt(services.mosquitto.port) as broker,
        running_gateway(services, mqtt_port=broker.port) as gateway,
        publisher(services) as client,
    ):
        publish_all(client, messages)
        wait_until(lambda: broker.acknowledged == 4_000, "all to be acknowledged")
        assert broker.out_of_turn == 0
        assert gateway.terminate() == 0


def test_records_are_cloud_events_within_the_size_limit(services: Services) -> None:
    start = now_ms() - 60_000
    readings = [reading(f"{n:064}", start + n) for n in range(10_000)]
    messages = [("ub/v1/north/vehicles", array(readings[n : n + 2_000])) for n in range(0, 10_000, 2_000)]
    limits = {"frame_max_readings": 10_000, "frame_max_bytes": 50_000, "gateway_id": "gateway-north"}
    with running_gateway(services, **limits), publisher(services) as client, Reader(services) as reader:
        publish_all(client, [*messages, ("ub/v1/north/vehicles", b"?")])
        reader.read_until(lambda seen: len(seen.rows) == 10_000 and seen.rejected, "all readings")

    assert max(reader.sizes) <= 50_000
    assert len(reader.pairs) == 10_000
    ids = [headers["ce_id"] for headers in reader.headers]
    assert len(set(ids)) == len(ids)
    assert {headers["ce_source"] for headers in reader.headers} == {b"gateway-north"}
    assert {headers["ce_type"] for headers in reader.headers} == {VEHICLE_FRAME.encode(), REJECTED.encode()}
    assert {frame.vehicle_state for frame in reader.frames if isinstance(frame.vehicle_state, str)} == {
        "available"
    }
    assert all(start <= frame.received_at <= now_ms() for frame in reader.frames)


def test_gateways_of_one_share_divide_the_messages(services: Services) -> None:
    start = now_ms() - 60_000
    messages = [("ub/v1/north/vehicles", array([reading(f"v-{n}", start + n)])) for n in range(2_000)]
    with (
        running_gateway(services, gateway_id="gateway-a", mqtt_share="all") as first,
        running_gateway(services, gateway_id="gateway-b", mqtt_share="all") as second,
        publisher(services) as client,
        Reader(services) as reader,
    ):
        publish_all(client, messages)
        reader.read_until(lambda seen: len(seen.pairs) == 2_000, "all readings")
        assert first.terminate() == second.terminate() == 0
        reader.read_to_the_end()
    assert len(reader.rows) == 2_000
    assert {headers["ce_source"] for headers in reader.headers} == {b"gateway-a", b"gateway-b"}


def test_a_gateway_that_begins_to_share_takes_each_message_once(services: Services) -> None:
    start = now_ms() - 60_000
    messages = [("ub/v1/north/vehicles", array([reading(f"v-{n}", start + n)])) for n in range(1_000)]
    with running_gateway(services, gateway_id="gateway-a") as alone:
        assert alone.terminate() == 0
    with (
        publisher(services) as client,
        Reader(services) as reader,
    ):
        publish_all(client, messages[:500])  # they wait in the session
        with running_gateway(services, gateway_id="gateway-a", mqtt_share="all") as gateway:
            reader.read_until(lambda seen: len(seen.pairs) == 500, "what waited")
            publish_all(client, messages[500:])
            reader.read_until(lambda seen: len(seen.pairs) == 1_000, "all readings")
            assert gateway.terminate() == 0
        reader.read_to_the_end()
    assert len(reader.rows) == 1_000
