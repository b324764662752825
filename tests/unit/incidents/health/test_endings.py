"""Alerts on sensors end though the sensor, or what was wrong with it, is never heard of again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from schemas.alerts import Alert
from schemas.cells import CellsHealth
from schemas.partials import SensorHealth
from streams.fold.contract import Record
from streams.incidents.health.book import HealthBook
from streams.incidents.health.config import HealthConfig
from streams.incidents.health.drift import residuals
from streams.incidents.health.drifts import PERIOD_MS
from streams.incidents.lifecycle import Place

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BEGIN = 1_440_000_000_000
SENSORS = {f"s-{number}": number for number in range(8)}


def place(cell: str) -> Place:
    return Place(31.2 + int(cell[-1], 16) / 200, 121.5, "district")


@dataclass(frozen=True)
class Said:
    """What is said of a series; times in milliseconds."""

    name: str
    metric: str
    last_ts: int
    patience: int = 15 * MINUTE
    stuck_since: int = 0
    refused_since: int = 0
    period: int = 0
    mean: float = 0.0


@dataclass
class Region:
    """A book of health, which may crash after every record."""

    crashing: bool = False
    book: HealthBook = field(default_factory=lambda: HealthBook(HealthConfig(), place))
    parts: dict[str, bytes] = field(default_factory=dict)
    told: list[Alert] = field(default_factory=list)
    offset: int = 0

    def say(self, clock: int, said: Sequence[Said] = ()) -> None:
        n = len(said)
        sensors = SensorHealth(
            [one.name for one in said],
            [one.metric for one in said],
            ["city"] * n,
            [f"89309959d0{SENSORS.get(one.name, 0):x}" for one in said],
            [one.last_ts for one in said],
            [MINUTE] * n,
            [one.patience for one in said],
            *([1.0] * n, [20] * n, [2] * n, [one.stuck_since for one in said], [3] * n),
            *([one.refused_since for one in said], [one.period for one in said], [one.mean for one in said]),
        )
        message = CellsHealth("r", clock, clock, 0, 0, self.offset, sensors if n else None)
        self.told += self.book.apply(message, Record("ub.cells", 0, self.offset, b"", 0))
        self.offset += 1
        if self.crashing:
            for name, part in self.book.take_parts().items():
                if part is None:
                    self.parts.pop(name, None)
                else:
                    self.parts[name] = part
            self.book = HealthBook(HealthConfig(), place)
            for name, part in self.parts.items():
                self.book.restore(name, part)

    @property
    def lives(self) -> list[tuple[str, str, str | None]]:
        return [(one.action, one.kind, one.subject) for one in self.told]


@pytest.mark.parametrize("crashing", [False, True])
def test_a_sensor_that_fell_silent_before_its_interval_was_known_is_forgotten_all_the_same(
    crashing: bool,
) -> None:
    region = Region(crashing)
    region.say(BEGIN, [Said("x", "laeq", BEGIN, patience=0, refused_since=BEGIN)])
    for day in range(1, 31):
        region.say(BEGIN + day * DAY)
    assert region.lives == [("raised", "sensor_out_of_range", "x")]
    region.say(BEGIN + 31 * DAY)
    assert region.lives[1:] == [("cleared", "sensor_out_of_range", "x")]


@pytest.mark.parametrize("what", ["stuck_since", "refused_since"])
def test_what_was_wrong_with_a_metric_that_is_measured_no_more_is_over_after_a_month(what: str) -> None:
    region, kind = Region(), "sensor_stuck" if what == "stuck_since" else "sensor_out_of_range"
    broken = Said("x", "laeq", BEGIN, **{what: BEGIN - HOUR})  # type: ignore[arg-type]
    region.say(BEGIN, [broken, Said("x", "humidity", BEGIN)])
    for quarter in range(1, 30 * 96):
        now = BEGIN + quarter * 15 * MINUTE
        region.say(now, [Said("x", "humidity", now)])
    assert region.lives == [("raised", kind, "x")]
    now = BEGIN + 30 * DAY
    region.say(now, [Said("x", "humidity", now)])
    assert region.lives[1:] == [("cleared", kind, "x")]


def level(number: int, span: int, mended: int) -> float:
    """Return what a sensor measures; the third one drifts from span 20 on."""
    drift = 6.0 * (span - 20) if number == 3 and 20 <= span < mended else 0.0
    return 50 + number + (span * 7 + number * 3) % 5 * 0.1 + drift


def drifting(region: Region, spans: int, away: Mapping[str, int], mended: int = 40) -> None:
    """Let spans pass; `away` says of sensors from which span on they are not heard of."""
    for span in range(spans):
        begin = BEGIN + span * PERIOD_MS
        for clock in range(begin + PERIOD_MS, begin + 2 * PERIOD_MS, 5 * MINUTE):
            region.say(
                clock,
                [
                    Said(name, "temperature", clock, period=begin, mean=level(number, span, mended))
                    for name, number in SENSORS.items()
                    if span < away.get(name, spans)
                ],
            )


@pytest.mark.parametrize("crashing", [False, True])
@pytest.mark.parametrize("gone", ["s-7", "s-3"])
def test_a_drift_that_can_be_judged_no_more_ends_after_a_day(gone: str, crashing: bool) -> None:
    """Of seven sensors nobody is judged, nor is one that is not heard of."""
    region = Region(crashing)
    drifting(region, 110, {gone: 30})
    drifts = [(one.action, one.subject) for one in region.told if one.kind == "sensor_drifting"]
    assert drifts == [("raised", "s-3"), ("cleared", "s-3")]
    [cleared] = [one for one in region.told if one.kind == "sensor_drifting" and one.action == "cleared"]
    assert cleared.summary.startswith("no further for 24 h; temperature of s-3")
    assert 24 * HOUR < cleared.updated_at - (BEGIN + 30 * PERIOD_MS) < 26 * HOUR


@pytest.mark.parametrize("crashing", [False, True])
def test_a_drift_of_a_metric_that_is_gone_ends_and_the_sensor_goes_on(crashing: bool) -> None:
    """The farewell of the series comes before its last span is judged."""
    region = Region(crashing)
    drifting(region, 26, {})
    begin = BEGIN + 26 * PERIOD_MS
    now = begin + PERIOD_MS
    means = [
        Said(name, "temperature", now, period=begin, mean=level(number, 26, 99))
        for name, number in SENSORS.items()
    ]
    region.say(now, [*means, Said("s-3", "humidity", now)])
    region.say(now + MINUTE, [Said("s-3", "temperature", 0, patience=0)])
    region.say(now + 16 * MINUTE)
    assert region.lives == [("raised", "sensor_drifting", "s-3"), ("cleared", "sensor_drifting", "s-3")]
    assert region.told[-1].summary.startswith("temperature is not measured any more; ")


@pytest.mark.parametrize("crashing", [False, True])
def test_what_is_told_late_of_a_silent_sensor_does_not_end_its_silence_to_begin_it_anew(
    crashing: bool,
) -> None:
    """A metric of much patience that ended makes much of what is told late look like news."""
    region = Region(crashing)
    last = BEGIN + 3 * DAY
    slow = Said("s-0", "noise", BEGIN, patience=DAY)
    region.say(last, [slow, Said("s-0", "speed", last), Said("s-1", "speed", last)])
    for minute in range(5, 61, 5):
        region.say(last + minute * MINUTE, [Said("s-1", "speed", last + minute * MINUTE)])
    assert region.lives == [("raised", "sensor_silent", "s-0")]
    region.say(last + 65 * MINUTE, [Said("s-0", "speed", last + 3 * MINUTE)])
    assert region.lives == [("raised", "sensor_silent", "s-0")]
    region.say(last + 70 * MINUTE, [Said("s-0", "speed", last + 69 * MINUTE)])
    assert region.lives[1:] == [("cleared", "sensor_silent", "s-0")]


def test_neighbours_across_the_antimeridian_are_near() -> None:
    near = {f"n{i}": (-16.8, (179.99 + 0.0025 * i + 180) % 360 - 180) for i in range(9)}
    far = {f"f{i}": (-16.8, 178.9 + 0.0025 * i) for i in range(9)}
    means = {**dict.fromkeys(near, 10.0), **dict.fromkeys(far, 50.0)}
    assert set(residuals(means, {**near, **far}).values()) == {0.0}
