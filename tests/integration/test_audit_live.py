"""The audit of a system that is running, losing workers, or stopped in mid-stream: never a false difference."""

import os
import signal
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from psycopg import sql

from schemas import codec
from streams import topics
from tests.e2e import hotline, measurements
from tests.e2e.city import City, Message
from tests.e2e.conftest import CityMaker, a_city, city  # noqa: F401 - fixtures
from tests.e2e.tables import ledger
from tests.e2e.taps import KafkaTap
from tests.e2e.traffic import Reading, array, arrays, reading, traffic
from tests.integration.audit_support import audited, disordered, received

pytestmark = pytest.mark.integration

JUDGED_EXACTLY = (
    "ledger",
    "vehicle_state",
    "vehicle_event",
    "sensor_state",
    "request",
    "refusals",
    "rejected_count",
)
OF_GRID = ("cell_window", "sensor_window", "request_window")


@dataclass(slots=True)
class Publishing:
    """What `publishing` has done so far."""

    ended: threading.Event = field(default_factory=threading.Event)
    beats: int = 0
    """Readings of a bike that was heard of while the last quarter was not let go."""


@contextmanager
def publishing(
    to: City, messages: Sequence[Message], beat: Reading, seconds: float, enough: threading.Event
) -> Iterator[Publishing]:
    """Publish at a steady pace in the background, the last quarter not before `enough`.

    Until then it goes on with `beat`, a millisecond later each time: however long an audit takes to begin, it sees a
    city that runs.
    """
    told, stop = Publishing(), threading.Event()

    def publish() -> None:
        with to.publisher() as publisher:
            for number, message in enumerate(messages):
                if number == len(messages) * 3 // 4:
                    while not enough.wait(0.1) and not stop.is_set():
                        publisher.publish(
                            [array(beat["operator"], [{**beat, "ts": beat["ts"] + told.beats}])]
                        )
                        told.beats += 1
                publisher.publish([message])
                if stop.wait(seconds / len(messages)):
                    return
        told.ended.set()

    thread = threading.Thread(target=publish, name="publisher")
    thread.start()
    try:
        yield told
    finally:
        stop.set()
        thread.join()


def side_by_side(*streams: Iterable[Message]) -> list[Message]:
    """Return the messages of all streams, each at its steady pace from the beginning to the end."""
    timed = []
    for stream in streams:
        messages = list(stream)
        timed += [(number / len(messages), message) for number, message in enumerate(messages)]
    return [message for _, message in sorted(timed, key=lambda pair: pair[0])]


def test_audits_of_a_running_city_never_name_a_difference(city: City) -> None:  # noqa: F811
    readings = disordered(traffic(seed=21, bikes=400, minutes=90), seed=21)
    city.start_gateway()
    worker = city.start_worker(processes=2)
    reports = []
    measured = measurements.measurements(seed=21, sensors=24, minutes=90)
    told = hotline.in_order(hotline.cases(seed=21, count=300, days=20))
    messages = side_by_side(arrays(readings, size=100), measurements.arrays(measured), hotline.arrays(told))
    beat = reading("beat", "alpha", readings[len(readings) * 3 // 4]["ts"], 31.21, 121.51)
    enough = threading.Event()
    with publishing(city, messages, beat, 30.0, enough) as told_so_far:
        received(city, len(readings) // 10)
        for table in (*OF_GRID, "sensor_state", "request"):
            rows = sql.SQL("SELECT 1 FROM {} LIMIT 1").format(sql.Identifier("ub", table)).as_string()
            city.eventually(lambda rows=rows: city.query(rows))  # type: ignore[misc]
        while not told_so_far.ended.is_set():
            code, report = audited(city)
            assert (code, report["differences"]) == (0, [])
            tables = report["tables"]
            assert all(tables[name]["moving"] == 0 for name in JUDGED_EXACTLY)
            assert all(tables[name]["compared"] > 0 for name in (*OF_GRID, "sensor_state", "request"))
            reports.append(report)
            if len(reports) == 2:
                os.kill(worker.children()[0], signal.SIGKILL)
            elif len(reports) == 3:
                enough.set()
    assert any(report["tables"]["cell_window"]["moving"] > 0 for report in reports), "none saw it run"
    received(city, len(readings) + told_so_far.beats)
    received(city, len(measured), "sensing")
    received(city, len(told), "requests")
    code, report = audited(city, "--complete")
    assert (code, report["differences"]) == (0, [])
    assert sum(table["moving"] for table in report["tables"].values()) == 0
    assert report["readings"] == sum(ledger(city, s)["received"] for s in ("fleet", "sensing", "requests"))


def positions(tap: KafkaTap) -> int:
    """Return how many positions of vehicles are on Kafka."""
    return sum(len(codec.vehicle_frame.decode(record.value).ts) for record in tap.of(topics.VEHICLES))


def test_a_city_whose_workers_stand_still_is_judged_up_to_what_they_stored(city: City) -> None:  # noqa: F811
    readings = traffic(seed=22, bikes=200, minutes=30)
    half = len(readings) // 2
    city.start_gateway()
    worker = city.start_worker()
    city.publish(arrays(readings[:half]))
    received(city, half)
    for child in worker.children():
        os.kill(child, signal.SIGSTOP)
    city.publish(arrays(readings[half:]))
    with city.kafka_tap() as tap:
        city.eventually(lambda: positions(tap), until=lambda n: n == len(readings))
    code, report = audited(city, "--table", "ledger", "--table", "vehicle_state")
    assert (code, report["differences"]) == (0, [])
    assert report["readings"] > ledger(city)["received"] == half
    late = city.run("audit", "--complete", "--wait", "1")
    assert late.code == 2
    assert "is a worker running?" in late.err
    for child in worker.children():
        os.kill(child, signal.SIGCONT)
    received(city, len(readings))
    code, report = audited(city, "--complete")
    assert (code, report["differences"]) == (0, [])
