"""What must be true: the figures that the project promises, each read from the results."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.bench.summary import Results, core_rate

_PACE_KEPT = 1.8
"""Messages that two gateways got, times one, from which on each is taken to have got as many."""


@dataclass(frozen=True, slots=True)
class Target:
    """`value` reads the results and may raise KeyError or TypeError where a contestant did not run as it should."""

    text: str
    value: Callable[[Results], float]
    bound: float
    at_most: bool = False

    def check(self, results: Results) -> tuple[float, bool] | None:
        """Return the figure and whether the promise is kept; None where it was not measured."""
        try:
            found = self.value(results)
        except (KeyError, TypeError):
            return None
        return found, found <= self.bound if self.at_most else found >= self.bound


def _core(key: str) -> Callable[[Results], float]:
    return lambda results: core_rate(results[key])


def _core_ratio(one: str, other: str) -> Callable[[Results], float]:
    return lambda results: core_rate(results[one]) / core_rate(results[other])


def _rate(key: str) -> Callable[[Results], float]:
    return lambda results: float(results[key]["readings_per_s"])


def _rate_ratio(one: str, other: str) -> Callable[[Results], float]:
    return lambda results: results[one]["readings_per_s"] / results[other]["readings_per_s"]


def _two_at_one_pace(results: Results) -> float:
    """What two gateways do in a second of their time, times one: a message costs less where more of them come."""
    if _rate_ratio("gateway_two_paced", "gateway_paced")(results) < _PACE_KEPT:
        raise KeyError("each of two gateways got fewer messages than one alone: the machine gave no more")
    return 2 * _core_ratio("gateway_two_paced", "gateway_paced")(results)


def _figure(key: str, name: str) -> Callable[[Results], float]:
    return lambda results: float(results[key][name])


TARGETS = (
    Target("fleet in the worker, frames of columns: positions/s a core", _core("fleet"), 1_200_000),
    Target("  times the floor on the same topic, a core", _core_ratio("fleet", "floor"), 1.5),
    Target("  times vanilla Faust, a core", _core_ratio("fleet", "vanilla_faust"), 300),
    Target("  times Bytewax, batches by hand, a core", _core_ratio("fleet", "bytewax"), 2.2),
    Target("  times Pathway, a core", _core_ratio("fleet", "pathway"), 8),
    Target(
        "every position in a new cell: times the floor, a core",
        _core_ratio("fleet_adversarial", "floor_adversarial"),
        0.9,
    ),
    Target(
        "gateway, single readings: times bare paho, messages/s",
        _rate_ratio("gateway_single", "bare_paho"),
        0.7,
    ),
    Target("gateway, arrays: readings/s", _rate("gateway_array"), 400_000),
    Target(
        "two gateways, 25,000 messages/s each: times one, a core of each",
        _two_at_one_pace,
        1.8,
    ),
    Target(
        "two gateways, all that the machine gives: times one, a core of each",
        lambda results: 2 * _core_ratio("gateway_two", "gateway_single")(results),
        1.8,
    ),
    Target("grid: partial cells/s a core", _core("grid"), 200_000),
    Target(
        "grid: a tick with 5,000 dirty cells, fold included, ms",
        _figure("grid", "tick_with_fold_ms"),
        25,
        at_most=True,
    ),
    Target(
        "grid: rows of metrics/s a core (our own aim)", _figure("grid", "metric_rows_per_core_s"), 100_000
    ),
    Target(
        "grid: a tick with 5,000 closing rows of metrics, ms (our own aim)",
        _figure("grid", "metric_tick_ms"),
        100,
        at_most=True,
    ),
    Target("sensing: readings/s a core", _core("sensing"), 500_000),
    Target("requests: events/s a core (our own aim)", _core("requests"), 50_000),
    Target("detection: cell updates/s a core", _core("detection"), 200_000),
    Target("alerts told over MQTT at once: alerts/s (our own aim)", _rate("told"), 2_000),
    Target("store: times plain COPY and upsert, rows/s", _rate_ratio("store", "raw_copy"), 0.6),
    Target("simulator, bikes into JSON arrays: readings/s a core", _core("simulator"), 200_000),
    Target(
        "simulator of 1,000,000 bikes: resident MB at most",
        _figure("simulator_large", "peak_rss_mb"),
        2_000,
        at_most=True,
    ),
    Target("memory: bytes a vehicle", _figure("memory", "bytes_per_vehicle"), 120, at_most=True),
    Target("restore of 1,000,000 vehicles, s", _figure("restore", "wall_s"), 10, at_most=True),
    Target(
        "fold's cost over fleet sizes: largest / least", _figure("scaling", "fold_spread"), 1.3, at_most=True
    ),
    Target(
        "worker's cost over sizes and workers: largest / least",
        _figure("scaling", "spread"),
        1.3,
        at_most=True,
    ),
)
