"""Where the milliseconds go: when each probe was written to each topic on its way, by the records' own times.

A frame's ce_id is the microsecond in which the gateway made it; the worker's records carry the millisecond in
which they were handed to the producer.
"""

from collections.abc import Iterable, Mapping

from schemas import codec
from schemas.cells import CellsNow
from streams import topics
from tests.bench import kafka
from tests.bench.services import REGION_PARTITIONS

HOPS = ("gateway", "fleet", "grid", "incidents", "mqtt")
"""MQTT in to frame; to partial; to cells; to alert on Kafka; to alert on MQTT. Each includes the way there."""

Moments = dict[str, float]
"""By cell (hex): seconds since the epoch."""


def hops(
    bootstrap: str, partitions: int, sent: Mapping[str, tuple[str, float]], alerts: Mapping[str, float]
) -> dict[str, list[float]]:
    """Return, for each hop, the milliseconds of every probe that came all the way."""
    published = {cell: at for cell, (_, at) in sent.items()}
    by_vehicle = {vehicle: cell for cell, (vehicle, _) in sent.items()}
    stations = [
        published,
        _frames(bootstrap, partitions, by_vehicle),
        _partials(bootstrap, sent),
        _cells(bootstrap, sent),
        _alerts(bootstrap, sent),
        dict(alerts),
    ]
    came = [cell for cell in sent if all(cell in station for station in stations)]
    return {
        name: [(after[cell] - before[cell]) * 1000 for cell in came]
        for name, before, after in zip(HOPS, stations, stations[1:], strict=False)
    }


def _frames(bootstrap: str, partitions: int, by_vehicle: Mapping[str, str]) -> Moments:
    found: Moments = {}
    for message in kafka.records(bootstrap, topics.VEHICLES, partitions):
        frame = codec.vehicle_frame.decode(message.value())
        at = int(dict(message.headers())["ce_id"]) / 1e6
        for vehicle in frame.vehicle_id:
            if vehicle in by_vehicle:
                found.setdefault(by_vehicle[vehicle], at)
    return found


def _partials(bootstrap: str, sent: Mapping[str, object]) -> Moments:
    found: Moments = {}
    for message in kafka.records(bootstrap, topics.PARTIALS, REGION_PARTITIONS):
        _note(found, sent, codec.fleet_partial.decode(message.value()).now.cell, message.timestamp()[1])
    return found


def _cells(bootstrap: str, sent: Mapping[str, object]) -> Moments:
    found: Moments = {}
    for message in kafka.records(bootstrap, topics.CELLS, REGION_PARTITIONS):
        told = codec.cells.decode(message.value())
        if isinstance(told, CellsNow):
            _note(found, sent, told.counts.cell, message.timestamp()[1])
    return found


def _alerts(bootstrap: str, sent: Mapping[str, object]) -> Moments:
    found: Moments = {}
    for message in kafka.records(bootstrap, topics.ALERTS, REGION_PARTITIONS):
        _note(found, sent, [codec.alert.decode(message.value()).cell], message.timestamp()[1])
    return found


def _note(found: Moments, wanted: Mapping[str, object], cells: Iterable[str], timestamp_ms: int) -> None:
    for cell in cells:
        if cell in wanted:
            found.setdefault(cell, timestamp_ms / 1000)
