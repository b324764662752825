"""Alerts that a system raises only if it was told to, or at no higher speed: why none came, where some were due."""

import math
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

SILENCES = ("sensor_silent", "feed_silent")

HELD_BACK_S = 30.0
"""Wall time for which those who spoke last hold the clock of silence back (docs/semantics.md). Who is all of a feed, as
requests are, or all of a partition, as a sensor among few is, is silent by that clock only afterwards."""
SHARE_HELD_BACK = 1 / 8
"""Of a silence, at the most: the rest is for the patience, which at a high speed is longer, too. One of five hours was
found at 200 times real time in its last half hour, and missed at 480, at 150, and three times at 100."""


def unmet(judged: Judged) -> Iterator[str]:
    """Yield a sentence for each of these kinds of which some were due and none was raised."""
    raised = {life.kind for life in (*judged.true, *(one for one, _ in (*judged.tolerated, *judged.false)))}
    for kind, what in NEEDS.items():
        due = sum(one.entry.kind == kind for one in judged.due)
        if due and kind not in raised:
            yield f"no alert of kind {kind} came, but {due} were due: one is raised only where {what}"


def too_fast(judged: Judged, speed: float) -> Iterator[str]:
    """Yield a sentence for silences that were missed and passed too quickly at this speed: of requests, of others."""
    others = []
    for one in judged.due:
        entry, lasts_s = one.entry, (one.entry.end - one.entry.begin) / 1000
        if one.by or entry.kind not in SILENCES:
            continue
        fit = SHARE_HELD_BACK * lasts_s / HELD_BACK_S
        if entry.subject != "requests":
            if speed * HELD_BACK_S > lasts_s:
                others.append((lasts_s, fit, entry.subject))
        elif speed > fit:
            yield (
                f"the silence of requests was missed: it lasts {lasts_s / 60:.0f} min of event time, and begins to "
                f"count after half a minute of wall time, which is {_held(speed)}; run it at --speed {fit:.0f} or less"
            )
    if others:
        lasts_s, fit, who = min(others, key=lambda one: one[0])
        more = f" (and {len(others) - 1} more)" if len(others) > 1 else ""
        yield (
            f"the silence of {who}{more} was missed: it lasts {lasts_s / 60:.0f} min of event time; where nobody else "
            "speaks in a partition, it begins to count after half a minute of wall time, which is "
            f"{_held(speed)}; run it at --speed {max(1.0, fit):.0f} or less"
        )


def _held(speed: float) -> str:
    return (
        f"{HELD_BACK_S * speed / 60:.0f} min at {speed:g} times real time"
        if math.isfinite(speed)
        else "all of it"
    )
