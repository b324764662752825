"""Alerts of saturation that is expected: what they say, and their ids."""

import hashlib
import math
from dataclasses import dataclass

from schemas.alerts import Alert, AlertKind, Evidence, Forecast
from streams.counted import counted
from streams.fold.contract import Record
from streams.incidents.forecast.inflow import FRESH, SPANS, Expectation
from streams.incidents.forecast.watch import ForecastRule
from streams.incidents.lifecycle import Place, alert_id, first_event, next_event
from streams.incidents.policy import Rule

KIND: AlertKind = "saturation_expected"
VERSION = 4
"""Version of the arithmetic of inflow.py, fleets.py and watch.py, and of what is looked at (book.py)."""


@dataclass(frozen=True, slots=True)
class View:
    """One look at a cell, at the end of a window."""

    cell: str
    region: str
    lat: float
    lon: float
    at: int
    window_ms: int
    occupancy: int
    by_operator: dict[str, int]
    rule: Rule
    policy: str
    record: Record


def rules_version(policy_version: str, rule: ForecastRule) -> str:
    """Return a hash of all that decides."""
    return hashlib.sha256(f"{policy_version} {VERSION} {SPANS} {FRESH} {rule}".encode()).hexdigest()[:12]


def raised(view: View, expectation: Expectation, not_before: int, version: str) -> Alert:
    """Return a new alert; it begins with the look that decided, or at `not_before`."""
    starts_at = max(view.at, not_before)
    return first_event(
        alert_id(KIND, view.cell, starts_at),
        KIND,
        "warning",
        cell=view.cell,
        region=view.region,
        place=Place(view.lat, view.lon, view.rule.zone),
        starts_at=starts_at,
        at=starts_at,
        summary=_summary(view, expectation),
        policy=view.policy,
        policy_version=version,
        evidence=_evidence(view, _forecast(view, expectation), view.record.offset),
    )


def cleared(alert: Alert, view: View, reason: str, version: str) -> Alert:
    """Return the alert after it was cleared; its evidence still says what was expected."""
    return next_event(
        alert,
        "cleared",
        view.at,
        summary=f"{reason}; {alert.summary}",
        policy=view.policy,
        policy_version=version,
        evidence=_evidence(view, alert.evidence.forecast, alert.evidence.first_offset),
    )


def _summary(view: View, found: Expectation) -> str:
    text = expected(found, view.rule.raise_at, view.window_ms)
    return f"{counted(view.occupancy, 'bike')} in a cell for {view.rule.capacity}, {text}"


def expected(found: Expectation, raise_at: int, window_ms: int) -> str:
    """Return how fast a cell fills, and when it will hold `raise_at` if that goes on, for people.

    Nobody knows whether it does: no chance of that is told.
    """
    minutes = window_ms / 60_000
    soonest = max(1, math.floor(found.earliest * minutes))
    latest = "never" if math.isinf(found.latest) else math.ceil(found.latest * minutes)
    return (
        f"{found.rate / minutes:+.1f} a minute: if that goes on, {raise_at} in "
        f"{max(1, round(found.expected * minutes))} min ({soonest} to {latest}, four in five)"
    )


def _forecast(view: View, found: Expectation) -> Forecast:
    def after(windows: float) -> int:
        return view.at + round(windows * view.window_ms)

    return Forecast(
        window_start=view.at - view.window_ms,
        window_ms=view.window_ms,
        windows=found.span,
        inflow_per_minute=found.rate * 60_000 / view.window_ms,
        expected_at=after(found.expected),
        earliest_at=after(found.earliest),
        latest_at=after(found.latest),
    )


def _evidence(view: View, forecast: Forecast | None, first_offset: int | None) -> Evidence:
    rule, record = view.rule, view.record
    return Evidence(
        view.occupancy,
        rule.capacity,
        rule.raise_at,
        rule.clear_below,
        view.by_operator,
        record.topic,
        record.partition,
        record.offset,
        first_offset=first_offset,
        forecast=forecast,
    )
