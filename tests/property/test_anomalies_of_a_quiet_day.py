"""A quiet day of the simulated city raises no alert of anomalies; a pressure that falls on the third day does."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import timedelta
from statistics import fmean

from schemas import codec
from schemas.cells import CellsHealth, CellsMetrics, ClosedMetrics
from schemas.metrics import METRICS
from sensors_sim.scenario import shipped
from streams import topics
from streams.fold.contract import Record
from streams.grid import locate
from streams.incidents.anomaly.series import AnomalyConfig
from streams.incidents.policy import Rule, parse
from streams.incidents.state import IncidentsState
from tests.pipeline import restored

MINUTE = 60_000
Means = Mapping[tuple[str, str], list[float]]
"""Values of a minute by cell and metric."""


def minutes(days: float, sensors: int) -> Iterator[tuple[int, Means]]:
    """Yield what the sensors of the commuter scenario say, minute by minute."""
    scenario = shipped("commuter").with_(sensors=sensors, duration=timedelta(days=days))
    world, locator = scenario.world(), locate.Locator(9, 2)
    cells = {
        kind.sensors.kind: [
            f"{c:x}" for c in locator.cells(kind.sensors.lat.tolist(), kind.sensors.lon.tolist())
        ]
        for kind in world.kinds
    }
    while (start := world.now) < scenario.end_ms:
        said: dict[tuple[str, str], list[float]] = defaultdict(list)
        for readings in world.step():
            where, metrics = cells[readings.sensors.kind], readings.sensors.metrics
            for sensor, metric, value in zip(readings.sensor, readings.metric, readings.value, strict=True):
                said[where[sensor], metrics[metric]].append(float(value))
        yield start, said


def closed(start: int, said: Means) -> tuple[bytes, bytes]:
    """Return the message of a minute's closed windows, and the one which says that they are whole."""
    keys, n = sorted(said), len(said)
    means = [fmean(said[key]) for key in keys]
    cells, metrics = [cell for cell, _ in keys], [metric for _, metric in keys]
    rows = ClosedMetrics(
        [start] * n, cells, metrics, [METRICS[metric].unit for metric in metrics], [1] * n, means, means, means,
        means, [None] * n, means, means, [[]] * n, [[]] * n, [0] * n,
    )  # fmt: skip
    region, end = "82309ffffffffff", start + MINUTE
    return (
        codec.encode(CellsMetrics(region, end, MINUTE, rows)),
        codec.encode(CellsHealth(region, end, end, -1, 0, -1, None, metrics_as_of=end)),
    )


def watching() -> IncidentsState:
    policy = parse(None, Rule("default", 60, 1.0, 0.8, 120_000), "default")
    return IncidentsState(policy, locate.centre, restored(), AnomalyConfig())


def fold_in(fold: IncidentsState, minute: int, values: tuple[bytes, bytes]) -> None:
    for number, value in enumerate(values):
        fold.apply(Record(topics.CELLS, 0, 2 * minute + number, value, 0))


def alerts(fold: IncidentsState) -> list[str]:
    outputs = fold.take_outputs(at_checkpoint=True)
    assert {output.topic for output in outputs} <= {topics.ALERTS}
    told = [codec.alert.decode(output.value) for output in outputs]
    return [
        f"{a.evidence.anomaly and a.evidence.anomaly.metric} {a.cell}" for a in told if a.action == "raised"
    ]


def test_a_quiet_day_raises_nothing() -> None:
    fold = watching()
    for offset, (start, said) in enumerate(minutes(1, sensors=60)):
        fold_in(fold, offset, closed(start, said))
    assert alerts(fold) == []


def test_a_pipe_whose_pressure_falls_is_told_and_not_before() -> None:
    """Two days of the pipes, then a quarter of the pressure in one cell."""
    fold, victim = watching(), ""
    told: dict[bool, list[str]] = {False: [], True: []}
    for offset, (start, said) in enumerate(minutes(2.05, sensors=20)):
        falls = offset >= 2_880
        pipes = {key: values for key, values in said.items() if key[1] == "pipe_pressure"}
        victim = victim or min(cell for cell, _ in pipes)
        if falls:
            pipes = {key: [v / 4 if key[0] == victim else v for v in values] for key, values in pipes.items()}
        fold_in(fold, offset, closed(start, pipes))
        told[falls] += alerts(fold)
    assert told[False] == []
    assert told[True] == [f"pipe_pressure {victim}"]
