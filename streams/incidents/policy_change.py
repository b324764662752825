"""What a replay would judge differently once a new policy has replaced another on a running worker.

A replay goes by one policy from its beginning. With the new policy it gives the same alerts as before only if that
policy decides nothing differently before the event time that was reached. MDS asks publishers for this: policies do not
change once they are published, they are published before they begin, and a later one replaces an earlier one. Other
changes are accepted too and judge from here on; to replay what was before, the old file is needed (ADR 0031).
"""

from dataclasses import replace

from streams.incidents.counts.rules import CountPolicy
from streams.incidents.policy import Policy
from streams.incidents.speeds.rules import SpeedPolicy
from streams.incidents.stays.rules import StayPolicy
from streams.incidents.trips.rules import TripPolicy
from streams.printable import quoted
from streams.times import to_second


def told_otherwise(old: Policy, new: Policy, reached_ms: int) -> str:
    """Return what a replay by `new` would judge otherwise than `old` did up to an event time, or nothing."""
    capacities = (old.name, old.version, old.time_zone) != (new.name, new.version, new.time_zone)
    found = [
        "capacities of cells, which have no start date" if capacities else "",
        *_changes(old.counts, new.counts, reached_ms),
        *_changes(old.stays, new.stays, reached_ms),
        *_changes(old.speeds, new.speeds, reached_ms),
        *_changes(old.trips, new.trips, reached_ms),
        "" if old.thresholds == new.thresholds else "thresholds of metrics, which have no start date",
    ]
    return "; ".join(dict.fromkeys(filter(None, found)))


def _changes[P: (CountPolicy, StayPolicy, SpeedPolicy, TripPolicy)](
    old: tuple[P, ...], new: tuple[P, ...], reached_ms: int
) -> list[str]:
    before, after = {one.policy_id: one for one in old}, {one.policy_id: one for one in new}
    return [_change(before.get(key), after.get(key), reached_ms) for key in sorted(before | after)]


def _change[P: (CountPolicy, StayPolicy, SpeedPolicy, TripPolicy)](
    old: P | None, new: P | None, reached_ms: int
) -> str:
    if old == new or not (_decided(old, reached_ms) or _decided(new, reached_ms)):
        return ""
    if new is None:
        assert old is not None
        if old.end is not None and old.end <= reached_ms:
            return ""  # a replay from before its end needs the file as it was
        return f"policy {quoted(old.name)} was in force and has been removed from the file"
    if old is None:
        begins = f"begins at {to_second(new.begin)} UTC" if new.begin else "has no start date"
        return (
            f"policy {quoted(new.name)} {begins}, but event time has already reached {to_second(reached_ms)}"
        )
    ends = {end for end in (old.end, new.end) if end is not None}
    if replace(old, end=None) == replace(new, end=None) and all(end > reached_ms for end in ends):
        return ""
    return f"policy {quoted(new.name)} changed after it began"


def _decided(policy: CountPolicy | StayPolicy | SpeedPolicy | TripPolicy | None, reached_ms: int) -> bool:
    """Return whether a policy was in force at an event time that was reached."""
    return policy is not None and policy.begin <= reached_ms
