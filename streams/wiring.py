"""The composition root: settings in, a running worker out. Nothing is built at import."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, cast

import faust

from streams import topics
from streams.brokers.hearing import Hearing
from streams.brokers.kafka_login import KafkaLogin, kafka_login_of
from streams.configs import grid_config, incidents_fold, requests_config, sensing_config
from streams.errors import ServiceUnavailable, UrbanBrainError
from streams.files.districts import load_districts
from streams.fleet.cells import Cells
from streams.fleet.state import FleetState
from streams.fold.contract import Fold
from streams.grid import locate
from streams.grid.state import GridState
from streams.partition import Partitions
from streams.policy_reload import PolicyReloader
from streams.rejects.state import RejectsState
from streams.requests.districts import Districts
from streams.requests.needed import needed
from streams.requests.state import RequestsState
from streams.retry import Waiting
from streams.runtime.board import Board
from streams.runtime.confirming import Confirming
from streams.runtime.driver import FetchWaitConsumer, FetchWaitTransport
from streams.runtime.incarnation import Logs
from streams.runtime.mqtt import MqttPublisher
from streams.runtime.publisher import Publisher
from streams.runtime.stage import Stage
from streams.runtime.upkeep import Upkeep
from streams.sensing.state import SensingState
from streams.settings import Settings
from streams.store.checkpoint import Claim, Store
from streams.store.filled_with import fills_with
from streams.store.retention import forget_old_rows

log = logging.getLogger(__name__)

_PLACES = 65_536
_HANDOVER_TIMEOUT_S = 5.0
_CLOSE_S = 1.0
_POLL_S = 0.05
_LOOK_AT_LOGS_S = 10.0
"""How often Kafka is asked whether its topics are still those that we read and write."""
_SAY_THE_SAME = ("faust.app.base", "faust.worker", "faust.agents.actor")
"""What Faust's logs say when the worker must end is our line in other words, with tracebacks."""
_BOARD_STAGE = "incidents"  # keeps what is retained on MQTT


class Worker:
    """One Faust app with an agent for each of its stages."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.failure: Exception | None = None
        self._ending = False
        login = kafka_login_of(settings)
        self.app = _faust_app(settings, login)
        self._store = Store(
            settings.database_url.get_secret_value(),
            application_name=settings.worker_id,
            filled_with=fills_with(settings),
        )
        board = None
        if _BOARD_STAGE in settings.stage_names:
            board = Board(Partitions(settings.region_partitions).__getitem__)
        self._mqtt = MqttPublisher(settings, client_id=f"urbanbrain-{settings.worker_id}", board=board)
        self._waiting = Waiting()
        self._confirming = Confirming(settings.kafka_bootstrap)
        self._upkeep = None if board is None else Upkeep(board, self._mqtt, self._store)
        specs = topics.kafka_topics(settings.source_partitions, settings.region_partitions)
        self._partitions = {spec.name: spec.partitions for spec in specs}
        self._logs = Logs(
            settings.kafka_bootstrap,
            list(self._partitions),
            ends_are_true=settings.kafka_flavor != "tansu",
            login=login,
        )
        self._locator = locate.Locator(settings.h3_resolution, settings.region_resolution)
        self._cells = Cells(self._locator)
        self._reloader = PolicyReloader(settings, self._cells)
        self._stages = self._make_stages(load_districts(settings))
        for stage in self._stages.values():
            self._add_agent(stage)
        self._background: set[asyncio.Task[None]] = set()
        self.app.on_partitions_assigned.connect(self._assigned, weak=False)
        self.app.on_partitions_revoked.connect(self._revoked, weak=False)
        self.app.on_before_shutdown.connect(self._shutdown, weak=False)
        self.app.task(self._start)

    def _make_stages(self, districts: Districts) -> dict[str, Stage]:
        s, locator, cells = self.settings, self._locator, self._cells
        district = lru_cache(_PLACES)(districts.of)  # of alerts, at each look at what stands on MQTT

        async def open_fleet(claim: Claim) -> Fold:
            rows = await self._store.vehicles(claim.partition)
            await asyncio.to_thread(self._reloader.fleet.learn, map(locate.to_hex, set(rows["cell"])))
            return FleetState(self._reloader.fleet, cells, claim.restored, rows)

        async def open_sensing(claim: Claim) -> Fold:
            rows = await self._store.sensors(claim.partition)
            return await asyncio.to_thread(SensingState, sensing_config(s), locator, claim.restored, rows)

        async def open_requests(claim: Claim) -> Fold:
            config = requests_config(s)
            alive = needed(claim.restored.parts, config.forget_request_ms, config.amend_horizon_ms)
            rows = await self._store.requests(claim.partition, *alive)
            return await asyncio.to_thread(RequestsState, config, locator, districts, claim.restored, rows)

        async def open_grid(claim: Claim) -> Fold:
            return GridState(grid_config(s), locate.geometry_row, claim.restored)

        async def open_incidents(claim: Claim) -> Fold:
            return incidents_fold(s, self._reloader.policy, claim.restored, district)

        async def open_rejects(claim: Claim) -> Fold:
            return RejectsState(claim.restored)

        opens: dict[str, Callable[[Claim], Awaitable[Fold]]] = {
            "fleet": open_fleet,
            "sensing": open_sensing,
            "requests": open_requests,
            "grid": open_grid,
            "incidents": open_incidents,
            "rejects": open_rejects,
        }
        stages = [self._stage(name, opens[name]) for name in opens if name in s.stage_names]
        return {stage.topic: stage for stage in stages}

    def _stage(self, name: str, open_fold: Callable[[Claim], Awaitable[Fold]]) -> Stage:
        return Stage(
            name,
            topics.READ_BY[name],
            open_fold=open_fold,
            store=self._store,
            publisher=Publisher(
                self.app,
                self._mqtt,
                self._confirming,
                source=f"urbanbrain/{self.settings.worker_id}",
                stage=name,
                partitions=self._partitions,
            ),
            settings=self.settings,
            logs=self._logs,
            fatal=self._fatal,
            upkeep=self._upkeep if name == _BOARD_STAGE else None,
            has_unread=lambda tp, applied: cast(FetchWaitConsumer, self.app.consumer).has_unread(tp, applied),
            partitions=self._partitions[topics.READ_BY[name]],
            waiting=self._waiting,
        )

    def _add_agent(self, stage: Stage) -> None:
        topic = self.app.topic(stage.topic, value_type=bytes, key_type=bytes, value_serializer="raw")
        self.app.agent(topic, name=f"urbanbrain.{stage.name}", concurrency=1)(stage.consume)

    async def _start(self) -> None:
        self._mqtt.start()
        hearing = Hearing(
            self.settings.kafka_bootstrap, cast(FetchWaitConsumer, self.app.consumer).answered_at
        )
        for stage in self._stages.values():
            self._run(stage.run())
            self._run(stage.look_after())
            self._run(stage.show_life(hearing.hears))
        self._run(forget_old_rows(self.settings))
        self._run(self._reloader.follow(self._stages.values()))
        self._run(self._watch_logs())

    async def _watch_logs(self) -> None:
        """End this worker once a topic is another log, or gone; a task of the worker."""
        while True:
            await asyncio.sleep(_LOOK_AT_LOGS_S)
            with suppress(ServiceUnavailable):  # whoever needs Kafka says so
                await self._logs.check()

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
        self._ending = True
        if self.failure is None:
            closing = [stage.close(_HANDOVER_TIMEOUT_S) for stage in self._stages.values()]
            # Where one fails, the others are closed, and MQTT and the database are left, all the same.
            for error in await asyncio.gather(*closing, return_exceptions=True):
                if isinstance(error, Exception):
                    self._fatal(error)
        self._mqtt.stop()
        with suppress(TimeoutError):  # others may wait for a database that hangs
            await asyncio.wait_for(self._store.__aexit__(None, None, None), _CLOSE_S)

    def _fatal(self, error: Exception) -> None:
        """End this worker; its supervisor starts another, which loads the checkpoints.

        Who still waited for a service when the end was asked for just ends.
        """
        if self.failure is None and not (self._ending and isinstance(error, ServiceUnavailable)):
            self.failure = error
            known = isinstance(error, UrbanBrainError)  # its line says it all
            log.error("the worker ends: %s", error, exc_info=None if known else error)
            for name in _SAY_THE_SAME:
                logging.getLogger(name).disabled = True
            self._run(self.app.crash(error))


def _credentials(login: KafkaLogin) -> faust.SSLCredentials | faust.SASLCredentials | None:
    if login.mechanism is not None:
        return faust.SASLCredentials(
            mechanism=login.mechanism,
            username=login.username,
            password=login.password,
            ssl_context=login.tls,
        )
    return None if login.tls is None else faust.SSLCredentials(login.tls)


def _faust_app(settings: Settings, login: KafkaLogin) -> faust.App:
    options: dict[str, Any] = {}
    if settings.kafka_flavor == "tansu":  # its JoinGroup waits half the session timeout
        options |= {"broker_session_timeout": 6.0, "broker_heartbeat_interval": 1.0}
    app = faust.App(
        settings.consumer_group,
        broker_credentials=_credentials(login),
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
        producer_max_request_size=topics.LARGEST_RECORD,
        broker_max_poll_records=500,
        broker_check_crcs=settings.kafka_check_crcs,
        stream_buffer_maxsize=4096,
        stream_wait_empty=False,
        **options,
    )
    transport = FetchWaitTransport(url=[*app.conf.broker], app=app, loop=None)
    transport.fetch_wait_ms = settings.kafka_fetch_wait_ms
    transport.leaders_fall_silent = transport.hides_records = settings.kafka_flavor == "tansu"
    app.transport = transport
    return app
