"""The incidents fold: live cells and closed windows of metrics in; alerts out, to Kafka, MQTT and the tables."""

from collections.abc import Iterator

import msgspec

from schemas.alerts import Alert
from schemas.cells import CellsNow
from streams.fold.contract import Changes, Output, Record, Restored
from streams.fold.outlines import District, Geometry, no_district
from streams.fold.refusals import refusal
from streams.fold.stored import check_names, reading
from streams.incidents.anomaly.book import AnomalyBook
from streams.incidents.anomaly.series import AnomalyConfig
from streams.incidents.book import Book, SilentIn
from streams.incidents.cells import CellBook, Centre, Follower
from streams.incidents.check_numbers import problem_of_numbers
from streams.incidents.counts.book import CountBook, CountConfig
from streams.incidents.counts.edges import EdgeBook
from streams.incidents.damping import NEVER, Damper, FlapConfig
from streams.incidents.forecast.book import ForecastBook
from streams.incidents.forecast.watch import ForecastRule
from streams.incidents.grouping.incident import GroupConfig
from streams.incidents.grouping.open_incidents import OpenIncidents
from streams.incidents.health.book import HealthBook
from streams.incidents.health.config import HealthConfig
from streams.incidents.hotspot.book import HotSpotBook
from streams.incidents.hotspot.rule import HotSpotRule
from streams.incidents.hotspot.scan import Rings
from streams.incidents.joint.book import JointBook, JointConfig
from streams.incidents.lifecycle import Place
from streams.incidents.messages import decoder, time_of, times_of_others
from streams.incidents.open_alerts import OpenAlerts
from streams.incidents.owners import Owners
from streams.incidents.policy import Policy
from streams.incidents.showing import Seen, Showing, Waiting
from streams.incidents.speeds.book import SpeedBook, SpeedConfig
from streams.incidents.stays.book import StayBook, StayConfig
from streams.incidents.stays.ground import count_ground_version, ground_version
from streams.incidents.telling import outlines, rows
from streams.incidents.thresholds.book import ThresholdBook
from streams.incidents.trips.book import TripBook, TripConfig
from streams.incidents.vehicles.book import VehicleBook
from streams.incidents.vehicles.config import VehiclesConfig

STAGE = "incidents"


class IncidentsState:
    """Fold over one partition of ub.cells: a book for each family of conditions, asked in order."""

    def __init__(
        self,
        policy: Policy,
        centre: Centre,
        restored: Restored,
        anomalies: AnomalyConfig | None = None,
        groups: GroupConfig | None = None,
        flaps: FlapConfig = NEVER,
        *,
        forecast: ForecastRule | None = None,
        health: HealthConfig | None = None,
        hot_spots: tuple[HotSpotRule, Rings] | None = None,
        vehicles: VehiclesConfig | None = None,
        joint: JointConfig | None = None,
        speeding_quiet_ms: int = 120_000,
        silent: SilentIn | None = None,
        geometry: Geometry | None = None,
        district: District = no_district,
    ) -> None:
        """A family of alerts that is None (`anomalies`, `forecast`, `hot_spots`, `vehicles`, `joint`, `health`) is off.

        Without `groups` alerts are not grouped into incidents. Parts of a checkpoint that belong to a family that is
        off are kept unchanged.

        `speeding_quiet_ms`: an alert of speeding ends when the vehicle was not too fast for so long.
        `silent`: of which operators nothing is heard in a region; with `health` that is known here.
        `geometry`: the outline of a cell; without it, outlines of the cells of alerts are not stored.
        `district`: the district of a place, by which an alert can be read on MQTT.
        """
        self._policy = policy
        self._centre = centre
        self._geometry = geometry
        self._generation = restored.generation
        self._owners = Owners()
        self._open = OpenAlerts(district)
        self._events: list[Alert] = []
        self._to_tell: list[Output] = []
        self._newest = 0
        self._places: dict[str, Place] = {}
        """Places of cells without counts of vehicles. One may have thousands of alerts; finding its zone is slow."""
        health_book = None if health is None else HealthBook(health, self._place)
        if health_book is not None:
            silent = health_book.silent_operators
        self._counts = CountBook(_count_config(policy), silent, self._stands_by_other_areas)
        self._edges = EdgeBook(self._counts)
        self._trips = TripBook(_trip_config(policy), silent)
        followers: list[Follower] = [self._counts, self._trips]
        if health_book is not None:
            followers.append(health_book)
        self._cells = CellBook(policy, centre, followers)
        self._thresholds = ThresholdBook(policy.thresholds, self._place)
        self._stays = StayBook(_stay_config(policy), self._place)
        self._speeding_quiet_ms = speeding_quiet_ms
        self._speeds = SpeedBook(self._speed_config(policy), self._place)
        self._forecast = None if forecast is None else ForecastBook(forecast, policy, centre)
        books: dict[str, Book | None] = {  # asked in this order; checkpoints have their parts by these names
            "cell": self._cells,
            "health": health_book,  # before the rules: who is silent is not too few
            "edge": self._edges,
            "count": self._counts,
            "trips": self._trips,
            "threshold": self._thresholds,
            "anomaly": None if anomalies is None else AnomalyBook(anomalies, self._place),
            "stay": self._stays,
            "speed": self._speeds,
            "vehicle": None if vehicles is None else VehicleBook(vehicles, self._place),
            "forecast": self._forecast,
            "hot_spot": None if hot_spots is None else HotSpotBook(hot_spots[0], self._place, hot_spots[1]),
            "joint": None if joint is None else JointBook(joint, self._place),
        }
        check_names(STAGE, restored.parts, {*books, "owner", "flap", "incident"})
        self._books = {about: book for about, book in books.items() if book is not None}
        self._incidents = None if groups is None else OpenIncidents(groups)
        self._damper = Damper(flaps, self._counts.is_elsewhere)
        self._restore(restored)

    def _restore(self, restored: Restored) -> None:
        alerts = []
        for name, data in restored.parts.items():
            with reading(STAGE, name):
                alerts += self._restore_part(name, data)
        for alert in self._damper.open_alerts(alerts):
            self._open.keep(alert)
        if self._incidents is not None:
            with reading(STAGE, "incident"):
                self._incidents.restore(restored.parts, self._open.all())

    def _restore_part(self, name: str, data: bytes) -> list[Alert]:
        """Put one part back where it belongs; returns the alert that is open in it."""
        about, _, subject = name.partition("/")
        if about == "owner":
            self._owners.restore(subject, data)
        elif about == "flap":
            self._damper.restore(subject, data)
        elif about in self._books:
            alert = self._books[about].restore(subject, data)
            return [] if alert is None else [alert]
        return []

    @property
    def reached(self) -> int:
        """The newest event time that was folded, milliseconds."""
        return self._newest

    def take_policy(self, policy: Policy) -> None:
        """Go by another policy from the next record on."""
        self._policy = policy
        self._places.clear()
        self._cells.take(policy)
        if self._forecast is not None:
            self._forecast.take(policy)
        self._counts.take(_count_config(policy))
        self._stays.take(_stay_config(policy))
        self._speeds.take(self._speed_config(policy))
        self._trips.take(_trip_config(policy))
        self._thresholds.take(policy.thresholds)

    def version(self, alert: Alert) -> str | None:
        """Return the version of what would judge an alert's subject now; None where nothing would."""
        shown = (book.version(alert) for book in self._books.values() if isinstance(book, Showing))
        return next(filter(None, shown), None)

    def seen(self, alert: Alert) -> Seen | None:
        """Return what is known of an alert's subject now; None where nothing is, or its book does not say."""
        shown = (book.seen(alert) for book in self._books.values() if isinstance(book, Showing))
        return next(filter(None, shown), None)

    def waiting(self, region: str) -> Iterator[Waiting]:
        """Yield which capacities and rules on numbers are broken in a region, not yet for long enough for an alert."""
        yield from self._cells.waiting(region)
        yield from self._counts.waiting(region)

    def apply(self, record: Record) -> None:
        """Fold one record of ub.cells in."""
        try:
            message = decoder.decode(record.value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._refuse(record, str(error))
            return
        problem = problem_of_numbers(message) or next(
            filter(None, (book.problem(message) for book in self._books.values())), ""
        )
        if problem:
            self._refuse(record, problem)
            return
        if self._owners.is_former(message):
            return
        if isinstance(message, CellsNow):
            self._newest = max(self._newest, message.as_of)
        found = [event for book in self._books.values() for event in book.apply(message, record)]
        # No time passes before the rest of a look has come: it may open again what would count as quiet.
        clock = None if isinstance(message, CellsNow) and message.more else time_of(message)
        events = list(self._damper.pass_on(found, type(message).__name__, clock, record))
        for kind, now in times_of_others(message):
            events += self._damper.go_on(message.region, kind.__name__, now, record)
        self._to_tell += [self._open.tell(event) for event in events]
        self._events += events
        if self._incidents is not None:
            self._to_tell += self._incidents.apply(events, clock, record.offset)

    def _refuse(self, record: Record, problem: str) -> None:
        self._to_tell.append(refusal(STAGE, self._generation, record, "bad_frame", problem))

    def _place(self, cell: str) -> Place:
        place = self._places.get(cell) or self._cells.place(cell)
        if place is None:
            lat, lon = self._centre(int(cell, 16))
            place = self._places[cell] = Place(lat, lon, self._policy.rule_at(lat, lon).zone)
        return place

    def _stands_by_other_areas(self, region: str, ground: str) -> bool:
        """Ask the edges, which are made after the rules that ask."""
        return self._edges.stands_by_other_areas(region, ground)

    def _speed_config(self, policy: Policy) -> SpeedConfig:
        return SpeedConfig(policy.speeds, policy.name, policy.time_zone, self._speeding_quiet_ms)

    def idle(self, wall_ms: int) -> None:
        """Only event time decides here."""

    def take_outputs(self, *, at_checkpoint: bool) -> list[Output]:
        """Return the alerts to announce."""
        out, self._to_tell = self._to_tell, []
        return out

    def retained(self) -> dict[str, list[bytes]]:
        """Return what ought to stand retained on MQTT, by topic: see Retaining."""
        return self._open.retained() | (self._incidents.retained() if self._incidents is not None else {})

    def take_changes(self) -> Changes:
        """Return alert rows and the parts of the books that changed."""
        changes = Changes()
        for about, book in self._books.items():
            changes.parts.update({f"{about}/{name}": part for name, part in book.take_parts().items()})
        changes.parts.update({f"owner/{name}": part for name, part in self._owners.take_parts().items()})
        changes.parts.update({f"flap/{name}": part for name, part in self._damper.take_parts().items()})
        changes.rows += rows(self._events)
        if self._geometry is not None:
            changes.rows += outlines(self._events, self._geometry)
        self._events = []
        if self._incidents is not None:
            changes.parts.update(self._incidents.take_parts())
            changes.rows += self._incidents.take_rows()
        return changes


def _count_config(policy: Policy) -> CountConfig:
    return CountConfig(
        policy.counts,
        policy.name,
        policy.time_zone,
        policy.default.min_duration_ms,
        count_ground_version(policy),
    )


def _trip_config(policy: Policy) -> TripConfig:
    return TripConfig(policy.trips, policy.name)


def _stay_config(policy: Policy) -> StayConfig:
    return StayConfig(policy.stays, policy.name, policy.time_zone, ground_version(policy))
