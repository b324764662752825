"""The figures of a score: precision, recall, delay to detect, false alarms an hour; of one kind of alert or of all."""

from dataclasses import dataclass
from statistics import median

from sensors_sim.score.matching import Judged


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts and what follows from them. Ratios are None where there is nothing to divide by.

    due, found               entries of the truth
    true, tolerated, false   alerts
    hours                    event time that was judged
    delays_ms                one for each entry that was found, ascending
    """

    due: int
    found: int
    true: int
    tolerated: int
    false: int
    hours: float
    delays_ms: tuple[int, ...]

    @property
    def precision(self) -> float | None:
        """Share of the alerts that were true; those that were tolerated do not count. None without alerts."""
        judged = self.true + self.false
        return self.true / judged if judged else None

    @property
    def recall(self) -> float | None:
        """Share of the due entries that were found. None where nothing was due."""
        return self.found / self.due if self.due else None

    @property
    def false_per_hour(self) -> float | None:
        """False alarms an hour of event time."""
        return self.false / self.hours if self.hours > 0 else None

    @property
    def delay_median_s(self) -> float | None:
        """Median event time from when an alert was due until it was raised."""
        return median(self.delays_ms) / 1000 if self.delays_ms else None

    @property
    def delay_max_s(self) -> float | None:
        """The longest of these times."""
        return self.delays_ms[-1] / 1000 if self.delays_ms else None


def kinds(judged: Judged) -> tuple[str, ...]:
    """Return the kinds of alerts that were due or raised, sorted."""
    raised = [*judged.true, *(life for life, _ in judged.tolerated), *(life for life, _ in judged.false)]
    return tuple(sorted({due.entry.kind for due in judged.due} | {life.kind for life in raised}))


def figures(judged: Judged, kind: str | None = None) -> Figures:
    """Return the figures of one kind, or of all together."""
    due = [one for one in judged.due if kind in (None, one.entry.kind)]
    return Figures(
        due=len(due),
        found=sum(bool(one.by) for one in due),
        true=sum(kind in (None, life.kind) for life in judged.true),
        tolerated=sum(kind in (None, life.kind) for life, _ in judged.tolerated),
        false=sum(kind in (None, life.kind) for life, _ in judged.false),
        hours=judged.truth.hours,
        delays_ms=tuple(sorted(one.delay_ms for one in due if one.delay_ms is not None)),
    )


def shortfalls(total: Figures, least_recall: float | None, least_precision: float | None) -> list[str]:
    """Return a sentence for each bound that is not kept.

    Without an alert any precision is kept; where nothing was due no recall is, for nothing was seen to be found.
    """
    asked = (("recall", total.recall, least_recall), ("precision", total.precision, least_precision))
    missing = []
    if least_recall is not None and total.recall is None:
        missing = [
            f"nothing was due in this run, so no recall can be at least {least_recall:g}; run it longer, or leave "
            "--least-recall out"
        ]
    return missing + [
        f"{name} {found:.3f} is below {least:g}"
        for name, found, least in asked
        if found is not None and least is not None and found < least
    ]
