"""The ground truth: which alerts a run must, may or must not raise. The file is JSON (docs/scenarios.md)."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

Verdict = Literal["due", "may", "silent"]
ANY_KIND = "*"
WINDOW_MS = 60_000
"""Of the pipeline's windows, by default; they begin with the minutes of the clock."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One sentence of the truth; times in milliseconds since the epoch.

    verdict     due: an alert must be raised; may: it is neither asked for nor false; silent: none may be raised
    kind        of alert, or ANY_KIND
    population  whose readings show it: it counts only if they are published ("bikes", or a kind of sensor)
    cells       any one of these; none means everywhere
    subject     id of the sensor or vehicle that it is about, if it is about one
    """

    verdict: Verdict
    kind: str
    population: str
    cells: tuple[str, ...]
    from_ms: int
    to_ms: int
    why: str
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """The truth about a run of a scenario from `begin_ms` to `end_ms`; entries in order of time."""

    scenario: str
    seed: int
    begin_ms: int
    end_ms: int
    entries: tuple[Entry, ...]

    @classmethod
    def of(
        cls,
        scenario: str,
        seed: int,
        begin_ms: int,
        end_ms: int,
        entries: Iterable[Entry],
        populations: Collection[str],
    ) -> Self:
        """Return what of `entries` falls into the run and can be seen in what was published."""
        kept = [
            _within(entry, begin_ms, end_ms)
            for entry in map(_from_its_window, entries)
            if entry.from_ms < end_ms and entry.to_ms > begin_ms and entry.population in populations
        ]
        kept = list({_said(entry): entry for entry in kept}.values())
        kept.sort(key=lambda e: (e.from_ms, e.kind, e.subject or "", e.cells))
        return cls(scenario, seed, begin_ms, end_ms, tuple(kept))

    def to_dict(self) -> dict[str, Any]:
        """Return what the file holds. Silence is everywhere and always, but for what is due or tolerated."""
        silent = {
            "kind": ANY_KIND,
            "cells": [],
            "from": iso(self.begin_ms),
            "to": iso(self.end_ms),
            "why": "nothing else happens in this scenario",
        }
        return {
            "scenario": self.scenario,
            "seed": self.seed,
            "begin": iso(self.begin_ms),
            "end": iso(self.end_ms),
            "due": [_dict(entry) for entry in self.entries if entry.verdict == "due"],
            "may": [_dict(entry) for entry in self.entries if entry.verdict == "may"],
            "silent": [*(_dict(e) for e in self.entries if e.verdict == "silent"), silent],
        }


def had_its_chance(from_ms: int, to_ms: int, end_ms: int) -> bool:
    """Return whether what is due then is asked for in a run that ends at `end_ms`: half of its time must lie before."""
    return 2 * (end_ms - from_ms) >= to_ms - from_ms


def _from_its_window(entry: Entry) -> Entry:
    """Return what is true of alerts: an anomaly has the time of the window that shows it, which began before."""
    if entry.kind != "anomaly":
        return entry
    return replace(entry, from_ms=entry.from_ms // WINDOW_MS * WINDOW_MS)


def _within(entry: Entry, begin_ms: int, end_ms: int) -> Entry:
    """Return what of an entry falls into the run; what is due and had no fair chance in it is only tolerated."""
    chance = entry.verdict != "due" or had_its_chance(entry.from_ms, entry.to_ms, end_ms)
    verdict: Verdict = entry.verdict if chance else "may"
    return replace(
        entry, verdict=verdict, from_ms=max(entry.from_ms, begin_ms), to_ms=min(entry.to_ms, end_ms)
    )


def _said(entry: Entry) -> tuple[object, ...]:
    """Return what is written of an entry: several populations can say the same."""
    return entry.verdict, entry.kind, entry.subject, entry.cells, entry.from_ms, entry.to_ms, entry.why


def iso(ms: int) -> str:
    """Return ISO 8601 UTC with milliseconds."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dict(entry: Entry) -> dict[str, Any]:
    about = {} if entry.subject is None else {"subject": entry.subject}
    return {
        "kind": entry.kind,
        **about,
        "cells": list(entry.cells),
        "from": iso(entry.from_ms),
        "to": iso(entry.to_ms),
        "why": entry.why,
    }
