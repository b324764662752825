"""What each stage is configured with, of the settings and the policy: folds know neither settings nor files.

The fleet knows no policies either (stages never import each other): what their rules have it look for is made here.
"""

from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from streams.fleet.config import FleetConfig
from streams.fleet.jumps import JumpRule
from streams.fleet.news import NewsConfig
from streams.fleet.speeds import SpeedLimits
from streams.fold.contract import Restored
from streams.fold.outlines import District, no_district
from streams.grid import locate
from streams.grid.state import GridConfig
from streams.grid.window import PAUSE_MS
from streams.incidents.anomaly.family import FAMILY, JOINT
from streams.incidents.anomaly.series import AnomalyConfig
from streams.incidents.anomaly.watch import Rule as AnomalyRule
from streams.incidents.damping import FlapConfig
from streams.incidents.forecast.watch import ForecastRule
from streams.incidents.grouping.incident import GroupConfig
from streams.incidents.health.config import HealthConfig
from streams.incidents.hotspot.rule import HotSpotRule
from streams.incidents.hotspot.scan import RINGS, Rings
from streams.incidents.joint.book import JointConfig
from streams.incidents.policy import Policy
from streams.incidents.speeds.rules import least_limits, states_of
from streams.incidents.state import IncidentsState
from streams.incidents.stays.ground import Ground, count_ground_of, ground_of
from streams.incidents.vehicles.config import VehiclesConfig
from streams.requests.state import RequestsConfig
from streams.sensing.health.rule import HealthRule
from streams.sensing.state import SensingConfig
from streams.settings import Settings

_REMEMBERED_CELLS = 10_000
_NEIGHBOUR_RINGS = 2

# ---------------------------------------------------------------------- fleet


def fleet_config(settings: Settings, policy: Policy) -> FleetConfig:
    """Return how vehicles are counted, and what is looked for in single ones."""
    return FleetConfig(
        window_ms=settings.window_s * 1000,
        allowed_lateness_ms=_ms(settings.allowed_lateness_s),
        amend_horizon_ms=_ms(settings.amend_horizon_s),
        stale_after_ms=_ms(settings.stale_after_s),
        sources=settings.source_partitions,
        most_vehicles=settings.max_vehicles_per_partition,
        news=news_config(settings, policy),
        edges=count_ground(policy),
        presence_ms=presence_ms(settings),
    )


def news_config(settings: Settings, policy: Policy) -> NewsConfig:
    """Return what is looked for in single vehicles."""
    return NewsConfig(
        jumps=JumpRule(settings.jump_kmh, settings.jump_noise_m) if settings.jump_kmh else None,
        battery=battery_lines(settings),
        ground=ground_of(policy, _outline),
        speeds=speed_limits(settings, policy),
        trips=trip_areas(policy),
    )


def trip_areas(policy: Policy) -> dict[str, frozenset[str]] | None:
    """Return the cells in which rules ask about trips that begin, by id; None: in none."""
    return {rule.area: rule.cells for trips in policy.trips for rule in trips.rules} or None


def speed_limits(settings: Settings, policy: Policy) -> SpeedLimits | None:
    """Return where the rules of a policy limit speed; None: nowhere."""
    if not policy.speeds:
        return None
    return SpeedLimits(
        ground=Ground(policy.speed_areas, states_of(policy.speeds), _outline),
        limits_kmh=least_limits(policy.speeds),
        noise_m=settings.speed_noise_m,
        longest_ms=_ms(settings.speed_longest_s),
        impossible=JumpRule(settings.jump_kmh) if settings.jump_kmh else JumpRule(),
    )


def count_ground(policy: Policy) -> Ground | None:
    """Return the areas in which vehicles are counted by position where a cell is not enough; None: there are none."""
    return count_ground_of(policy, _outline)


def battery_lines(settings: Settings) -> tuple[int, int] | None:
    """Return below which charge a battery is low, and from which on it is fine, per cent; None: not watched."""
    low = settings.low_battery_percent
    return (low, settings.low_battery_clear_percent) if low else None


# ---------------------------------------------------------------------- sensing, requests, grid


def sensing_config(settings: Settings) -> SensingConfig:
    """Return how readings of sensors are counted, and from when on one is silent."""
    return SensingConfig(
        window_ms=settings.window_s * 1000,
        allowed_lateness_ms=_ms(settings.allowed_lateness_s),
        amend_horizon_ms=_ms(settings.amend_horizon_s),
        sources=settings.source_partitions,
        most_series=settings.max_series_per_partition,
        health=HealthRule(silent_times=settings.silent_intervals, silent_ms=silent_ms(settings)),
        presence_ms=presence_ms(settings),
    )


def presence_ms(settings: Settings) -> int:
    """Return how often a source says at least that it is there, while it has more to tell."""
    return _ms(settings.idle_timeout_s / 2)


def silent_ms(settings: Settings) -> int:
    """Return the shortest silence that is told: what comes sooner than the horizon is not too late."""
    return _ms(max(settings.silent_after_s, settings.amend_horizon_s))


def requests_config(settings: Settings) -> RequestsConfig:
    """Return how requests are counted, and for how long one is remembered."""
    return RequestsConfig(
        window_ms=settings.window_s * 1000,
        allowed_lateness_ms=_ms(settings.allowed_lateness_s),
        amend_horizon_ms=_ms(settings.amend_horizon_s),
        forget_request_ms=_ms(settings.forget_request_after_s),
        sources=settings.source_partitions,
        presence_ms=presence_ms(settings),
    )


def grid_config(settings: Settings) -> GridConfig:
    """Return when windows are closed, and for how long a source is waited for."""
    return GridConfig(
        window_ms=settings.window_s * 1000,
        amend_horizon_ms=_ms(settings.amend_horizon_s),
        idle_timeout_ms=_ms(settings.idle_timeout_s),
        forget_source_ms=_ms(settings.forget_source_after_s),
        pause_ms=PAUSE_MS,
    )


# ---------------------------------------------------------------------- incidents


def incidents_fold(
    settings: Settings, policy: Policy, restored: Restored, district: District = no_district
) -> IncidentsState:
    """Return the fold that raises alerts, for workers and for who folds their log once more."""
    return IncidentsState(
        policy,
        locate.centre,
        restored,
        anomaly_config(settings),
        group_config(settings),
        FlapConfig(settings.flap_raises, _ms(settings.flap_window_s), _ms(settings.flap_quiet_s)),
        forecast=forecast_rule(settings),
        hot_spots=hot_spots(settings),
        vehicles=vehicles_config(settings),
        health=health_config(settings),
        joint=joint_config(settings),
        speeding_quiet_ms=_ms(settings.speeding_quiet_s),
        geometry=locate.geometry_row,
        district=district,
    )


def anomaly_config(settings: Settings) -> AnomalyConfig | None:
    """Return which detector watches the metrics one by one, and when it alerts; None where none does."""
    chosen = next((name for name in settings.anomaly_detectors if name in FAMILY), None)
    if chosen is None:
        return None
    return AnomalyConfig(
        detector=chosen,
        rule=anomaly_rule(settings),
        most_series=settings.max_series_per_partition,
        zone=ZoneInfo(settings.timezone),
    )


def joint_config(settings: Settings) -> JointConfig | None:
    """Return which detectors watch metrics together, and who knows a cell's neighbours; None where none does."""
    chosen = tuple(name for name in JOINT if name in settings.anomaly_detectors)
    if not chosen:
        return None
    return JointConfig(
        detectors=chosen,
        around=lru_cache(_REMEMBERED_CELLS)(_around),
        rule=anomaly_rule(settings),
        most_series=settings.max_series_per_partition,
    )


def anomaly_rule(settings: Settings) -> AnomalyRule:
    """Return when anomalies are raised and cleared."""
    return AnomalyRule(settings.anomaly_raise_at, _ms(settings.anomaly_quiet_s))


def group_config(settings: Settings) -> GroupConfig:
    """Return how alerts are grouped into incidents."""
    return GroupConfig(
        near=lru_cache(_REMEMBERED_CELLS)(locate.neighbours),
        outline=locate.outline,
        parent=lru_cache(_REMEMBERED_CELLS)(locate.coarser),
        linger_ms=_ms(settings.incident_linger_s),
    )


def forecast_rule(settings: Settings) -> ForecastRule | None:
    """Return when saturation is announced that is expected; None where it is not."""
    horizon_ms = _ms(settings.forecast_horizon_s)
    return ForecastRule(horizon_ms) if horizon_ms else None


def hot_spots(settings: Settings) -> tuple[HotSpotRule, Rings] | None:
    """Return when hot spots of requests are told, and who knows the cells around a cell; None where they are not."""
    if not settings.hot_spot_raise_at:
        return None
    rule = HotSpotRule(settings.hot_spot_raise_at, zone=settings.timezone)
    return rule, lambda cell: locate.rings(cell, RINGS)


def vehicles_config(settings: Settings) -> VehiclesConfig:
    """Return what of single vehicles becomes an alert."""
    return VehiclesConfig(
        jumps=settings.jump_kmh > 0,
        jump_quiet_ms=_ms(settings.jump_quiet_s),
        battery=battery_lines(settings),
    )


def health_config(settings: Settings) -> HealthConfig | None:
    """Return when silence of sensors and feeds is told; None where nobody is to be told."""
    if not settings.sensor_health:
        return None
    return HealthConfig(
        feed_share=settings.feed_silent_share,
        silent_times=settings.silent_intervals,
        silent_ms=silent_ms(settings),
        forget_ms=_ms(settings.forget_sensor_after_s),
    )


def _around(cell: str) -> tuple[str, ...]:
    """Return the cells of the rings around a cell that are its neighbours."""
    return tuple(other for ring in locate.rings(cell, _NEIGHBOUR_RINGS)[1:] for other in ring)


def _outline(cell: str) -> dict[str, Any]:
    return locate.boundary_in_one_piece(locate.from_hex(cell))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
