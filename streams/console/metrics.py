"""What the console knows as metrics of Prometheus, in its text format (the media type says which version).

https://prometheus.io/docs/instrumenting/exposition_formats/; names as in https://prometheus.io/docs/practices/naming/.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from schemas.vehicles import COUNTED_STATES
from streams.console.freshness import Status
from streams.console.view import View

CONTENT_TYPE = CONTENT_TYPE_LATEST

_OUTCOMES = ("applied", "superseded", "rejected")


def exposition(view: View | None, status: Status, clients: int) -> bytes:
    """Return the metrics; without those of the view while that is stale, for old figures would pass for new ones."""
    registry = CollectorRegistry()
    registry.register(_Once(lambda: _metrics(view, status, clients)))
    return generate_latest(registry)


class _Once(Collector):
    def __init__(self, collected: Callable[[], Iterable[Metric]]) -> None:
        self._collected = collected

    def collect(self) -> Iterable[Metric]:
        return self._collected()


def _metrics(view: View | None, status: Status, clients: int) -> Iterator[Metric]:
    yield _gauge("database_up", "Whether the database has answered within the last seconds.", status.fresh)
    yield _gauge("console_clients", "Clients of the live stream.", clients)
    if view is None or not status.fresh:
        return
    if view.stored is not None:
        about = "Unix time at which a worker stored something last, or had nothing to store."
        yield _gauge("stored_timestamp_seconds", about, view.stored.at.timestamp())
    about = "Unix time at which a worker looked after this stage last, in all its partitions."
    yield _by(
        ("stage",),
        "stage_seen_timestamp_seconds",
        about,
        [((s.stage,), s.at.timestamp()) for s in view.stages],
    )
    yield _readings(view)
    cells = view.cells.values()
    if cells:
        newest = max(row.as_of for row in cells).timestamp()
        yield _gauge("live_timestamp_seconds", "Event time of the newest live cell, as Unix time.", newest)
    yield _gauge("live_cells", "Cells with vehicles.", len({row.cell for row in cells}))
    vehicles: Counter[tuple[str, ...]] = Counter()
    for row in cells:
        for state in COUNTED_STATES:
            vehicles[row.operator, state] += getattr(row, state)
    about = "Vehicles by operator and MDS vehicle_state."
    yield _by(("operator", "vehicle_state"), "vehicles", about, sorted(vehicles.items()))
    alerts = Counter((alert.kind, alert.severity) for alert in view.alerts.values())
    yield _by(("kind", "severity"), "open_alerts", "Open alerts.", sorted(alerts.items()))


def _readings(view: View) -> Metric:
    family = CounterMetricFamily(
        "urbanbrain_readings",
        "Readings and events that a stage took in since the beginning, by what became of them (api.ledger).",
        labels=("stage", "outcome"),
    )
    for booked in view.ledger:
        for outcome in _OUTCOMES:
            family.add_metric((booked.stage, outcome), getattr(booked, outcome))
    return family


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(f"urbanbrain_{name}", about, float(value))


def _by(labels: Sequence[str], name: str, about: str, values: Iterable[tuple[Sequence[str], Any]]) -> Metric:
    family = GaugeMetricFamily(f"urbanbrain_{name}", about, labels=labels)
    for of, value in values:
        family.add_metric(of, float(value))
    return family
