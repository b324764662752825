"""The policy file, and that of thresholds, as the settings have them, read from disk."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from streams.bounds import Bounds
from streams.errors import PolicyError
from streams.files.thresholds import read_thresholds
from streams.grid import locate
from streams.incidents.mds.geographies import City
from streams.incidents.policy import Policy, Rule
from streams.incidents.policy_bounds import beyond
from streams.incidents.policy_findings import Findings
from streams.incidents.policy_reader import GEOGRAPHIES, TYPES, beside, read_value, value_of
from streams.printable import quoted
from streams.settings import Settings

_WAYS_OUT = {
    GEOGRAPHIES: "put the geographies of the policies there, or into data.geographies of their file",
    TYPES: "give a readable file of the feed's vehicle types",
}


def load_policy(settings: Settings) -> Policy:
    """Read the files, or make the default policy of the settings; PolicyError names what is wrong."""
    return load_noted(settings)[0]


def load_noted(settings: Settings) -> tuple[Policy, str]:
    """Return the same, and what a reader of the file should know, such as a property that decides nothing."""
    policy, findings = read_policy(settings, settings.policy_file)
    findings.raise_errors()
    file = settings.thresholds_file
    return policy if file is None else replace(policy, thresholds=read_thresholds(file)), findings.noted


def zones_without(policy: Policy) -> Iterator[str]:
    """Yield, as sentences, which thresholds name zones that the policy has not: there they are judged nowhere."""
    known = {policy.default.zone, *(rule.zone for rule, _ in policy.zones)}
    for threshold in policy.thresholds:
        for zone in threshold.zones:
            if zone not in known:
                name = quoted(threshold.name)
                yield f"threshold {name}: no zone of UB_POLICY_FILE is named {quoted(zone)}; it has no effect"


def stamp(settings: Settings) -> tuple[tuple[int, ...] | None, ...]:
    """Return what changes when a file is written or replaced, or one beside it: times, size and inode.

    Nothing where there is no file. The time of the inode too: archives and `cp -p` bring times of their own, and 10 is
    as long as 12.
    """
    found: list[tuple[int, ...] | None] = []
    policy, thresholds = settings.policy_file, settings.thresholds_file
    others = () if policy is None else (policy.parent / GEOGRAPHIES, policy.parent / TYPES)
    for one in filter(None, (policy, *others, thresholds)):
        try:
            stat = one.stat()
            found.append((stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_ino))
        except OSError:
            found.append(None)
    return tuple(found)


def read_policy(settings: Settings, path: Path | None) -> tuple[Policy, Findings]:
    """Read a policy file (None: the default policy), with all that is wrong with it; PolicyError if it is not there."""
    findings = Findings("default" if path is None else path.name)
    document = value = other = None
    if path is not None:
        document = _text(path, "give a readable GeoJSON file or MDS policy document")
        value = value_of(document)
        name = beside(value)
        if name == GEOGRAPHIES or (name is not None and (path.parent / name).exists()):
            other = _text(path.parent / name, _WAYS_OUT[name])
    city = city_of(settings)
    policy = read_value(document, value, other, default_rule(settings), city, findings)
    if settings.bounds is not None and (noted := beyond(policy, Bounds.parse(settings.bounds), city.centre)):
        findings.without_effect("", noted)
    return policy, findings


def default_rule(settings: Settings) -> Rule:
    """Return the rule of a cell outside all zones."""
    return Rule(
        zone="default",
        capacity=settings.default_capacity,
        raise_ratio=settings.raise_ratio,
        clear_ratio=settings.clear_ratio,
        min_duration_ms=int(settings.min_duration_s * 1000),
    )


def city_of(settings: Settings) -> City:
    """Return what the settings say of the city."""
    locator = locate.Locator(settings.h3_resolution, settings.region_resolution)

    def cells(geometry: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(map(locate.to_hex, locate.cells_in_polygon(geometry, settings.h3_resolution)))

    def edge(geometry: Mapping[str, Any]) -> frozenset[str]:
        return frozenset(map(locate.to_hex, locate.cells_on_edge(geometry, settings.h3_resolution)))

    return City(
        time_zone=ZoneInfo(settings.timezone),
        vehicle_types=settings.vehicle_types,
        cells=cells,
        edge=edge,
        cell_km2=locate.cell_km2(settings.h3_resolution),
        region=lambda cell: locator.region(locate.from_hex(cell)),
        centre=lambda cell: locate.centre(locate.from_hex(cell)),
        holder=lambda lat, lon: locate.to_hex(locator.cells([lat], [lon])[0]),
    )


def _text(path: Path, way_out: str) -> str:
    try:
        return path.read_text("utf-8-sig")  # programs of Windows put a byte-order mark before it
    except OSError as error:
        raise PolicyError(f"policy file {path}: {error.strerror}; {way_out}") from None
    except UnicodeDecodeError as error:
        raise PolicyError(f"policy file {path}: {error}; UTF-8 is expected") from None
