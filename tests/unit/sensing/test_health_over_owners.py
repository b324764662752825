"""What an owner said of a sensor before it died is taken back where it has passed as soon as the next one speaks."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from schemas import codec
from schemas.partials import SensingPartial
from streams import topics
from streams.fold.contract import Fold, Output, Restored
from streams.sensing.health.rule import HealthRule
from streams.sensing.state import SensingState
from tests.property import sensing_days
from tests.property.owners import Deed, Listener, Partition, Rows
from tests.unit.sensing import station

STORED: list[Deed] = [("checkpoint", 1), ("store", 1)]


class Health(Listener):
    """Holds what was said of each series in each region furthest on in the log.

    That is whether it is there, since when it is stuck, and since when out of range.
    """

    def hear(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            partial = codec.partial.decode(output.value) if output.topic == topics.PARTIALS else None
            if isinstance(partial, SensingPartial) and partial.health is not None:
                h, order = partial.health, (partial.generation, partial.offset)
                for sensor, metric, last, *since in zip(
                    h.sensor_id, h.metric, h.last_ts, h.stuck_since, h.refused_since, strict=True
                ):
                    key = partial.region, sensor, metric
                    if order >= self.words.get(key, ((-1,), ()))[0]:
                        self.words[key] = order, (last > 0, *since)


def held(
    readings: Sequence[tuple[float, int]], rule: HealthRule, day: list[Deed]
) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return what is held in the end of readings (value, square), one every ten seconds, each in a record."""

    def open_fold(start: Restored, rows: Rows | None) -> Fold:
        return SensingState(replace(sensing_days.NARROW, health=rule), station.Squares(), start, rows)

    log = [
        station.frame([station.reading(value, 10 * number, at=square)])
        for number, (value, square) in enumerate(readings)
    ]
    sensing = Partition(topics.SENSORS, "sensor_state", open_fold, log)
    listener = sensing.listener = Health()
    sensing.run(day)
    assert listener.words, "nothing was told"
    return listener.rows()


def ill(values: Sequence[float], rule: HealthRule, day: list[Deed]) -> bool:
    """Return whether a sensor of these values is held to be ill in the end."""
    return any(any(since) for _, *since in held([(value, 0) for value in values], rule, day).values())


def test_a_sensor_that_was_out_of_range_for_a_while() -> None:
    rule = HealthRule(refused_up=1, refused_at=1, refused_most=1)
    day: list[Deed] = [("fold", 1), *STORED, ("fold", 1), ("checkpoint", 1), ("die", 1)]
    assert ill([20, 999], rule, day)
    assert not ill([20, 999, 21, 22], rule, day)


def test_a_sensor_that_was_stuck_for_a_while() -> None:
    rule = HealthRule(warm_changes=1, stuck_least=2, stuck_times=1, stuck_ms=0)
    day: list[Deed] = [("fold", 4), *STORED, ("fold", 3), ("checkpoint", 1), ("die", 1)]
    assert ill([1, 2, 3, 4, 4, 4, 4], rule, day)
    assert not ill([1, 2, 3, 4, 4, 4, 4, 5, 6], rule, day)


def test_a_sensor_that_was_in_another_region_for_a_while() -> None:
    rule = HealthRule(warm_gaps=1)
    readings = [(20.0 + number, square) for number, square in enumerate((0, 0, 0, 1, 0, 0))]
    day: list[Deed] = [("fold", 3), *STORED, ("fold", 1), ("checkpoint", 1), ("die", 1)]
    assert held(readings[:4], rule, day).keys() == {("1", "s-1", "temperature")}
    assert (
        held(readings, rule, day) == held(readings, rule, []) == {("0", "s-1", "temperature"): (True, 0, 0)}
    )
