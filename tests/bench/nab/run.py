"""`make bench-nab`: the running detector over the files of the Numenta Anomaly Benchmark, scored as NAB does."""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from streams.incidents.anomaly.contract import Detector
from streams.incidents.anomaly.family import FAMILY
from tests.bench.nab import corpus, live, scoring
from tests.bench.nab.corpus import Series

PUBLISHED = {"ARTime": 74.9, "HTM": 70.5, "CAD OSE": 69.9, "KNN-CAD": 58.0, "Windowed Gaussian": 39.6}
"""Over all 58 files, standard profile."""
ALL_FILES = 58


def scores(detector: Detector[Any, float], series: Series) -> list[float]:
    """Return the score of each value, each before it was learnt."""
    state, found = detector.fresh(), []
    for at, value in zip(series.times, series.values, strict=True):
        judged = detector.score(state, at, value)
        detector.learn(state, at, value, judged)
        found.append(judged.score)
    return found


def measure(detector: Detector[Any, float], files: Sequence[Series]) -> dict[str, Any]:
    """Return the total, the families and the files at the one threshold that is best for all."""
    began = time.process_time()
    points = {f"{s.family}/{s.name}": scoring.points(s, scores(detector, s)) for s in files}
    seconds = time.process_time() - began
    everything = [point for found in points.values() for point in found]
    threshold = scoring.best_threshold(everything)
    families = scoring.by_family(points)
    return {
        "detector": detector.name,
        "version": detector.version,
        "files": len(files),
        "threshold": threshold,
        "us_per_value": 1e6 * seconds / max(1, sum(len(s.values) for s in files)),
        "all": _line(everything, threshold),
        "threshold_of_the_others": _across(families),
        "families": {name: _line(found, threshold) for name, found in families.items()},
        "by_file": {name: _line(found, threshold) for name, found in points.items()},
    }


def measure_live(name: str, files: Sequence[Series], threshold: float) -> dict[str, Any]:
    """Return what the alerts of the running folds make of the files at a threshold."""
    found = live.detections(name, files, threshold)
    pairs = zip(files, found, strict=True)
    return _line([point for series, ones in pairs for point in scoring.points(series, ones)], 1.0)


def _line(points: Sequence[scoring.Point], threshold: float) -> dict[str, Any]:
    found = scoring.outcome(points, threshold)
    return {
        "score": round(found.normalised, 2) if found.windows else None,
        "points": round(found.points, 3),
        "windows": found.windows,
        "hit": found.hit,
        "false": found.false,
    }


def _across(families: dict[str, list[scoring.Point]]) -> float:
    """Return the total where each family is judged at the threshold that is best for all others."""
    total, windows = 0.0, 0
    for name, found in families.items():
        others = [point for other, points in families.items() if other != name for point in points]
        outcome = scoring.outcome(found, scoring.best_threshold(others))
        total, windows = total + outcome.points, windows + outcome.windows
    return round(scoring.Outcome(total, windows, 0, 0).normalised, 2)


def table(found: dict[str, Any], by_file: bool) -> str:
    """Return the result for a person."""
    rows = [("all", found["all"]), *found["families"].items(), *(found["by_file"].items() if by_file else ())]
    width = max(len(name) for name, _ in rows)
    lines = [
        f"{found['detector']} {found['version']}: {found['files']} files of {ALL_FILES}, standard profile, "
        f"threshold {found['threshold']:.4f}, {found['us_per_value']:.0f} us a value",
        f"{'':{width}}  score  points  windows  hit  false",
    ]
    for name, line in rows:
        score = "    -" if line["score"] is None else f"{line['score']:5.1f}"
        lines.append(
            f"{name:{width}}  {score}  {line['points']:6.2f}  {line['windows']:7}  {line['hit']:3}  {line['false']:5}"
        )
    lines.append(f"each family at the threshold of the others: {found['threshold_of_the_others']:.1f}")
    published = ", ".join(f"{name} {score}" for name, score in PUBLISHED.items())
    if "live" in found:
        told = found["live"]
        lines.append(
            f"alerts through sensing, grid and incidents at that threshold: {told['score']}, "
            f"{told['hit']} windows hit, {told['false']} false"
        )
    return "\n".join([*lines, f"published, over all {ALL_FILES} files: {published}"])


def main() -> None:
    """Measure and print; writes build/bench-nab.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=os.environ.get("NAB_DIR"), help="folder of NAB (or NAB_DIR)")
    parser.add_argument("--detector", choices=FAMILY, default=next(iter(FAMILY)))
    parser.add_argument("--by-file", action="store_true", help="a line for each file")
    parser.add_argument(
        "--live", action="store_true", help="through the folds of a worker to alerts, as well"
    )
    options = parser.parse_args()
    if not options.data or not Path(options.data).is_dir():
        print(
            f"skipped: no folder {options.data!r}; name one with --data or NAB_DIR (github.com/numenta/NAB)"
        )
        sys.exit(0)
    files = corpus.load(Path(options.data))
    found = measure(FAMILY[options.detector](), files)
    if options.live:
        found["live"] = measure_live(options.detector, files, found["threshold"])
    print(table(found, options.by_file))
    Path("build").mkdir(exist_ok=True)
    Path("build/bench-nab.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
