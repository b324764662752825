"""Recovery times of all runs of a session: a table for people, build/chaos.json for machines."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.chaos.city import City
from tests.chaos.drive import Outcome, Recovery
from tests.chaos.verdict import Verdict

FILE = Path(__file__).resolve().parents[2] / "build" / "chaos.json"


class Report:
    """Collects outcomes and other measurements by the name of their test."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.measured: dict[str, dict[str, Any]] = {}

    def judged(self, name: str, outcome: Outcome, city: City) -> None:
        """Take in one run, which must have ended without a difference."""
        self.outcomes[name] = outcome
        exact(outcome.verdict, city, name)

    def measure(self, name: str, **values: Any) -> None:
        """Take in figures of another kind."""
        self.measured[name] = values

    def write(self) -> None:
        """Write the file."""
        FILE.parent.mkdir(exist_ok=True)
        runs = {}
        for name, outcome in self.outcomes.items():
            runs[name] = {
                "seed": outcome.seed,
                "seconds": outcome.seconds,
                "load": outcome.load,
                "verdict": asdict(outcome.verdict),
                "revived": outcome.revived,
                "recoveries": [asdict(recovery) for recovery in outcome.recoveries],
            }
        FILE.write_text(json.dumps({"runs": runs, "measured": self.measured}, indent=1) + "\n")

    def lines(self) -> list[str]:
        """Return the table."""
        return [
            *_recovery_table(self.outcomes),
            "",
            *_run_table(self.outcomes),
            "",
            *_measured(self.measured),
        ]


def exact(verdict: Verdict, city: City, name: str) -> None:
    """Fail with the differences, if there are any; the logs of all processes are kept then."""
    if not verdict.differences:
        return
    kept = FILE.parent / "chaos" / f"{name.replace(' ', '-')}.log"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("\n".join((*verdict.differences, city.logs())))
    pytest.fail("\n".join((f"{name}: the logs are in {kept}", *verdict.differences)), pytrace=False)


def _recovery_table(outcomes: dict[str, Outcome]) -> list[str]:
    by_fault: dict[str, list[Recovery]] = defaultdict(list)
    for outcome in outcomes.values():
        for recovery in outcome.recoveries:
            by_fault[recovery.fault].append(recovery)
    title = "seconds from the fault to fresh results"
    head = f"{title:<40} {'runs':>4} {'held':>9}  {'first: min/med/max':>20}  "
    head += f"{'all: min/med/max':>20}  console: min/med/max"
    rows = [
        f"{fault:<40} {len(found):>4} {_range([r.hold for r in found]):>9}  "
        f"{_spread([r.first for r in found]):>20}  {_spread([r.complete for r in found]):>20}  "
        f"{_spread([r.shown for r in found])}"
        for fault, found in sorted(by_fault.items())
    ]
    return [head, *rows]


def _run_table(outcomes: dict[str, Outcome]) -> list[str]:
    head = (
        f"{'run':<40} {'seed':>5} {'published':>10} {'received':>10} {'windows':>8} {'revised':>8} "
        f"{'latest':>7}  differences"
    )
    return [head] + [
        f"{name:<40} {o.seed:>5} {v.published:>10} {v.received:>10} {v.windows:>8} {v.revised:>8} "
        f"{v.latest_s:>6}s  {len(v.differences)}"
        for name, o in outcomes.items()
        for v in [o.verdict]
    ]


def _measured(measured: dict[str, dict[str, Any]]) -> list[str]:
    return [
        f"{name}: " + ", ".join(f"{k} {v}" for k, v in values.items()) for name, values in measured.items()
    ]


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.1f}-{max(values):.1f}"


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    text = f"{min(known):.1f} / {median(known):.1f} / {max(known):.1f}"
    return text if len(known) == len(values) else f"{text} ({len(values) - len(known)} never)"
