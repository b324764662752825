"""The scoring of the Numenta benchmark: cases by hand, every threshold tried, and figures that NAB publishes."""

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench.nab import corpus, scoring
from tests.bench.nab.corpus import Series


def series(length: int, *windows: tuple[int, int]) -> Series:
    return Series("f", "s", range(length), [0.0] * length, windows)


def detections(length: int, *at: int) -> list[float]:
    return [1.0 if index in at else 0.0 for index in range(length)]


def total(file: Series, *at: int) -> float:
    return scoring.outcome(scoring.points(file, detections(len(file.values), *at)), 0.5).points


def test_silence_costs_one_a_window() -> None:
    assert total(series(1000, (300, 399), (600, 699))) == -2


def test_a_detection_at_the_left_edge_of_a_window_is_worth_one() -> None:
    assert total(series(1000, (300, 399)), 300) == pytest.approx(1)


def test_the_worth_falls_along_the_window() -> None:
    """At its last point: position -1/100, (2 / (1 + e^-0.05) - 1) / (2 / (1 + e^-5) - 1)."""
    expected = (2 / (1 + math.exp(-0.05)) - 1) / (2 / (1 + math.exp(-5)) - 1)
    assert total(series(1000, (300, 399)), 399) == pytest.approx(expected)


def test_of_the_detections_in_a_window_the_earliest_counts() -> None:
    assert total(series(1000, (300, 399)), 350, 360, 399) == total(series(1000, (300, 399)), 350)


def test_a_detection_before_any_window_costs_the_whole_weight() -> None:
    assert total(series(1000, (300, 399)), 200, 300) == pytest.approx(1 - 0.11)


def test_a_detection_soon_after_a_window_costs_less() -> None:
    """50 points behind a window of 100: position 50/99."""
    cost = 0.11 * (2 / (1 + math.exp(5 * 50 / 99)) - 1)
    assert total(series(1000, (300, 399)), 300, 449) == pytest.approx(1 + cost)
    assert total(series(1000, (300, 399)), 300, 999) == pytest.approx(1 - 0.11)


def test_probation_counts_nothing() -> None:
    assert total(series(1000, (300, 399)), 0, 149) == -1
    assert total(series(1000, (300, 399)), 150) == pytest.approx(-1.11)
    assert scoring.probation(20_000) == 750


def test_perfection_is_100_and_silence_0() -> None:
    file = series(1000, (300, 399), (600, 699))
    perfect = scoring.points(file, detections(1000, 300, 600))
    assert scoring.outcome(perfect, 0.5).normalised == pytest.approx(100)
    assert scoring.outcome(perfect, math.inf).normalised == 0


@given(st.lists(st.integers(0, 5), min_size=60, max_size=60), st.integers(10, 20), st.integers(1, 8))
def test_the_best_threshold_is_the_best_of_all(drawn: list[int], first: int, length: int) -> None:
    file = series(60, (first, first + length), (40, 45))
    points = scoring.points(file, [value / 5 for value in drawn])
    tried = {
        threshold: scoring.outcome(points, threshold).points for threshold in (*{p.score for p in points}, 9)
    }
    best = scoring.outcome(points, scoring.best_threshold(points)).points
    assert best == pytest.approx(max(tried.values()))


def test_other_scores_than_values_are_refused() -> None:
    with pytest.raises(ValueError, match="2 scores for 1000 values"):
        scoring.points(series(1000), [0.0, 1.0])


def test_files_are_read_from_a_folder_and_from_a_checkout(tmp_path: Path) -> None:
    for folder, labels in ((tmp_path / "a", "."), (tmp_path / "b" / "data", "../labels")):
        (folder / "family").mkdir(parents=True)
        (folder / labels).mkdir(exist_ok=True)
        (folder / "family" / "x.csv").write_text(
            "timestamp,value\n2014-04-01 00:00:00,1.5\n2014-04-01 00:05:00,2\n"
        )
        window = [["2014-04-01 00:00:00.000000", "2014-04-01 00:05:00.000000"]]
        labelled = {"family/x.csv": window, "family/absent.csv": []}
        (folder / labels / "combined_windows.json").write_text(json.dumps(labelled))
    for root in (tmp_path / "a", tmp_path / "b"):
        [file] = corpus.load(root)
        assert (file.family, file.name, list(file.values), list(file.windows)) == (
            "family",
            "x.csv",
            [1.5, 2.0],
            [(0, 1)],
        )
        assert list(file.times) == [1396310400000, 1396310700000]


def test_a_window_takes_all_values_of_its_last_time_and_may_end_where_no_value_is(tmp_path: Path) -> None:
    rows = [f"2014-04-01 00:{minute:02}:00,1\n" for minute in (0, 5, 10, 10, 20)]
    (tmp_path / "family").mkdir()
    (tmp_path / "family" / "x.csv").write_text("timestamp,value\n" + "".join(rows))
    limits = [("00:05:00", "00:10:00"), ("00:06:00", "00:15:00")]
    window = [[f"2014-04-01 {first}.000000", f"2014-04-01 {last}.000000"] for first, last in limits]
    (tmp_path / "combined_windows.json").write_text(json.dumps({"family/x.csv": window}))
    [file] = corpus.load(tmp_path)
    assert list(file.windows) == [(1, 3), (2, 3)]


def test_a_folder_without_labels_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no combined_windows\.json in .*give a folder of NAB"):
        corpus.load(tmp_path)


PUBLISHED = {
    "realAdExchange/exchange-3_cpc_results.csv": 2.5026632611866138,
    "realAdExchange/exchange-3_cpm_results.csv": 0.862098587352162,
    "realAdExchange/exchange-4_cpc_results.csv": 0.2922884634276035,
    "realAdExchange/exchange-4_cpm_results.csv": 1.274710362684976,
    "realAWSCloudwatch/ec2_cpu_utilization_24ae8d.csv": -1.266678759349383,
    "realAWSCloudwatch/ec2_cpu_utilization_c6585a.csv": -1.3200000000000003,
    "realAWSCloudwatch/elb_request_count_8c0756.csv": -0.13844919792440225,
    "realAWSCloudwatch/rds_cpu_utilization_cc0c53.csv": -0.13844919792440225,
}
"""Scores of the windowed Gaussian, standard profile, threshold 1.0, in NAB's results/windowedGaussian."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_scores_are_those_that_nab_publishes_of_its_windowed_gaussian(name: str) -> None:
    folder = os.environ.get("NAB_DIR")
    if not folder:
        pytest.skip("NAB_DIR names no folder of NAB; its data is not part of this project")
    [file] = [one for one in corpus.load(Path(folder)) if f"{one.family}/{one.name}" == name]
    points = scoring.points(file, windowed_gaussian(file.values))
    assert scoring.outcome(points, 1.0).points == pytest.approx(PUBLISHED[name], abs=1e-9)


def windowed_gaussian(values: Sequence[float]) -> list[float]:
    """Return 1 - the normal tail of each value, by mean and deviation of the 1,000 values before it."""
    found = [0.0]
    for index in range(1, len(values)):
        before = values[max(0, index - 1000) : index]
        deviation = float(np.std(before)) or 1e-6
        found.append(1 - 0.5 * math.erfc(abs(values[index] - float(np.mean(before))) / deviation / 1.4142))
    return found
