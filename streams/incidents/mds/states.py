"""States and events of vehicles in MDS: which states have vehicles in a cell, and which events lead to each of them."""

from collections.abc import Collection, Mapping

from schemas.vehicles import COUNTED_STATES

_BACK = ("comms_restored", "located", "unspecified")
EVENTS: Mapping[str, tuple[str, ...]] = {
    "available": (
        *("agency_drop_off", "battery_charged", "maintenance", "on_hours", "provider_drop_off"),
        *("reservation_cancel", "system_resume", "trip_cancel", "trip_end", *_BACK),
    ),
    "non_operational": ("battery_low", "maintenance", "off_hours", "system_suspend", *_BACK),
    "reserved": ("reservation_start", *_BACK),
    "on_trip": ("trip_start", "trip_enter_jurisdiction", *_BACK),
    "non_contactable": ("comms_lost", "unspecified"),
}
"""By state, the events with which a vehicle comes into it: the table "Vehicle State Events" of
https://github.com/openmobilityfoundation/mobility-data-specification/blob/2.0.0/modes/micromobility.md, but for the
beta event `changed_geographies`. MDS 1 has the same."""

assert set(EVENTS) == set(COUNTED_STATES)


def left_out(state: str, events: Collection[str]) -> list[str]:
    """Return the events that lead to a state and are not named; none are named: all are meant."""
    return [] if not events else [event for event in EVENTS[state] if event not in events]
