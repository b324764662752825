"""Time zones of cities, as the IANA database has them (zoneinfo): names, offsets, and times that clocks leave out."""

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, available_timezones

from sensors_sim.tables import MOST_LISTED, Refused, choice


def zone_of(key: str, name: str) -> ZoneInfo:
    """Return the time zone of that name; Refused names the nearest one.

    `localtime` is what this machine happens to have, and files below `right` count leap seconds: neither is one.
    """
    known = available_timezones() - {"localtime"}
    if name in known:
        return ZoneInfo(name)
    cities = [zone for zone in known if "/" in zone and name and zone.split("/")[-1] in name]
    near = choice(name, cities or known) if len(known) > MOST_LISTED else "no time zones are installed"
    raise Refused(key, name, f"an IANA time zone is expected, such as Europe/Oslo; {near}")


def offset_h(moment: datetime) -> float:
    """Return hours east of Greenwich of a local time with its zone."""
    offset = moment.utcoffset()
    return 0.0 if offset is None else offset.total_seconds() / 3600


def named_offset(moment: datetime) -> str:
    """Return the offset of a local time for people: UTC+8, UTC-3:30, UTC."""
    minutes = round(offset_h(moment) * 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'-' if minutes < 0 else '+'}{hours}{f':{rest:02d}' if rest else ''}" if minutes else "UTC"


def span(first: datetime, last: datetime, form: str = "%H:%M", usual: str = "") -> str:
    """Return two local times for people, with their offset where it is not the usual one.

    Where clocks are changed in between each has its own: an hour may come twice.
    """
    offsets = named_offset(first), named_offset(last)
    begin, end = f"{first:{form}}", f"{last:{form}}"
    if offsets[0] != offsets[1]:
        return f"{begin} {offsets[0]} to {end} {offsets[1]}"
    return f"{begin} to {end}" + ("" if offsets[1] == usual else f" {offsets[1]}")


def is_skipped(local: datetime, zone: tzinfo) -> bool:
    """Say whether clocks leave out a local time (without its zone), because they are put forward over it."""
    there_and_back = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)
    return there_and_back.replace(tzinfo=None) != local.replace(tzinfo=None)
