"""Messages and recordings for tests."""

from collections.abc import Iterable
from pathlib import Path

from sensors_sim.recording.chunks import VERSION, Head
from sensors_sim.recording.reader import Recording
from sensors_sim.recording.record import Recorded
from sensors_sim.recording.writer import Writer
from sensors_sim.sources.contract import Report

T0 = 1_772_406_000_000_000
"""Microseconds since the epoch."""
S = 1_000_000


def head(source: str = "mqtt") -> Head:
    return Head(VERSION, source, "127.0.0.1:1883", ["ub/v1/#"], T0)


def positions(n: int, *, every_us: int = S, operator: str = "hello") -> list[Recorded]:
    """n messages of one position each, `every_us` apart, on an operator's topic of arrays."""
    return [
        Recorded(
            T0 + i * every_us,
            f"ub/v1/{operator}/vehicles",
            b'[{"vehicle_id":"b-%d","ts":%d,"lat":31.25,"lon":121.5}]'
            % (i % 7, (T0 + i * every_us) // 1000 - 40),
        )
        for i in range(n)
    ]


def written(path: Path, messages: Iterable[Recorded], source: str = "mqtt") -> Path:
    with Writer(path, head(source)) as writer:
        for message in messages:
            writer.write(message)
    return path


def read(path: Path, **wanted: object) -> list[Recorded]:
    return list(Recording(path).read(Report(), **wanted))  # type: ignore[arg-type]
