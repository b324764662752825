"""What an owner said of a sensor before it died is taken back where it has passed as soon as the next one speaks."""

from collections.abc import Sequence
from dataclasses import replace

from schemas import codec
from schemas.partials import SensingPartial
from streams import topics
from streams.fold import Fold, Output, Restored
from streams.sensing.health.rule import HealthRule
from streams.sensing.state import SensingState
from tests.property import sensing_days
from tests.property.owners import Deed, Listener, Partition, Rows
from tests.unit.sensing import station

STORED: list[Deed] = [("checkpoint", 1), ("store", 1)]


class Health(Listener):
    """Holds since when each series is stuck, and out of range, by what was said furthest on in the log."""

    def hear(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            partial = codec.partial.decode(output.value) if output.topic == topics.PARTIALS else None
            if isinstance(partial, SensingPartial) and partial.health is not None:
                h, order = partial.health, (partial.generation, partial.offset)
                for key in zip(h.sensor_id, h.metric, h.stuck_since, h.refused_since, strict=True):
                    if order >= self.words.get(key[:2], ((-1,), ()))[0]:
                        self.words[key[:2]] = order, key[2:]


def ill(values: Sequence[float], rule: HealthRule, day: list[Deed]) -> list[str]:
    """Return the sensors that are ill in the end; one reading every ten seconds, one in each record."""

    def open_fold(start: Restored, rows: Rows | None) -> Fold:
        return SensingState(replace(sensing_days.NARROW, health=rule), station.Squares(), start, rows)

    log = [station.frame([station.reading(value, 10 * number)]) for number, value in enumerate(values)]
    sensing = Partition(topics.SENSORS, "sensor_state", open_fold, log)
    listener = sensing.listener = Health()
    sensing.run(day)
    assert listener.words, "nothing was told"
    return [str(key[0]) for key in listener.rows()]


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
