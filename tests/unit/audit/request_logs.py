"""Small logs of citizens' requests for the audit's tests, and what the audit makes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from streams import topics
from streams.audit.records import LogRecord, Taken
from streams.audit.requests.batch import RequestsPartition, compute, request_window
from streams.audit.requests.records import intake
from streams.audit.rules import Rules
from tests.unit.audit import audit_logs
from tests.unit.audit.audit_logs import HERE, MINUTE, T0

FAR = T0 + 10**11
RULES = replace(audit_logs.RULES, forget_request_ms=3_600_000)


def said(
    name: str, event: str, at_s: float, place: tuple[float, float] | None = None, **more: Any
) -> dict[str, Any]:
    """Return an event `at_s` seconds after T0; `due_s` is its expected_datetime likewise."""
    found = {"service_request_id": name, "event": event, "ts": T0 + int(at_s * 1000), "owner": "city", **more}
    if "due_s" in found:
        found["expected_datetime"] = T0 + found.pop("due_s") * 1000
    if place is not None:
        found["lat"], found["lon"] = place
    return found


def opened(
    name: str, at_s: float, code: str = "lamp", place: tuple[float, float] = HERE, **more: Any
) -> dict[str, Any]:
    """Return an opening."""
    return said(name, "opened", at_s, place, service_code=code, **more)


def frame(events: Sequence[Mapping[str, Any]], received_at: int = FAR) -> bytes:
    """Return a frame of events."""
    return msgspec.json.encode({"events": events, "received_at": received_at})


def taken(values: Sequence[bytes], partition: int = 0) -> Taken:
    """Return a partition's log as columns."""
    requests = intake()
    for offset, value in enumerate(values):
        requests.add(LogRecord(topics.REQUESTS, partition, offset, FAR, value))
    return requests.taken()


def computed(values: Sequence[bytes], rules: Rules = RULES) -> RequestsPartition:
    """Return what the batch makes of one partition's records."""
    (partition,) = compute(taken(values), rules)
    return partition


def one(*events: Mapping[str, Any], rules: Rules = RULES) -> RequestsPartition:
    """Return what the batch makes of one partition whose records hold one event each."""
    return computed([frame([event]) for event in events], rules)


def windows(*partitions: RequestsPartition) -> list[dict[str, Any]]:
    """Return request_window in order, `minute` instead of window_start."""
    rows = request_window(partitions, RULES).sort("window_start", "cell", "service_code").to_dicts()
    return [{"minute": (row["window_start"] - T0) // MINUTE, **row} for row in rows]


def shown(rows: Sequence[Mapping[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """Return minute and some columns of rows."""
    return [(row["minute"], *(row[name] for name in names)) for row in rows]
