"""Who takes part: each contestant with its size, how often it runs, and what it counts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench import fleet, floor, gateway, latency, parts, scaling
from tests.bench.citizens import Hotline
from tests.bench.sensors import Network
from tests.bench.services import Services
from tests.bench.workload import Workload

PEERS = Path(__file__).resolve().parents[2] / ".venv-peers" / "bin" / "python"
"""The Python of other stream processors; `make bench-peers` makes it."""

Figures = dict[str, Any]
Run = Callable[[Services], Figures]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large everything is. `base` is the fleet's workload, to which shape and restlessness are added.

    Its H3 resolution is that of all parts but the latency of the whole road.
    """

    base: Workload = field(default_factory=Workload)
    network: Network = field(default_factory=Network)
    hotline: Hotline = field(default_factory=Hotline)
    vanilla: int = 40_000
    quix: int = 100_000
    single: int = 240_000
    bare: int = 120_000
    """Messages that paho alone receives; it takes four times as long for each."""
    known: int = 40_000
    """Messages that a gateway takes in before the clock starts: two of each vehicle."""
    paced_per_s: int = 25_000
    """Messages that a gateway gets where it need not hurry."""
    arrays: int = 300_000
    array: int = 500
    partials: int = 400
    cells: int = 5_000
    cells_a_record: int = 500
    dirty: int = 5_000
    detection: int = 600
    storm: int = 8_000
    rows: int = 60_000
    batch: int = 10_000
    vehicles: int = 1_000_000
    scaling_readings: int = 2_000_000
    """Of a lap, about: a multiple of the fleet's vehicles."""
    fleets: tuple[int, ...] = (20_000, 200_000, 1_000_000)
    workers: tuple[int, ...] = (1, 2)
    simulated: int = 20_000
    simulated_s: int = 1_800
    simulated_large: int = 1_000_000
    simulated_large_s: int = 60
    rates: tuple[int, ...] = (1_000, 10_000)
    probes: int = 200
    fetch_waits: tuple[int, ...] = (5, 100)
    fetch_probes: int = 80
    probes_at_highest_rate: int = 600
    """Over a whole minute, in which windows close and the rows of all cells are told."""
    probes_per_s: float = 10.0


TINY = Sizes(
    base=Workload(readings=4_000, vehicles=1_000),
    network=Network(readings=4_000, sensors=50),
    hotline=Hotline(events=2_000),
    vanilla=2_000,
    quix=2_000,
    single=1_000,
    bare=1_000,
    known=100,
    paced_per_s=1_000,
    arrays=2_000,
    array=100,
    partials=20,
    cells=300,
    cells_a_record=50,
    dirty=400,
    detection=20,
    storm=100,
    rows=500,
    batch=100,
    vehicles=4_000,
    scaling_readings=2_000,
    fleets=(1_000, 2_000),
    workers=(1,),
    simulated=300,
    simulated_s=60,
    simulated_large=600,
    simulated_large_s=30,
    rates=(200,),
    probes=4,
    probes_at_highest_rate=4,
    fetch_waits=(),
)
"""Enough to see that everything runs; no figure of it means anything."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """`unit` is what `readings_per_s` counts; a contestant that takes long, or medians of its own, runs once.

    `package`: the stream processor that it is, in the environment PEERS; it runs where it is asked for.
    """

    key: str
    unit: str
    run: Run
    once: bool = False
    package: str | None = None


def groups(sizes: Sizes) -> tuple[tuple[Contestant, ...], ...]:
    """Return the contestants; those of a group are compared with each other and take turns."""
    columns = sizes.base
    rows, restless = replace(columns, shape="rows"), replace(columns, restless=True)
    vanilla = columns.of(sizes.vanilla)
    return (
        (
            Contestant("fleet", "readings", lambda s: fleet.run(s, columns)),
            Contestant("floor", "readings", lambda s: floor.floor(s, columns)),
            *_peers(sizes, columns),
        ),
        (
            Contestant("fleet_rows", "readings", lambda s: fleet.run(s, rows)),
            Contestant("floor_rows", "readings", lambda s: floor.floor(s, rows)),
            *_peers(sizes, rows, "_rows"),
        ),
        (
            Contestant("fleet_adversarial", "readings", lambda s: fleet.run(s, restless)),
            Contestant("floor_adversarial", "readings", lambda s: floor.floor(s, restless)),
        ),
        (Contestant("vanilla_faust", "readings", lambda s: floor.vanilla_faust(s, vanilla)),),
        *_gateways(sizes),
        *_parts(sizes),
        (Contestant("scaling", "readings", lambda s: _scaling(s, sizes), once=True),),
        (Contestant("latency", "readings", lambda s: _latency(s, sizes), once=True),),
    )


def _peers(sizes: Sizes, workload: Workload, suffix: str = "") -> Iterator[Contestant]:
    """Yield the stream processors that do the fleet's job on this workload; the slow one on fewer readings."""
    few = workload.of(sizes.quix)
    for name, package, some in (
        ("bytewax", "bytewax", workload),
        ("pathway", "pathway", workload),
        ("quix", "quixstreams", few),
    ):
        work = partial(floor.peer, workload=some, name=name, python=PEERS)
        yield Contestant(f"{name}{suffix}", "readings", work, package=package)


def _gateways(sizes: Sizes) -> tuple[tuple[Contestant, ...], ...]:
    def single(services: Services, gateways: int) -> Figures:
        sent = gateway.messages(sizes.single, sizes.base.vehicles, 1)
        return gateway.run_gateway(services, sent, sizes.single, gateways=gateways, known=sizes.known)

    def paced(services: Services, gateways: int) -> Figures:
        readings = sizes.single // 2 * gateways
        sent = gateway.messages(sizes.single, sizes.base.vehicles, 1)[:readings]
        rate = {"per_s": sizes.paced_per_s, "known": sizes.known}
        return gateway.run_gateway(services, sent, readings, gateways=gateways, **rate)

    def array(services: Services) -> Figures:
        sent = gateway.messages(sizes.arrays, sizes.base.vehicles, sizes.array)
        return gateway.run_gateway(services, sent, sizes.arrays)

    def paho(services: Services) -> Figures:
        sent = gateway.messages(sizes.single, sizes.base.vehicles, 1)
        return gateway.run_paho(services, sent[: sizes.bare], known=sizes.known)

    return (
        (
            Contestant("bare_paho", "messages", paho),
            Contestant("gateway_single", "messages", lambda s: single(s, 1)),
            Contestant("gateway_two", "messages", lambda s: single(s, 2)),
        ),
        (
            Contestant("gateway_paced", "messages", lambda s: paced(s, 1)),
            Contestant("gateway_two_paced", "messages", lambda s: paced(s, 2)),
        ),
        (Contestant("gateway_array", "readings", array),),
    )


def _parts(sizes: Sizes) -> tuple[tuple[Contestant, ...], ...]:
    def grid(services: Services) -> Figures:
        size = {"size": sizes.cells_a_record, "cells": sizes.cells, "dirty": sizes.dirty}
        return parts.grid(services, partials=sizes.partials, resolution=sizes.base.resolution, **size)

    def detection(services: Services) -> Figures:
        size = {"size": sizes.cells_a_record, "cells": sizes.cells, "resolution": sizes.base.resolution}
        return parts.detection(services, messages=sizes.detection, **size)

    def store(services: Services, plain: bool) -> Figures:
        return parts.store(services, rows=sizes.rows, size=sizes.batch, plain=plain)

    def simulator(services: Services) -> Figures:
        size = {"bikes": sizes.simulated, "seconds": sizes.simulated_s}
        return parts.simulator(services, array=sizes.array, **size)

    def simulator_large(services: Services) -> Figures:
        size = {"bikes": sizes.simulated_large, "seconds": sizes.simulated_large_s}
        return parts.simulator(services, array=sizes.array, **size)

    return (
        (Contestant("sensing", "readings", lambda s: parts.sensing(s, sizes.network)),),
        (Contestant("requests", "events", lambda s: parts.requests(s, sizes.hotline)),),
        (Contestant("grid", "partial cells", grid),),
        (Contestant("detection", "cell updates", detection),),
        (Contestant("told", "alerts", lambda s: parts.told(s, alerts=sizes.storm)),),
        (
            Contestant("store", "rows", lambda s: store(s, plain=False)),
            Contestant("raw_copy", "rows", lambda s: store(s, plain=True)),
        ),
        (
            Contestant(
                "restore", "vehicles", lambda s: parts.restore(s, vehicles=sizes.vehicles, runs=3), once=True
            ),
        ),
        (Contestant("simulator", "readings", simulator),),
        (Contestant("simulator_large", "readings", simulator_large, once=True),),
        (Contestant("memory", "readings", lambda s: parts.memory(s, vehicles=sizes.vehicles), once=True),),
    )


def _scaling(services: Services, sizes: Sizes) -> Figures:
    return scaling.run(
        services,
        base=sizes.base,
        readings=sizes.scaling_readings,
        fleets=sizes.fleets,
        workers=sizes.workers,
    )


def _latency(services: Services, sizes: Sizes) -> Figures:
    """Return the latency at each rate, the last of them on top, and what Kafka's fetch wait adds at the first."""
    probes = dict.fromkeys(sizes.rates, sizes.probes) | {max(sizes.rates): sizes.probes_at_highest_rate}
    by_rate = {
        str(rate): latency.run(services, rate=rate, probes=probes[rate], per_second=sizes.probes_per_s)
        for rate in sizes.rates
    }
    waits = [
        latency.run(
            services,
            rate=sizes.rates[0],
            probes=sizes.fetch_probes,
            per_second=sizes.probes_per_s,
            fetch_wait_ms=wait,
        )
        for wait in sizes.fetch_waits
    ]
    every = [*by_rate.values(), *waits]
    default = by_rate[str(sizes.rates[0])]
    return {
        **{name: every[len(by_rate) - 1][name] for name in ("readings_per_s", "cpu_s_per_million")},
        "compared": sum(one["compared"] for one in every),
        "wrong": sum(one["wrong"] for one in every),
        "buckets_ms": latency.BUCKETS_MS,
        "by_rate": by_rate,
        "by_fetch_wait_ms": {
            str(one["fetch_wait_ms"]): one
            for one in sorted([default, *waits], key=lambda one: one["fetch_wait_ms"])
        },
    }
