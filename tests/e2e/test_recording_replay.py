"""Two replays of one recording, each through a road of its own, leave the same tables, and the audit agrees."""

from pathlib import Path

import pytest

from schemas import codec
from sensors_sim.recording.chunks import VERSION, Head
from sensors_sim.recording.record import Recorded
from sensors_sim.recording.writer import Writer
from tests import oracle
from tests.e2e.city import City
from tests.e2e.conftest import CityMaker
from tests.e2e.tables import found, settled
from tests.e2e.taps import KafkaTap
from tests.e2e.traffic import Reading, array, reading

pytestmark = pytest.mark.e2e

T0_MS = 1_772_406_000_000
BIKES, MINUTES = 60, 8


def recording(path: Path) -> list[Reading]:
    """Write bikes that stand and move on between minutes; return their positions."""
    positions = []
    with Writer(path, Head(VERSION, "mqtt", "127.0.0.1:1883", ["ub/v1/#"], T0_MS * 1000)) as writer:
        for minute in range(MINUTES):
            readings = [
                reading(
                    f"rec-{bike}",
                    "recorder",
                    T0_MS + minute * 60_000 + bike * 7,
                    round(31.2 + 0.004 * ((bike + minute * (bike % 3)) % 9), 4),
                    121.5,
                )
                for bike in range(BIKES)
            ]
            at = (T0_MS + minute * 60_000 + 1_000) * 1000
            writer.write(Recorded(at, *array("recorder", readings)))
            positions += readings
    return positions


def told(tap: KafkaTap) -> int:
    """Return how many positions are on Kafka."""
    return sum(len(codec.vehicle_frame.decode(record.value).ts) for record in tap.of("ub.vehicles"))


def tables_after_a_replay(city: City, path: Path, positions: list[Reading]) -> object:
    city.start_gateway()
    city.start_worker()
    done = city.run("sim", "replay", str(path), "--speed", "max", "--json", "--quiet")
    assert done.code == 0, done
    settled(
        city, oracle.batch(positions)
    )  # windows close early where a partition is held up, and are amended
    log = city.directory / "log.jsonl.zst"
    names = [f"ub.{name}" for name in ("vehicles", "sensors", "requests", "rejected")]
    topics = [argument for name in names for argument in ("--topic", name)]
    with city.kafka_tap() as tap:
        assert told(tap) == len(positions)
        records = sum(record.topic in names for record in tap.records)
    recorded = city.run(
        *(
            "sim",
            "record",
            str(log),
            "--kafka",
            city.kafka_bootstrap,
            "--from-beginning",
            "--messages",
            str(records),
            *topics,
        )
    )
    assert recorded.code == 0, recorded
    audited = city.run("audit", "--complete", "--recording", str(log))
    assert audited.code == 0, audited
    return found(city)


def test_two_replays_of_one_recording_give_identical_tables(a_city: CityMaker, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl.zst"
    positions = recording(path)
    tables = []
    for _ in range(2):
        with a_city() as city:
            tables.append(tables_after_a_replay(city, path, positions))
    assert tables[0] == tables[1]
