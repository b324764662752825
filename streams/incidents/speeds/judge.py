r"""One move of a vehicle: which rule it breaks.

|--- zone of 25 km/h ---|--- zone of 10 km/h ---|
           *------- 18 km/h -------*              judged by 25: how it went on which side is not known
                           *- 18 -*               too fast
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from streams.incidents.mds.hours import local_time
from streams.incidents.speeds.rules import SpeedPolicy, SpeedRule


@dataclass(frozen=True, slots=True)
class End:
    """One end of a move: when the vehicle was in which areas, in which state."""

    ts: int
    vehicle_state: str
    areas: frozenset[str]


@dataclass(frozen=True, slots=True)
class Move:
    """From one reading to the next; `kmh` is what it takes at the least."""

    operator: str
    vehicle_type: str
    begin: End
    end: End
    kmh: float


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a move breaks."""

    policy: SpeedPolicy
    rule: SpeedRule
    limit_kmh: float


def judge(policies: Sequence[SpeedPolicy], move: Move, zone: tzinfo) -> Broken | None:
    """Return what a move breaks, of policies the first.

    Of a policy the first rule in effect that speaks of the vehicle decides, at either end of the move; it is too fast
    when it is faster than both allow.
    """
    for policy in policies:
        last, first = (_deciding(policy, move, end, zone) for end in (move.end, move.begin))
        if last is None or first is None or last.limit_kmh is None or first.limit_kmh is None:
            continue
        rule = last if last.limit_kmh >= first.limit_kmh else first
        limit = max(last.limit_kmh, first.limit_kmh)
        if move.kmh > limit:
            return Broken(policy, rule, limit)
    return None


def _deciding(policy: SpeedPolicy, move: Move, end: End, zone: tzinfo) -> SpeedRule | None:
    if not policy.counts(move.operator) or not policy.in_force(end.ts):
        return None
    local = local_time(end.ts, zone)
    return next(
        (
            rule
            for rule in policy.rules
            if end.vehicle_state in rule.states
            and (not rule.vehicle_types or move.vehicle_type in rule.vehicle_types)
            and not rule.areas.isdisjoint(end.areas)
            and rule.dates.has(end.ts)
            and rule.hours.hold(local)
        ),
        None,
    )
