"""The table of metrics."""

from schemas import metrics
from schemas.metrics import METRICS, SENSOR_KINDS


def test_a_name_stands_for_one_metric_only() -> None:
    assert len(METRICS) == len(metrics._TABLE)


def test_every_kind_measures_something() -> None:
    assert {metric.kind for metric in METRICS.values()} == set(SENSOR_KINDS)


def test_sums_of_a_windows_millionths_fit_64_bits() -> None:
    for metric in METRICS.values():
        assert metric.lowest < metric.highest
        most = max(abs(metric.lowest), abs(metric.highest)) * 1e6
        assert most * 9_000_000 < 2**63  # readings of one window
        assert (most / 2**20) ** 2 * 9_000_000 < 2**63
        assert most < 2**53  # a float holds it exactly


def test_what_is_counted_and_what_flows_is_never_below_zero() -> None:
    for metric in METRICS.values():
        if metric.unit in ("1", "/h", "%"):
            assert metric.lowest == 0, metric.name
