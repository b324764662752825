"""What alerts on health say."""

from schemas.alerts import Health
from streams.counted import counted
from streams.incidents.health.cases import Finding
from streams.incidents.health.sensors import Sensor, Series

SENSORS, VEHICLES, REQUESTS = "sensors", "vehicles", "requests"


def span(milliseconds: int) -> str:
    """Return a length of time for people."""
    seconds = milliseconds / 1000
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def silent(name: str, sensor: Sensor, at: int) -> Finding:
    """Nothing is heard of a sensor."""
    by = sensor.slowest()
    since = sensor.last_ts
    text = f"nothing heard of {name} of {sensor.owner} for {span(at - since)}, usual is every {span(by.expected_ms)}"
    return Finding(since, sensor.cell, "minor", text, _health(sensor, None, by))


def stuck(name: str, sensor: Sensor, metric: str, series: Series) -> Finding:
    """A sensor repeats one value."""
    text = (
        f"{name} of {sensor.owner} has said {metric} {series.value:g} {series.repeated} times in a row, "
        f"never more than {series.repeated_before} times before"
    )
    return Finding(series.stuck_since, sensor.cell, "minor", text, _health(sensor, metric, series))


def out_of_range(name: str, sensor: Sensor, metric: str, series: Series) -> Finding:
    """A sensor says what cannot be."""
    text = f"{series.refused} readings of {metric} of {name} of {sensor.owner} were out of range, and are refused"
    return Finding(series.refused_since, sensor.cell, "minor", text, _health(sensor, metric, series))


def owner_silent(
    owner: str, missing: int, heard: list[str], newest: Sensor, patience_ms: int, at: int
) -> Finding:
    """Nothing is heard of so many sensors of an owner; `newest` is the one of them that was heard last."""
    since, count = newest.last_ts, missing + len(heard)
    sensors = counted(count, "sensor")
    which = f"{missing} of the {sensors}" if heard else f"any of the {sensors}"
    text = f"nothing heard of {which} of {owner} for {span(at - since)}"
    expected = min(series.expected_ms for series in newest.series.values())
    health = Health(SENSORS, missing, since, expected, patience_ms, of=count, heard=heard)
    return Finding(since, newest.cell, "major", text, health)


def operator_silent(
    operator: str, cell: str, since: int, expected_ms: int, patience_ms: int, at: int
) -> Finding:
    """No positions are heard of any vehicle of an operator."""
    text = f"no positions of any vehicle of {operator} for {span(at - since)}"
    return Finding(since, cell, "major", text, Health(VEHICLES, 0, since, expected_ms, patience_ms))


def requests_silent(cell: str, since: int, expected_ms: int, patience_ms: int, at: int) -> Finding:
    """Nothing is heard of citizens' requests in a region."""
    text = f"nothing heard of any citizens' request for {span(at - since)}"
    return Finding(since, cell, "major", text, Health(REQUESTS, 0, since, expected_ms, patience_ms))


def _health(sensor: Sensor, metric: str | None, series: Series) -> Health:
    if metric is None:
        return Health(SENSORS, 1, sensor.last_ts, series.expected_ms, series.patience_ms)
    return Health(
        feed=SENSORS,
        sensors=1,
        last_ts=series.last_ts,
        expected_ms=series.expected_ms,
        patience_ms=series.patience_ms,
        metric=metric,
        value=series.value,
        repeated=series.repeated,
        repeated_before=series.repeated_before,
        refused=series.refused,
    )
