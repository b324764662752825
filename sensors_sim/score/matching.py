r"""Alerts against the truth: which due ones were found, and what each alert was.

R is when an alert was raised, C when it was cleared, by event time (docs/scoring.md has the rules in words).

             begin                due: from      to                  end  + grace
    ..........|....................|==============|...................|......:.....
        R not judged    R false         R true          R false                 R not judged
                  may: |~~~~~~~~~~~|
                         R-----------------------C    tolerated until `from`, still open then: true, delay 0
                         R-----C                      tolerated
                may: |~~~~~~~|
                         R-----------------------C    tolerated, but not until `from`: finds nothing
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sensors_sim.score.lives import Life
from sensors_sim.score.truth import Entry, Truth

GRACE_MS = 300_000
"""Event time runs on after the last reading: alerts that are raised so soon after the end are judged."""

EARLIER, BEFORE, AFTER = (
    "it was open before the run began",
    "raised before the scenario begins",
    "raised after the scenario has ended",
)


@dataclass(frozen=True, slots=True)
class Due:
    """A due entry and the alerts that found it, by the time they were raised; none: it was missed."""

    entry: Entry
    by: tuple[Life, ...]

    @property
    def delay_ms(self) -> int | None:
        """Event time from when it was due until the first alert; 0 for one that was open already."""
        return max(0, self.by[0].raised_at - self.entry.begin) if self.by else None


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of the due entries and of the alerts. Each alert stands in one place, with the entry or reason."""

    truth: Truth
    due: tuple[Due, ...]
    true: tuple[Life, ...]
    tolerated: tuple[tuple[Life, Entry], ...]
    false: tuple[tuple[Life, Entry | None], ...]
    not_judged: tuple[tuple[Life, str], ...]


def judge(truth: Truth, alerts: Sequence[Life], *, earlier: Collection[str] = ()) -> Judged:
    """Compare. `earlier` are ids of alerts that were open before the run began; see docs/scoring.md for the rules."""
    fit: list[Life] = []
    not_judged: list[tuple[Life, str]] = []
    for life in sorted(alerts, key=lambda one: (one.raised_at, one.alert_id)):
        reason = _reason_not_to_judge(truth, life, earlier)
        if reason is None:
            fit.append(life)
        else:
            not_judged.append((life, reason))

    def raised_in(entries: Sequence[Entry], life: Life) -> Entry | None:
        """Return the first entry that speaks of the alert at the time when it was raised."""
        for entry in entries:
            if truth.holds(entry, life.raised_at) and entry.about(life.kind, life.cell, life.subject):
                return entry
        return None

    excused = {life.alert_id: entry for life in fit if (entry := raised_in(truth.may, life)) is not None}
    excused_until = {life.alert_id: _tolerated_until(truth.may, life) for life in fit}

    def finds(life: Life, entry: Entry) -> bool:
        """Raised in time; or before, where that was tolerated from then on, and still open when it came to be due.

        An alert that was wrong before does not become right by staying open: whoever raises everything at once
        and clears nothing has found nothing.
        """
        if not entry.about(life.kind, life.cell, life.subject):
            return False
        early = life.open_at(entry.begin) and excused_until[life.alert_id] >= entry.begin
        return truth.holds(entry, life.raised_at) or early

    due = tuple(Due(entry, tuple(life for life in fit if finds(life, entry))) for entry in truth.due)
    hits = {life.alert_id for found in due for life in found.by}
    rest = [life for life in fit if life.alert_id not in hits]
    return Judged(
        truth=truth,
        due=due,
        true=tuple(life for life in fit if life.alert_id in hits),
        tolerated=tuple((life, excused[life.alert_id]) for life in rest if life.alert_id in excused),
        false=tuple((life, raised_in(truth.silent, life)) for life in rest if life.alert_id not in excused),
        not_judged=tuple(not_judged),
    )


def _tolerated_until(may: Sequence[Entry], life: Life) -> int:
    """Return up to when entries that speak of the alert follow each other without a gap, from when it was raised."""
    until = life.raised_at
    for entry in sorted(may, key=lambda one: one.begin):
        if entry.begin <= until and entry.about(life.kind, life.cell, life.subject):
            until = max(until, entry.end)
    return until


def _reason_not_to_judge(truth: Truth, life: Life, earlier: Collection[str]) -> str | None:
    if life.alert_id in earlier:
        return EARLIER
    if life.raised_at < truth.begin:
        return BEFORE
    return AFTER if life.raised_at > truth.end + GRACE_MS else None
