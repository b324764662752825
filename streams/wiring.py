"""The composition root: settings in, a running gateway or worker out. Nothing is built at import."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakSet

import faust

from streams import topics
from streams.board import Board
from streams.district_file import load_districts
from streams.errors import PolicyError
from streams.fleet.cells import Cells
from streams.fleet.config import FleetConfig
from streams.fleet.jumps import JumpRule
from streams.fleet.news import NewsConfig
from streams.fleet.speeds import SpeedLimits
from streams.fleet.state import FleetState
from streams.fold import Fold, Restored
from streams.gateway.partition import Partitions
from streams.grid import locate
from streams.grid.state import GridConfig, GridState
from streams.incidents.anomaly.family import FAMILY, JOINT
from streams.incidents.anomaly.series import AnomalyConfig
from streams.incidents.anomaly.watch import Rule as AnomalyRule
from streams.incidents.change import told_otherwise
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
from streams.policy_file import load_policy, stamp
from streams.rejects.state import RejectsState
from streams.requests.districts import Districts
from streams.requests.state import RequestsConfig, RequestsState
from streams.runtime.driver import FetchWaitTransport
from streams.runtime.incarnation import Logs
from streams.runtime.mqtt import MqttPublisher
from streams.runtime.publisher import Publisher
from streams.runtime.stage import Stage
from streams.runtime.upkeep import Upkeep
from streams.sensing.health.rule import HealthRule
from streams.sensing.state import SensingConfig, SensingState
from streams.settings import Settings
from streams.store.checkpoint import Claim, Store
from streams.store.retention import delete_old_alerts, delete_old_requests, drop_old_chunks
from streams.store.retry import retrying

log = logging.getLogger(__name__)

_HANDOVER_TIMEOUT_S = 5.0
_POLL_S = 0.05
_RETENTION_INTERVAL_S = 3600.0
_POLICY_INTERVAL_S = 2.0
_REMEMBERED_CELLS = 10_000
_NEIGHBOUR_RINGS = 2
_BOARD_STAGE = "incidents"  # keeps what is retained on MQTT


def anomaly_config(settings: Settings) -> AnomalyConfig | None:
    """Return which detector watches the metrics one by one, and when it alerts; None where none does."""
    chosen = next((name for name in settings.anomaly_detectors if name in FAMILY), None)
    if chosen is None:
        return None
    return AnomalyConfig(
        detector=chosen, rule=anomaly_rule(settings), most_series=settings.max_series_per_partition
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
    return AnomalyRule(settings.anomaly_raise_at, int(settings.anomaly_quiet_s * 1000))


def news_config(settings: Settings, policy: Policy) -> NewsConfig:
    """Return what the fleet looks for in single vehicles."""
    jumps = JumpRule(settings.jump_kmh, settings.jump_noise_m) if settings.jump_kmh else None
    return NewsConfig(
        jumps,
        battery_lines(settings),
        policy_ground(policy),
        speed_limits(settings, policy),
        trip_cells(policy),
    )


def trip_cells(policy: Policy) -> frozenset[str] | None:
    """Return the cells in which rules ask about trips that begin; None: in none."""
    rules = [rule for trips in policy.trips for rule in trips.rules]
    return frozenset().union(*(rule.cells for rule in rules)) if rules else None


def policy_ground(policy: Policy) -> Ground | None:
    """Return the areas that the rules of a policy speak of; None: there are none."""
    return ground_of(policy, _outline)


def speed_limits(settings: Settings, policy: Policy) -> SpeedLimits | None:
    """Return where the rules of a policy limit speed; None: nowhere."""
    if not policy.speeds:
        return None
    return SpeedLimits(
        ground=Ground(policy.speed_areas, states_of(policy.speeds), _outline),
        limits_kmh=least_limits(policy.speeds),
        noise_m=settings.speed_noise_m,
        longest_ms=int(settings.speed_longest_s * 1000),
        impossible=JumpRule(settings.jump_kmh) if settings.jump_kmh else JumpRule(),
    )


def _outline(cell: str) -> dict[str, Any]:
    return locate.boundary_geojson(locate.from_hex(cell))


def count_ground(policy: Policy) -> Ground | None:
    """Return the areas in which vehicles are counted by position where a cell is not enough; None: there are none."""
    return count_ground_of(policy, _outline)


def battery_lines(settings: Settings) -> tuple[int, int] | None:
    """Return below which charge a battery is low, and from which on it is fine, per cent; None: not watched."""
    low = settings.low_battery_percent
    return (low, settings.low_battery_clear_percent) if low else None


def vehicles_config(settings: Settings) -> VehiclesConfig:
    """Return what of single vehicles becomes an alert."""
    return VehiclesConfig(
        jumps=settings.jump_kmh > 0,
        jump_quiet_ms=int(settings.jump_quiet_s * 1000),
        battery=battery_lines(settings),
    )


def forecast_rule(settings: Settings) -> ForecastRule | None:
    """Return when saturation is announced that is expected; None where it is not."""
    horizon_ms = int(settings.forecast_horizon_s * 1000)
    return ForecastRule(horizon_ms) if horizon_ms else None


def hot_spots(settings: Settings) -> tuple[HotSpotRule, Rings] | None:
    """Return when hot spots of requests are told, and who knows the cells around a cell; None where they are not."""
    if not settings.hot_spot_raise_at:
        return None
    return HotSpotRule(settings.hot_spot_raise_at), lambda cell: locate.rings(cell, RINGS)


def incidents_fold(settings: Settings, policy: Policy, restored: Restored) -> IncidentsState:
    """Return the fold that raises alerts."""
    flaps = FlapConfig(
        settings.flap_raises, int(settings.flap_window_s * 1000), int(settings.flap_quiet_s * 1000)
    )
    return IncidentsState(
        policy,
        locate.centre,
        restored,
        anomaly_config(settings),
        group_config(settings),
        flaps,
        forecast=forecast_rule(settings),
        hot_spots=hot_spots(settings),
        vehicles=vehicles_config(settings),
        health=health_config(settings),
        joint=joint_config(settings),
        speeding_quiet_ms=int(settings.speeding_quiet_s * 1000),
    )


def _around(cell: str) -> tuple[str, ...]:
    """Return the cells of the rings around a cell that are its neighbours."""
    return tuple(other for ring in locate.rings(cell, _NEIGHBOUR_RINGS)[1:] for other in ring)


def group_config(settings: Settings) -> GroupConfig:
    """Return how alerts are grouped into incidents."""
    return GroupConfig(
        near=lru_cache(_REMEMBERED_CELLS)(locate.neighbours),
        outline=locate.outline,
        parent=locate.coarser,
        linger_ms=int(settings.incident_linger_s * 1000),
    )


def health_config(settings: Settings) -> HealthConfig | None:
    """Return when silence of sensors and feeds is told; None where nobody is to be told."""
    if not settings.sensor_health:
        return None
    return HealthConfig(
        feed_share=settings.feed_silent_share,
        silent_times=settings.silent_intervals,
        silent_ms=silent_ms(settings),
        forget_ms=int(settings.forget_sensor_after_s * 1000),
    )


def silent_ms(settings: Settings) -> int:
    """Return the shortest silence that is told: what comes sooner than the horizon is not too late."""
    return int(max(settings.silent_after_s, settings.amend_horizon_s) * 1000)


def cell_geometry(cell: int, resolution: int) -> dict[str, Any]:
    """Return the row of ub.cell_geometry of a cell."""
    lat, lon = locate.centre(cell)
    boundary = json.dumps(locate.boundary_geojson(cell))
    return {
        "cell": cell,
        "hex": locate.to_hex(cell),
        "resolution": resolution,
        "lat": lat,
        "lon": lon,
        "boundary": boundary,
    }


class Worker:
    """One Faust app with an agent for each of its stages."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.failure: Exception | None = None
        self.app = _faust_app(settings)
        self._store = Store(settings.database_url.get_secret_value(), application_name=settings.worker_id)
        board = None
        if _BOARD_STAGE in settings.stage_names:
            board = Board(Partitions(settings.region_partitions).__getitem__)
        self._mqtt = MqttPublisher(settings, client_id=f"urbanbrain-{settings.worker_id}", board=board)
        self._upkeep = None if board is None else Upkeep(board, self._mqtt, self._store)
        self._publisher = Publisher(self.app, self._mqtt, source=f"urbanbrain/{settings.worker_id}")
        self._logs = Logs(settings.kafka_bootstrap, ends_are_true=settings.kafka_flavor != "tansu")
        self._policy_stamp = None if settings.policy_file is None else stamp(settings.policy_file)
        self._policy = load_policy(settings)
        self._news, self._edges = news_config(settings, self._policy), count_ground(self._policy)
        self._fleets: WeakSet[FleetState] = WeakSet()
        self._incidents: WeakSet[IncidentsState] = WeakSet()
        self._judging = {"fleet": self._take_in_fleets, "incidents": self._take_in_incidents}
        """By stage: how its folds come to judge by the policy that was taken."""
        self._stages = self._make_stages(load_districts(settings))
        for stage in self._stages.values():
            self._add_agent(stage)
        self._background: set[asyncio.Task[None]] = set()
        self.app.on_partitions_assigned.connect(self._assigned, weak=False)
        self.app.on_partitions_revoked.connect(self._revoked, weak=False)
        self.app.on_before_shutdown.connect(self._shutdown, weak=False)
        self.app.task(self._start)

    def _make_stages(self, districts: Districts) -> dict[str, Stage]:
        s = self.settings
        locator = locate.Locator(s.h3_resolution, s.region_resolution)
        cells = Cells(locator)
        fleet = FleetConfig(
            window_ms=s.window_s * 1000,
            allowed_lateness_ms=int(s.allowed_lateness_s * 1000),
            amend_horizon_ms=int(s.amend_horizon_s * 1000),
            stale_after_ms=int(s.stale_after_s * 1000),
            sources=s.source_partitions,
            most_vehicles=s.max_vehicles_per_partition,
        )
        sensing = SensingConfig(
            window_ms=s.window_s * 1000,
            allowed_lateness_ms=int(s.allowed_lateness_s * 1000),
            amend_horizon_ms=int(s.amend_horizon_s * 1000),
            sources=s.source_partitions,
            most_series=s.max_series_per_partition,
            health=HealthRule(silent_times=s.silent_intervals, silent_ms=silent_ms(s)),
        )
        requests = RequestsConfig(
            window_ms=s.window_s * 1000,
            allowed_lateness_ms=int(s.allowed_lateness_s * 1000),
            amend_horizon_ms=int(s.amend_horizon_s * 1000),
            forget_request_ms=int(s.forget_request_after_s * 1000),
            sources=s.source_partitions,
        )
        grid = GridConfig(
            window_ms=s.window_s * 1000,
            amend_horizon_ms=int(s.amend_horizon_s * 1000),
            idle_timeout_ms=int(s.idle_timeout_s * 1000),
            forget_source_ms=int(s.forget_source_after_s * 1000),
        )

        async def open_fleet(claim: Claim) -> Fold:
            rows = await self._store.vehicles(claim.partition)
            fold = FleetState(replace(fleet, news=self._news, edges=self._edges), cells, claim.restored, rows)
            self._fleets.add(fold)
            return fold

        async def open_sensing(claim: Claim) -> Fold:
            rows = await self._store.sensors(claim.partition)
            return SensingState(sensing, locator, claim.restored, rows)

        async def open_requests(claim: Claim) -> Fold:
            rows = await self._store.requests(claim.partition)
            return RequestsState(requests, locator, districts, claim.restored, rows)

        async def open_grid(claim: Claim) -> Fold:
            return GridState(grid, lambda cell: cell_geometry(cell, s.h3_resolution), claim.restored)

        async def open_incidents(claim: Claim) -> Fold:
            fold = incidents_fold(s, self._policy, claim.restored)
            self._incidents.add(fold)
            return fold

        async def open_rejects(claim: Claim) -> Fold:
            return RejectsState(claim.restored)

        stages = (
            self._stage("fleet", topics.VEHICLES, open_fleet),
            self._stage("sensing", topics.SENSORS, open_sensing),
            self._stage("requests", topics.REQUESTS, open_requests),
            self._stage("grid", topics.PARTIALS, open_grid),
            self._stage("incidents", topics.CELLS, open_incidents),
            self._stage("rejects", topics.REJECTED, open_rejects),
        )
        return {stage.topic: stage for stage in stages if stage.name in s.stage_names}

    def _stage(self, name: str, topic: str, open_fold: Callable[[Claim], Awaitable[Fold]]) -> Stage:
        return Stage(
            name,
            topic,
            open_fold=open_fold,
            store=self._store,
            publisher=self._publisher,
            settings=self.settings,
            logs=self._logs,
            fatal=self._fatal,
            upkeep=self._upkeep if name == _BOARD_STAGE else None,
        )

    def _add_agent(self, stage: Stage) -> None:
        topic = self.app.topic(stage.topic, value_type=bytes, key_type=bytes, value_serializer="raw")
        self.app.agent(topic, name=f"urbanbrain.{stage.name}", concurrency=1)(stage.consume)

    async def _start(self) -> None:
        self._mqtt.start()
        for stage in self._stages.values():
            self._run(stage.run())
            self._run(stage.look_after())
        self._run(self._forget_old_rows())
        if self.settings.policy_file is not None:
            self._run(self._follow_policy(self.settings.policy_file))

    async def _forget_old_rows(self) -> None:
        """Retention, hourly; every worker asks, the database does it once."""
        session, settings = self._store.session, self.settings
        while True:
            await asyncio.sleep(_RETENTION_INTERVAL_S)
            dropped = await retrying(lambda: drop_old_chunks(session, settings), None, log.warning)
            deleted = await retrying(lambda: delete_old_requests(session, settings), None, log.warning)
            alerts = await retrying(lambda: delete_old_alerts(session, settings), None, log.warning)
            log.info(
                "retention dropped chunks: %s; deleted requests: %d, alerts: %d", dropped, deleted, alerts
            )

    async def _follow_policy(self, path: Path) -> None:
        """Take the policy file anew whenever it was written; one that cannot be taken changes nothing, and is said."""
        known = self._policy_stamp
        while True:
            await asyncio.sleep(_POLICY_INTERVAL_S)
            if known == (known := stamp(path)):
                continue
            try:
                policy = await asyncio.to_thread(load_policy, self.settings)
            except PolicyError as error:
                log.error("the policy stays as it was: %s", error)
                continue
            otherwise = {fold.told_otherwise(policy) for fold in self._incidents}
            otherwise |= {told_otherwise(self._policy, policy, fold.reached) for fold in self._fleets}
            self._policy, self._news = policy, news_config(self.settings, policy)
            self._edges = count_ground(policy)
            for stage in self._stages.values():
                if stage.name in self._judging:
                    await stage.between_records(self._judging[stage.name])
            log.info("policy %s taken anew: %s", policy.name, _versions(policy))
            if found := "; ".join(sorted(filter(None, otherwise))):
                log.warning(
                    "policy %s judges from here on, and did not before: %s; "
                    "`urbanbrain alerts replay` of an alert from before needs the file of then",
                    *(policy.name, found),
                )

    def _take_in_fleets(self) -> None:
        for fleet in self._fleets:
            fleet.take_ground(self._news.ground)
            fleet.take_speeds(self._news.speeds)
            fleet.take_trips(self._news.trips)
            fleet.take_edges(self._edges)

    def _take_in_incidents(self) -> None:
        for fold in self._incidents:
            fold.take_policy(self._policy)

    def _run(self, work: Any) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._fatal(error)

    async def _assigned(self, *args: Any, **_: Any) -> None:
        _app, assigned = args
        for topic, stage in self._stages.items():
            partitions = {tp.partition for tp in assigned if tp.topic == topic}
            stage.keep_only(partitions)
            self._run(self._take_over(stage, partitions))

    async def _take_over(self, stage: Stage, partitions: set[int]) -> None:
        await stage.open(partitions)
        while self.app.rebalancing:  # noqa: ASYNC110 - Faust has no event for it; at its end it seeks
            await asyncio.sleep(_POLL_S)
        await stage.rewind(self.app.consumer)

    async def _revoked(self, *_: Any, **__: Any) -> None:
        await asyncio.gather(*(stage.hand_over(_HANDOVER_TIMEOUT_S) for stage in self._stages.values()))

    async def _shutdown(self, *_: Any, **__: Any) -> None:
        if self.failure is None:
            await asyncio.gather(*(stage.close(_HANDOVER_TIMEOUT_S) for stage in self._stages.values()))
        self._mqtt.stop()
        await self._store.__aexit__(None, None, None)

    def _fatal(self, error: Exception) -> None:
        """End this worker; its supervisor starts another, which loads the checkpoints."""
        if self.failure is None:
            self.failure = error
            log.error("the worker ends: %s", error, exc_info=error)
            self._run(self.app.crash(error))


def _versions(policy: Policy) -> str:
    """Return what an alert calls the versions of what judges from now on, for the log."""
    others = {one.name: one.version for one in (*policy.counts, *policy.stays, *policy.speeds, *policy.trips)}
    return ", ".join(
        [f"capacities {policy.version}", *(f"{name} {version}" for name, version in others.items())]
    )


def _faust_app(settings: Settings) -> faust.App:
    options: dict[str, Any] = {}
    if settings.kafka_flavor == "tansu":  # its JoinGroup waits half the session timeout
        options |= {"broker_session_timeout": 6.0, "broker_heartbeat_interval": 1.0}
    app = faust.App(
        settings.consumer_group,
        broker=f"kafka://{settings.kafka_bootstrap.replace(',', ';kafka://')}",
        store="memory://",
        datadir=str(settings.data_dir / settings.worker_id),
        web_enabled=settings.web_port != 0,
        web_port=settings.web_port or 6066,
        web_bind="127.0.0.1",
        web_tables_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        producer_threaded=False,
        producer_linger_ms=0,
        producer_max_request_size=8_000_000,
        broker_max_poll_records=500,
        stream_buffer_maxsize=4096,
        stream_wait_empty=False,
        **options,
    )
    transport = FetchWaitTransport(url=[*app.conf.broker], app=app, loop=None)
    transport.fetch_wait_ms = settings.kafka_fetch_wait_ms
    transport.leaders_fall_silent = settings.kafka_flavor == "tansu"
    app.transport = transport
    return app
