"""Who publishes probes and sees what becomes of them. Times are seconds since the epoch, all of one machine."""

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import h3.api.basic_int as h3
import msgspec
import psycopg
from paho.mqtt.client import Client, MQTTMessage

from schemas.vehicles import VehiclePosition
from streams import topics
from tests.bench.receiver_child import paho_client
from tests.bench.workload import OPERATORS

PROBE_AREA = (30.60, 121.90)
"""South and west corner of a square of a quarter of a degree, sea only: no bike of the fleet is in it."""
PROBE_SIDE = 0.25
_LOOK_S = 0.005
_BACKGROUND_S = 0.01
_ANSWER_S = 10.0
_PENDING = "SELECT vehicle_id FROM ub.vehicle_state WHERE vehicle_id = ANY(%s)"


def probe_cells(count: int, resolution: int) -> list[int]:
    """Return so many cells within the area."""
    south, west = PROBE_AREA
    middle = h3.latlng_to_cell(south + PROBE_SIDE / 2, west + PROBE_SIDE / 2, resolution)
    ring = 0
    while 3 * ring * (ring + 1) + 1 < count:
        ring += 1
    return sorted(h3.grid_disk(middle, ring))[:count]


def connected(
    mqtt: tuple[str, int], client_id: str, subscribe: str | None = None, on_message: Any = None
) -> Client:
    """Return a client with its network thread running, subscribed if asked."""
    client = paho_client(client_id)
    client.max_queued_messages_set(0)
    client.max_inflight_messages_set(5_000)
    ready = threading.Event()

    def on_connect(*_: Any) -> None:
        if subscribe:
            client.subscribe(subscribe, qos=1)
        else:
            ready.set()

    client.on_connect = on_connect
    client.on_subscribe = lambda *_: ready.set()
    client.on_message = on_message
    client.connect(*mqtt)
    client.loop_start()
    if not ready.wait(_ANSWER_S):
        raise TimeoutError(f"MQTT at {mqtt[0]}:{mqtt[1]} does not answer")
    return client


def position(id_: str, lat: float, lon: float, battery: int = 50) -> VehiclePosition:
    """Return a reading of this moment."""
    return VehiclePosition(
        vehicle_id=id_, ts=time.time_ns() // 1_000_000, lat=lat, lon=lon, battery_percent=battery
    )


class Background(threading.Thread):
    """Parked bikes, `rate` readings a second in arrays, a hundred messages a second."""

    def __init__(self, mqtt: tuple[str, int], rate: int, vehicles: int) -> None:
        super().__init__(name="background", daemon=True)
        self._client = connected(mqtt, "bench-background")
        self._size = max(1, int(rate * _BACKGROUND_S))
        self._vehicles = vehicles
        self._stop = threading.Event()
        self.published = 0

    def _array(self, number: int) -> tuple[str, bytes]:
        operator = number % len(OPERATORS)
        first = number // len(OPERATORS) * self._size
        readings = []
        for index in range(first, first + self._size):
            vehicle = index % (self._vehicles // len(OPERATORS))
            lat, lon = 31.10 + vehicle % 97 * 0.0025, 121.45 + vehicle % 89 * 0.0033
            readings.append(position(f"{OPERATORS[operator]}-{vehicle:06d}", lat, lon))
        return topics.positions_topic(OPERATORS[operator]), msgspec.json.encode(readings)

    def run(self) -> None:
        """Publish until stopped; what was late is caught up."""
        begin, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, begin + number * _BACKGROUND_S - time.monotonic())):
            topic, payload = self._array(number)
            self._client.publish(topic, payload, qos=1)
            self.published += self._size
            number += 1

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self.join()
        self._client.disconnect()
        self._client.loop_stop()


class Taps:
    """Sees alerts on MQTT and rows in the database."""

    def __init__(self, mqtt: tuple[str, int], url: str) -> None:
        self.alerts: dict[str, float] = {}
        """By cell (hex): when the alert arrived."""
        self.rows: dict[str, float] = {}
        """By vehicle: when its row was first seen; up to 5 ms after it was committed."""
        self._pending: set[str] = set()
        self._url = url
        self._client = connected(mqtt, "bench-alerts", f"{topics.MQTT_ALERTS}/#", self._on_alert)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, name="rows", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def expect(self, vehicle: str) -> None:
        """Look for the row of a vehicle from now on."""
        self._pending.add(vehicle)

    def _on_alert(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        if message.payload:
            self.alerts.setdefault(message.topic.rpartition("/")[2], time.time())

    def _look(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._stop.wait(_LOOK_S):
                waiting = list(self._pending)
                if not waiting:
                    continue
                found = [row[0] for row in connection.execute(_PENDING, (waiting,))]
                now = time.time()
                self.rows |= dict.fromkeys(found, now)
                self._pending -= set(found)


def publish_probes(
    mqtt: tuple[str, int], taps: Taps, cells: Sequence[int], per_second: float
) -> dict[str, tuple[str, float]]:
    """Send one new vehicle into each cell; returns (vehicle, when it was published) by cell (hex)."""
    client = connected(mqtt, "bench-probes")
    sent: dict[str, tuple[str, float]] = {}
    begin = time.monotonic()
    for number, cell in enumerate(cells):
        # A step that is no multiple of the ticks of gateway and worker, so that probes meet all their phases.
        time.sleep(max(0.0, begin + number * (1 / per_second + 0.00137) - time.monotonic()))
        vehicle = f"probe-{cell:x}"
        payload = msgspec.json.encode(position(vehicle, *h3.cell_to_latlng(cell)))
        taps.expect(vehicle)
        sent[f"{cell:x}"] = vehicle, time.time()
        client.publish(f"ub/v1/{OPERATORS[0]}/vehicles/{vehicle}/position", payload, qos=1)
    deadline = time.monotonic() + _ANSWER_S
    while not (sent.keys() <= taps.alerts.keys() and len(taps.rows) == len(sent)):
        if time.monotonic() > deadline:
            break  # what is missing is reported as such
        time.sleep(_LOOK_S)
    client.disconnect()
    client.loop_stop()
    return sent
