"""A file through the folds of a worker: its alerts begin where the detector by itself says so."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from streams.incidents.anomaly.records import Records
from streams.incidents.anomaly.watch import Rule, Watch, over, step
from tests.bench.nab.corpus import Series
from tests.bench.nab.live import MINUTE, detections

T0 = 1_393_632_000_000
THRESHOLD = 0.1


def files() -> Iterator[Series]:
    """Yield series of other lengths, intervals and sizes: with gaps, two values in a minute, still, and vast."""
    rng = np.random.default_rng(1)
    yield named("regular", [T0 + n * 5 * MINUTE for n in range(700)], rng.normal(40, 5, 700), 600)
    yield named("vast", [T0 + n * 60 * MINUTE for n in range(400)], rng.uniform(1e8, 1e9, 400), 350)
    yield named("below zero", [T0 + n * 5 * MINUTE for n in range(700)], rng.normal(-22, 1, 700), 500)
    uneven = np.cumsum(rng.choice([1, 2, 7, 300], 900, p=[0.3, 0.4, 0.29, 0.01]))
    yield named("uneven", [T0 + int(n) * MINUTE for n in uneven], rng.normal(0, 1, 900), 800)
    yield named("still", [T0 + n * 5 * MINUTE for n in range(500)], np.full(500, 45.0), None)
    times = [T0 + n * 5 * MINUTE for n in range(600)]
    again = times[:300] + times[290:]
    yield named("an hour twice", sorted(again), rng.normal(7, 1, len(again)), 550)


def named(name: str, times: list[int], values: NDArray[np.float64], odd: int | None) -> Series:
    if odd is not None:
        values[odd] += 3 * (values.max() - values.min())
    return Series("made", name, times, values.tolist(), ())


def by_minute(file: Series) -> Series:
    """Return the means of the minutes."""
    minutes = sorted({ts // MINUTE for ts in file.times})
    means = [
        float(np.mean([v for ts, v in zip(file.times, file.values, strict=True) if ts // MINUTE == minute]))
        for minute in minutes
    ]
    return Series(file.family, file.name, [minute * MINUTE for minute in minutes], means, ())


def begun(file: Series) -> set[int]:
    """Return when the alerts of a series begin, by its scores alone."""
    watch, rule, found = Watch(), Rule(THRESHOLD), set()
    judged, state = Records(), Records().fresh()
    for ts, value in zip(file.times, file.values, strict=True):
        score = judged.score(state, ts, value)
        judged.learn(state, ts, value, score)
        before = over(watch, ts, rule)
        watch = step(before, score, ts, rule)
        if watch.severity and not before.severity:
            found.add(ts)
    return found


def test_alerts_of_files_that_go_through_all_at_once_begin_where_each_by_itself_is_unusual() -> None:
    some = list(files())
    live = detections("records", some, THRESHOLD)
    for file, found in zip(some, live, strict=True):
        at = {ts // MINUTE * MINUTE for ts, one in zip(file.times, found, strict=True) if one}
        assert at == begun(by_minute(file)), file.name
        assert bool(at) == (file.name != "still")
