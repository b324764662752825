"""What is known of a sensor or a feed that an alert is about: for people who look at how the alert came about."""

from schemas.alerts import Alert
from streams.counted import counted
from streams.incidents.health.config import HealthConfig
from streams.incidents.health.feeds import Feed, enough
from streams.incidents.health.findings import span
from streams.incidents.health.sensors import Sensor
from streams.incidents.showing import Seen, active
from streams.times import to_second


def of_silence(sensor: Sensor, feed: Feed, alert: Alert | None) -> Seen:
    """Return when a sensor was heard last, and when that is too long ago; `alert` is the one that is open."""
    due = feed.due(sensor)
    limit = "not known yet how often it speaks" if due is None else f"silent from {to_second(due)} on"
    return Seen(f"last heard {to_second(sensor.last_ts)}", limit, active(alert))


def of_values(sensor: Sensor, metric: str, kind: str, alert: Alert | None) -> Seen | None:
    """Return how often a sensor has repeated itself, or was refused, as sensing tells (streams/sensing/health)."""
    series = sensor.series.get(metric)
    if series is None:
        return None
    if kind == "sensor_stuck":
        value = f"{metric} {series.value:g}, {series.repeated} times in a row"
        return Seen(value, f"never more than {series.repeated_before} times before", active(alert))
    return Seen(
        f"{counted(series.refused, 'reading')} of {metric} refused",
        "three in a row, or one in three",
        active(alert),
    )


def of_feed(feed: Feed, config: HealthConfig, alert: Alert | None) -> Seen:
    """Return of how many sensors of a feed nothing is heard."""
    count = len(feed.counted)
    silent = len(feed.missing if alert is not None else feed.silent)
    limit = f"{enough(count, config)} of them"
    if feed.hurry_ms:
        limit += f", or none heard for {span(feed.hurry_ms * 5 // 4)}"
    if alert is not None:
        limit = "cleared when half of them are heard"
    return Seen(f"{silent} of {counted(count, 'sensor')} silent", limit, active(alert))
