"""What a consumer of Kafka holds at the end against the tables: of live cells and closed windows on ub.cells the word
that stands last, of alerts the event with the highest sequence; and what the incidents stage itself holds of the cells.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from streams import topics
from tests import oracle
from tests.chaos.city import City
from tests.chaos.log import frames

_STATES = ("available", "non_operational", "reserved", "on_trip", "non_contactable")
_NOW = "SELECT *, to_hex(cell) AS hex FROM ub.cell_now"
_WINDOWS = {
    "window": ("operator", "SELECT *, to_hex(cell) AS hex FROM ub.cell_window"),
    "metrics": ("metric", "SELECT *, to_hex(cell) AS hex FROM ub.sensor_window"),
    "requests": ("service_code", "SELECT *, to_hex(cell) AS hex FROM ub.request_window"),
}
_ALERTS = "SELECT alert_id, sequence, status, severity FROM ub.alert"
_HELD = """
SELECT substr(name, 6) AS cell, value FROM ub.checkpoint_part
WHERE stage = 'incidents' AND name LIKE 'cell/%%' AND name NOT LIKE 'cell/clock/%%'
"""

Rows = dict[Any, dict[str, Any]]


def consumer_differences(city: City) -> list[str]:
    """Return where a consumer of ub.cells and ub.alerts, or the incidents stage, differs from the tables."""
    now: Rows = {}
    windows: dict[str, Rows] = {tag: {} for tag in _WINDOWS}
    for message in _of_newest_owners(city):
        if message["type"] == "now":
            counts = message["counts"]
            columns = (counts["cell"], counts["operator"], *(counts[state] for state in _STATES))
            for cell, operator, *values in zip(*columns, strict=True):
                now[cell, operator] = dict(zip(_STATES, values, strict=True))
        else:
            rows = message["rows"]
            for values in zip(*rows.values(), strict=True):
                row = dict(zip(rows, values, strict=True))
                name = row[_WINDOWS[message["type"]][0]]
                windows[message["type"]][row["window_start"], row["cell"], name] = row
    lines = [f"ub.cells, live: {line}" for line in oracle.differences(_stored_now(city), now, limit=4)]
    for tag, told in windows.items():
        stored = _stored_windows(city, tag, told)
        # a row that was told and withdrawn before its window closed is in no table (docs/semantics.md)
        held = {key: row for key, row in told.items() if key in stored}
        lines += [f"ub.cells, {tag}: {line}" for line in oracle.differences(stored, held, limit=4)]
    lines += [
        f"incidents hold: {line}" for line in oracle.differences(_stored_now(city), _held(city), limit=4)
    ]
    return lines + [
        f"ub.alerts: {line}" for line in oracle.differences(_stored_alerts(city), _alerts(city), limit=4)
    ]


def _of_newest_owners(city: City) -> Iterator[dict[str, Any]]:
    """Yield the aggregates on ub.cells but for those of former owners, by region in the order of the log."""
    newest: dict[str, int] = {}
    everything = msgspec.json.Decoder(dict[str, Any])
    for _, _, message in frames(city, topics.CELLS, everything, city.settings().region_partitions):
        if message["type"] != "now" and message["type"] not in _WINDOWS:
            continue
        region, owner = message["region"], message["owner"]
        if owner >= newest.get(region, 0):
            newest[region] = owner
            yield message


def _stored_now(city: City) -> Rows:
    return {
        (row["hex"], row["operator"]): {state: row[state] for state in _STATES} for row in city.query(_NOW)
    }


def _stored_windows(city: City, tag: str, told: Rows) -> Rows:
    key, query = _WINDOWS[tag]
    names = next(iter(told.values()), {}).keys() - {"window_start", "cell"}
    return {
        (round(row["window_start"].timestamp() * 1000), row["hex"], row[key]): {
            "window_start": round(row["window_start"].timestamp() * 1000),
            "cell": row["hex"],
            **{name: row[name] for name in names},
        }
        for row in city.query(query)  # type: ignore[arg-type]
    }


def _held(city: City) -> Rows:
    held: Rows = {}
    for part in city.query(_HELD):
        by_operator: Mapping[str, Any] = msgspec.msgpack.decode(part["value"])[1]
        for operator, counts in by_operator.items():
            held[part["cell"], operator] = dict(zip(_STATES, counts, strict=True))
    return held


def _stored_alerts(city: City) -> Rows:
    return {row.pop("alert_id"): row for row in city.query(_ALERTS)}


def _alerts(city: City) -> Rows:
    newest: Rows = {}
    everything = msgspec.json.Decoder(dict[str, Any])
    for _, _, event in frames(city, topics.ALERTS, everything, city.settings().region_partitions):
        if event["sequence"] >= newest.get(event["alert_id"], event)["sequence"]:
            newest[event["alert_id"]] = event
    return {
        alert_id: {name: event[name] for name in ("sequence", "status", "severity")}
        for alert_id, event in newest.items()
    }
