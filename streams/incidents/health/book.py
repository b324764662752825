"""The health of all sensors and feeds of one partition of ub.cells."""

from collections.abc import Callable, Iterator

import msgspec

from schemas.alerts import Alert, AlertKind
from schemas.cells import CellsHealth
from streams.fold.contract import Record
from streams.incidents.book import Message
from streams.incidents.check_columns import CellNames
from streams.incidents.counts.rules import ByOperator, Counts
from streams.incidents.health.cases import Cases
from streams.incidents.health.config import HealthConfig
from streams.incidents.health.feeds import Feed, SavedFeed
from streams.incidents.health.findings import REQUESTS, VEHICLES
from streams.incidents.health.operators import Operators
from streams.incidents.health.region import OF_SENSORS, Sensors
from streams.incidents.health.request_feed import RequestFeed
from streams.incidents.health.sensors import SavedSensor, Sensor
from streams.incidents.lifecycle import Place
from streams.incidents.messages import Requests, Windows
from streams.incidents.showing import Seen


class _Clocks(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Event times to which sensors, vehicles and requests were judged: they do not go back."""

    sensors: int = 0
    fleet: int = 0
    requests: int = 0


_clocks = msgspec.msgpack.Decoder(_Clocks)
_sensor = msgspec.msgpack.Decoder(SavedSensor)
_feed = msgspec.msgpack.Decoder(int | SavedFeed)
"""Earlier versions saved `awake_ms` alone."""
_encode = msgspec.msgpack.Encoder().encode


class _Region:
    """All of one region."""

    def __init__(self, name: str, config: HealthConfig, cases: Cases, place: Callable[[str], Place]) -> None:
        self.clocks = self.saved_clocks = _Clocks()
        self.sensors = Sensors(name, config, cases, place)
        self.operators = Operators(name, config, cases)
        self.requests = RequestFeed(name, config, cases)
        self.cells: list[ByOperator] = []
        """Vehicles by operator, of each cell; kept by others."""
        self._contactable: dict[str, int] = {}

    def has_left(self, operator: str) -> bool:
        """Return whether an operator had vehicles here and has none left of which anything is to be heard."""
        return self._contactable_of(operator) == 0

    def move(self, operator: str, before: Counts, after: Counts) -> None:
        """Hear that its counts in a cell are about to change."""
        were = self._contactable_of(operator) or 0
        self._contactable[operator] = were + sum(after[:-1]) - sum(before[:-1])
        if were and not self._contactable[operator]:
            self.operators.leave(operator)

    def _contactable_of(self, operator: str) -> int | None:
        """Return how many of its vehicles something is to be heard of; None where it never had one here."""
        if operator not in self._contactable:
            known = [counts[operator] for counts in self.cells if operator in counts]
            if not known:
                return None
            self._contactable[operator] = sum(sum(counts[:-1]) for counts in known)
        return self._contactable[operator]


class HealthBook:
    """Who is silent, stuck or broken, by region."""

    def __init__(self, config: HealthConfig, place: Callable[[str], Place]) -> None:
        """`place` says where a cell is; it raises ValueError where the name is no cell."""
        self._config = config
        self._place, self._names = place, CellNames(place)
        self._cases = Cases(place, config.version)
        self._regions: dict[str, _Region] = {}
        self._restored: set[str] = set()

    def meet(self, region: str, _cell: str, counts: ByOperator) -> None:
        """Hear of a cell; `counts` is the map, by operator, that its counts are kept in from now on."""
        self._at(region).cells.append(counts)

    def move(self, region: str, cell: str, operator: str, before: Counts, after: Counts) -> None:
        """Hear that the counts of an operator in a cell are about to change."""
        self._at(region).move(operator, before, after)

    def silent_operators(self, region: str) -> set[str]:
        """Return the operators of whose vehicles nothing is heard in a region."""
        found = self._regions.get(region)
        return found.operators.silent if found is not None else set()

    def problem(self, message: Message) -> str:
        """Return what makes a message unusable, or nothing."""
        if isinstance(message, Windows | Requests):
            return self._names.problem(message.rows)
        if isinstance(message, CellsHealth) and message.sensors is not None:
            return self._names.problem(message.sensors)
        return ""

    def apply(self, message: Message, record: Record) -> Iterator[Alert]:
        """Take a message in; yields the events of alerts."""
        if isinstance(message, Windows):
            self._region(message.region).operators.hear(message)
        elif isinstance(message, Requests):
            region = self._region(message.region)
            region.requests.hear(message, region.clocks.requests)
        elif isinstance(message, CellsHealth):
            region = self._region(message.region)
            clock = max(region.clocks.sensors, message.as_of)
            yield from region.sensors.put(message, clock, record)
            yield from self._judge(region, clock, message.fleet_as_of, message.requests_as_of or 0, record)

    def _judge(
        self, region: _Region, sensors: int, fleet: int, requests: int, record: Record
    ) -> Iterator[Alert]:
        before = region.clocks
        # While none of them is known theirs is the clock of others, and what they say first may be older.
        sensors = sensors if region.sensors.known else before.sensors
        fleet = fleet if region.operators.known else before.fleet
        now = region.clocks = _Clocks(
            max(before.sensors, sensors), max(before.fleet, fleet), max(before.requests, requests)
        )
        yield from region.sensors.judge(now.sensors, record)
        yield from region.operators.judge(now.fleet, region.has_left, record)
        yield from region.requests.judge(before.requests, now.requests, record)

    def _region(self, name: str) -> _Region:
        region = self._at(name)
        if name in self._restored:
            self._restored.discard(name)
            region.sensors.settle()
        return region

    def _at(self, name: str) -> _Region:
        region = self._regions.get(name)
        if region is None:
            region = self._regions[name] = _Region(name, self._config, self._cases, self._place)
        return region

    def version(self, alert: Alert) -> str | None:
        """Return the version of what decides on health; None for other kinds of alerts."""
        return self._config.version if alert.kind in (*OF_SENSORS, "feed_silent") else None

    def seen(self, alert: Alert) -> Seen | None:
        """Return what is known of the sensor, owner or operator that an alert is about; None where nothing is."""
        region, health = self._regions.get(alert.region), alert.evidence.health
        if region is None or health is None or self.version(alert) is None:
            return None
        if alert.kind == "feed_silent" and health.feed == VEHICLES:
            return region.operators.seen(alert.subject or "")
        if alert.kind == "feed_silent" and health.feed == REQUESTS:
            return region.requests.seen()
        return region.sensors.seen(alert)

    def take_parts(self) -> dict[str, bytes | None]:
        """Return what changed since the last call, by name; None: it is deleted."""
        parts: dict[str, bytes | None] = {f"case/{name}": data for name, data in self._cases.take_parts()}
        for name, region in self._regions.items():
            sensors = region.sensors
            for sensor_id in sorted(sensors.unsaved_sensors):
                sensor = sensors.known.get(sensor_id)
                saved = None if sensor is None else SavedSensor(sensor.owner, sensor.cell, sensor.series)
                parts[f"sensor/{name}/{sensor_id}"] = None if saved is None else _encode(saved)
            for owner in sorted(sensors.unsaved_owners):
                feed = sensors.owners[owner]
                parts[f"owner/{name}/{owner}"] = _encode(
                    SavedFeed(feed.awake_ms, feed.asleep_ms, feed.missing)
                )
            sensors.unsaved_sensors.clear()
            sensors.unsaved_owners.clear()
            parts |= dict(sensors.drifts.take_parts())
            parts |= {f"operator/{name}/{key}": data for key, data in region.operators.take_parts()}
            requests = region.requests.take_part()
            if requests is not None:
                parts[f"requests/{name}/"] = requests
            if region.clocks != region.saved_clocks:
                region.saved_clocks = region.clocks
                parts[f"clocks/{name}/"] = _encode(region.clocks)
        return parts

    def restore(self, name: str, data: bytes) -> Alert | None:
        """Take back a part; returns the alert in it that is open."""
        what, _, rest = name.partition("/")
        if what == "case":
            return self._restore_case(rest, data)
        where, _, subject = rest.rpartition("/")
        region = self._at(where)
        self._restored.add(where)
        if what == "sensor":
            saved = _sensor.decode(data)
            region.sensors.restore(subject, Sensor(saved.owner, saved.cell, saved.series))
        elif what == "owner":
            known = _feed.decode(data)
            awake, asleep, missing = (
                (known, 0, {}) if isinstance(known, int) else (known.awake_ms, known.asleep_ms, known.missing)
            )
            region.sensors.owners[subject] = Feed(missing=missing, asleep_ms=asleep, awake_ms=awake)
        elif what == "operator":
            region.operators.restore(subject, data)
        elif what == "requests":
            region.requests.restore(data)
        elif what == "means":
            region.sensors.drifts.restore_means(subject, data)
        elif what == "trail":
            region.sensors.drifts.restore_trail(subject, data)
        elif what == "clocks":
            region.clocks = region.saved_clocks = _clocks.decode(data)
        return None

    def _restore_case(self, name: str, data: bytes) -> Alert | None:
        kind, _, rest = name.partition("/")
        where, _, subject = rest.rpartition("/")
        alert = self._cases.restore((msgspec.convert(kind, AlertKind), where, subject), data)
        feed, _, operator = subject.partition(":")
        if alert is not None and feed == VEHICLES:
            region = self._at(where)
            region.operators.restore_silence(operator)
        return alert
