"""The truth about sensors that drift, against the detector that it is written for: it shares no code with it."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from statistics import fmean

import pytest

from schemas.metrics import METRICS
from sensors_sim.events.ailing import SensorDrifting
from sensors_sim.scenario import Scenario
from sensors_sim.sensors.contract import Readings
from sensors_sim.sources.simulated import SimulatedCity
from streams.incidents.health.drift import Trail, residuals, step
from streams.sensing.health.means import PERIOD_MS, SMOOTH

COUNT = 8
HOURS = (1, 9, 17)
METRICS_THAT_ARE_COMPARED = {name for name, smooth in zip(METRICS, SMOOTH.tolist(), strict=True) if smooth}


def means(city: Scenario, kind: str) -> Mapping[str, Mapping[int, Mapping[str, float]]]:
    """Return by metric, span of time and sensor the mean of what was said."""
    said: dict[str, dict[int, dict[str, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for batch in SimulatedCity(city, [kind]).batches():
        for part in batch.parts:  # type: ignore[attr-defined]
            if not isinstance(part, Readings):
                continue
            columns = (part.sensor.tolist(), part.metric.tolist(), part.value.tolist(), part.ts.tolist())
            for sensor, metric, value, ts in zip(*columns, strict=True):
                name, of = str(part.sensors.sensor_id[sensor]), part.sensors.metrics[metric]
                said[of][ts // PERIOD_MS * PERIOD_MS][name].append(value)
    return {
        metric: {
            span: {name: fmean(values) for name, values in of.items()} for span, of in sorted(spans.items())
        }
        for metric, spans in said.items()
        if metric in METRICS_THAT_ARE_COMPARED
    }


def drifting(
    spans: Mapping[int, Mapping[str, float]], places: Mapping[str, tuple[float, float]]
) -> dict[str, int]:
    """Return by sensor the end of the first span in which the detector says that it drifts."""
    trails = {name: Trail() for name in places}
    found: dict[str, int] = {}
    for span, told in spans.items():
        now = residuals(told, places)
        for name in step(trails, span, PERIOD_MS, told, now):
            if trails[name].before is not None:
                found.setdefault(name, span + PERIOD_MS)
    return found


@pytest.mark.parametrize(
    ("kind", "by_h"), [("air", 10.0), ("air", 400.0), ("weather", 3.0), ("weather", -3.0), ("weather", 50.0)]
)
def test_a_drift_that_is_due_is_detected_while_it_lasts(kind: str, by_h: float) -> None:
    events = tuple(
        SensorDrifting((f"{kind}-{number:05d}",), hour * 3_600.0, 10_800.0, by_h)
        for number, hour in enumerate(HOURS)
    )
    city = Scenario(
        "drift",
        "",
        datetime(2026, 3, 10, 6),
        timedelta(hours=21),
        bikes=1,
        sensors={kind: COUNT},
        events=events,
    )
    table = city.scene().table(kind)
    names = table.sensor_id.tolist()
    places = dict(zip(names, zip(table.lat.tolist(), table.lon.tolist(), strict=True), strict=True))
    of_metrics = [drifting(spans, places) for spans in means(city, kind).values()]
    for event in events:
        entries = [entry for entry in event.truth(city.scene()) if entry.kind == "sensor_drifting"]
        assert [entry.verdict for entry in entries] == ["due"]
        (entry,) = entries
        seen = [found[entry.subject] for found in of_metrics if entry.subject in found]
        assert any(entry.from_ms < at <= entry.to_ms for at in seen), entry
