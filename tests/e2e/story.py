"""A flood of bikes in one cell, told in three chapters; what each chapter must lead to is waited for.

bikes in the cell
40                  +----+
30      +-----------+    |                 capacity 20: raised after 60 s as major, critical at 40,
10  ----+                +-------          cleared below 16
     calm     flood  worse  drained
"""

from contextlib import ExitStack
from dataclasses import dataclass, field

import h3

from schemas import codec
from schemas.alerts import Alert, Evidence
from tests import oracle
from tests.e2e.city import City, OwnProcess, Publisher
from tests.e2e.tables import ledger, settled
from tests.e2e.taps import KafkaRecord, MqttMessage
from tests.e2e.traffic import BEGIN_MS, Reading, arrays, reading, single

CELL = h3.latlng_to_cell(31.2345, 121.5055, 9)
OTHER_CELL = sorted(h3.grid_ring(CELL, 1))[0]
_LAT, _LON = h3.cell_to_latlng(CELL)
_FLOOD = [f"flood-{number}" for number in range(40)]
_QUIET = [f"quiet-{number}" for number in range(24)]
"""Bikes that stand elsewhere and report at every step, so that event time goes on in all partitions."""
_SIGN_OF_LIFE = "sign-of-life"


@dataclass
class Story:
    """What was sent into a city, and what was seen of it from outside."""

    city: City
    readings: list[Reading] = field(default_factory=list)
    retained: dict[str, list[MqttMessage]] = field(default_factory=dict)
    """By severity while open, and "cleared": what a subscriber to alerts gets who comes only then."""
    listing: str = ""
    """What `alerts list` printed while the alert was open."""
    tails: dict[str, OwnProcess] = field(default_factory=dict)
    """Followers: of all alerts as lines, of critical ones of the cell as JSON, of another cell."""
    mqtt: list[MqttMessage] = field(default_factory=list)
    """All messages below ub/, live."""
    kafka: list[KafkaRecord] = field(default_factory=list)

    def tail(self, name: str) -> list[str]:
        """Return the lines of one follower."""
        _, *lines = self.tails[name].log.read_text().splitlines()  # the first says that it follows
        return [line for line in lines if _SIGN_OF_LIFE not in line]

    @property
    def alerts(self) -> list[MqttMessage]:
        """What went over MQTT on the alert topics."""
        mine = [m for m in self.mqtt if m.topic.startswith("ub/v1/alerts/")]
        return [m for m in mine if _SIGN_OF_LIFE.encode() not in m.payload]


def tell(city: City) -> Story:
    """Start the city's processes and tell the story."""
    story = Story(city)
    with ExitStack() as stack:
        city.start_gateway()
        tap = stack.enter_context(city.mqtt_tap("ub/#"))
        publisher = stack.enter_context(city.publisher())
        _start_followers(story, publisher)
        city.start_worker()
        _flood(story, publisher)
        story.mqtt = tap.everything()
        settled(city, oracle.batch(story.readings))
        kafka = stack.enter_context(city.kafka_tap())
        story.kafka = kafka.everything()  # what is in the tables was told before
    return story


def _start_followers(story: Story, publisher: Publisher) -> None:
    """Start them and wait until each has shown a sign of life: an alert that nobody raised."""
    options = {
        "all": (),
        "critical": ("--json", "--severity", "critical", "--cell", CELL),
        "another cell": ("--json", "--cell", OTHER_CELL),
    }
    story.tails = {name: story.city.start("tail", "alerts", "tail", *more) for name, more in options.items()}

    def all_alive() -> list[str]:
        publisher.publish([_sign_of_life(CELL), _sign_of_life(OTHER_CELL)])
        return [tail.log.read_text() for tail in story.tails.values()]

    story.city.eventually(all_alive, until=lambda logs: all(_SIGN_OF_LIFE in log for log in logs))


def _sign_of_life(cell: str) -> tuple[str, bytes]:
    alert = Alert(
        alert_id=f"{_SIGN_OF_LIFE}/{cell}",
        sequence=0,
        action="raised",
        kind="oversaturation",
        severity="critical",
        status="active",
        acknowledged=False,
        cell=cell,
        region=cell,
        zone="none",
        lat=0.0,
        lon=0.0,
        starts_at=BEGIN_MS,
        updated_at=BEGIN_MS,
        ends_at=None,
        summary=_SIGN_OF_LIFE,
        policy="none",
        policy_version="0",
        evidence=Evidence(0, 1, 1, 1, {}, "none", 0, 0),
    )
    return f"ub/v1/alerts/critical/oversaturation/{cell}", codec.encode(alert)


def _flood(story: Story, publisher: Publisher) -> None:
    city = story.city

    def say(*steps: tuple[int, int]) -> None:
        for second, bikes in steps:
            for message in _step(story, second, bikes):
                publisher.publish([message])

    say((0, 10), (10, 10))
    city.eventually(lambda: occupancy(city), until=lambda n: n == 10)
    say((20, 30))
    city.eventually(lambda: occupancy(city), until=lambda n: n == 30)
    say(*((second, 30) for second in range(30, 130, 10)))
    city.eventually(lambda: severities(city), until=lambda found: found == ["major"])
    story.retained["major"] = city.retained("ub/v1/alerts/#")
    say((130, 40))
    city.eventually(lambda: severities(city), until=lambda found: found == ["critical"])
    story.retained["critical"] = city.retained("ub/v1/alerts/#")
    story.listing = city.run("alerts", "list").out
    for second, bikes, severity in ((140, 30, "major"), (150, 22, "minor")):
        say((second, bikes))
        city.eventually(lambda: severities(city), until=lambda found, wanted=severity: found == [wanted])
        city.eventually(lambda: occupancy(city), until=lambda n, wanted=bikes: n == wanted)
    say((160, 10), (170, 10))
    city.eventually(lambda: severities(city), until=lambda found: not found)
    story.retained["cleared"] = city.retained("ub/v1/alerts/#")
    city.eventually(lambda: ledger(city)["received"], until=lambda n: n == len(story.readings))


def _step(story: Story, second: int, bikes: int) -> list[tuple[str, bytes]]:
    """Return the messages of one moment at which `bikes` of the flood stand in the cell, the others elsewhere."""
    ts = BEGIN_MS + second * 1000
    flood = [
        reading(
            name, "alpha" if number % 3 else "beta", ts, *((_LAT, _LON) if number < bikes else _far(number))
        )
        for number, name in enumerate(_FLOOD)
    ]
    quiet = [reading(name, "gamma", ts, *_far(number)) for number, name in enumerate(_QUIET)]
    story.readings += [*flood, *quiet]
    return [*map(single, flood), *arrays(quiet)]


def _far(number: int) -> tuple[float, float]:
    """Return a place in a cell where few others stand."""
    return 31.1, 121.6 + number / 100


def occupancy(city: City) -> int:
    """Return how many bikes ub.cell_now has in the cell."""
    (row,) = city.query("SELECT sum(occupancy) AS n FROM ub.cell_now WHERE cell = %s", int(CELL, 16))
    return int(row["n"] or 0)


def severities(city: City) -> list[str]:
    """Return the severities of the alerts that are open."""
    return [row["severity"] for row in city.query("SELECT severity FROM ub.alert WHERE status = 'active'")]
