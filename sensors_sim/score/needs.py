"""Kinds of alerts that a system raises only if it was told to: why none came, where some were due."""

from collections.abc import Iterator, Mapping

from sensors_sim.score.matching import Judged

_POLICY = "UB_POLICY_FILE has a rule"
NEEDS: Mapping[str, str] = {
    "anomaly": "UB_ANOMALY_DETECTOR is set, and the detector knows the series: `records` after a day",
    "speeding": f"{_POLICY} on speed, in effect at the time of the scenario",
    "too_few_trips": f"{_POLICY} on trips, in effect at the time of the scenario",
    "too_many_trips": f"{_POLICY} on trips, in effect at the time of the scenario",
}
"""Written from docs/semantics.md, with its defaults."""


def unmet(judged: Judged) -> Iterator[str]:
    """Yield a sentence for each of these kinds of which some were due and none was raised."""
    raised = {life.kind for life in (*judged.true, *(one for one, _ in (*judged.tolerated, *judged.false)))}
    for kind, what in NEEDS.items():
        due = sum(one.entry.kind == kind for one in judged.due)
        if due and kind not in raised:
            yield f"no alert of kind {kind} came, but {due} were due: one is raised only where {what}"
