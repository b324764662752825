"""Completeness of every view that has it, next to what Python computes from the same alerts, interval by interval."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from streams.fold.contract import Rows
from streams.store import queries
from tests.conftest import Database
from tests.integration import store_rows as rows
from tests.integration.store_rows import T0
from tests.integration.store_support import query, rows_read, write

pytestmark = pytest.mark.integration

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
START = T0 // HOUR * HOUR
CELLS = {1: "here", 2: "here", 3: "there"}
"""Region by cell."""
NAMES = ["city", "port", "requests"]
"""Of operators and of owners alike."""
SENSORS = ["s1", "s2", "s3", "s4", "city"]
METRICS = ["no2", "pm25"]
VIEWS = {
    "cell_minute": ("minute", "operator"),
    "cell_hour": ("hour", "operator"),
    "cell_metric_minute": ("minute", "metric"),
    "cell_metric_hour": ("hour", "metric"),
    "cell_request_window": ("window_start", "service_code"),
}


@dataclass(frozen=True)
class Silence:
    """An alert: somebody in a region was silent from `begin` to `end` (None: still)."""

    kind: str
    subject: str
    feed: str
    region: str
    begin: int
    end: int | None
    heard: list[str] | None
    patience: int

    def rows(self, number: int) -> Rows:
        health = {"feed": self.feed, "heard": self.heard, "patience_ms": self.patience}
        return rows.alert(
            "raised" if self.end is None else "cleared",
            0,
            self.begin,
            alert_id=f"a{number}",
            kind=self.kind,
            subject=self.subject,
            region=self.region,
            starts_at=self.begin,
            ends_at=self.end,
            evidence=json.dumps({"health": health}),
        )[0]

    def is_of_sensor(self, sensor: dict[str, Any]) -> bool:
        if self.kind == "sensor_silent":
            return self.subject == sensor["sensor_id"]
        of_owner = self.is_of_feed("sensors", sensor["owner"])
        return of_owner and sensor["sensor_id"] not in (self.heard or [])

    def is_of_feed(self, feed: str, name: str) -> bool:
        return (self.kind, self.feed, self.subject) == ("feed_silent", feed, name)


def length(silences: Iterable[Silence], since: int, until: int) -> int:
    """Return how much of a span any of them covers."""
    covered, at = 0, since
    for silence in sorted(silences, key=lambda one: one.begin):
        end = until if silence.end is None else min(silence.end, until)
        covered += max(end - max(silence.begin, at), 0)
        at = max(end, at)
    return covered


def some_silences(rng: random.Random, many: int) -> list[Silence]:
    """Return alerts that touch, overlap, span many windows or no time, last still, or are of another region or kind."""
    found: list[Silence] = []
    for _ in range(many):
        kind = rng.choice(["feed_silent", "feed_silent", "sensor_silent", "sensor_silent", "sensor_stuck"])
        feed = rng.choice(["vehicles", "sensors", "requests"]) if kind == "feed_silent" else "sensors"
        grain = rng.choice([1, 1_000, MINUTE, HOUR])
        begin = START + rng.randint(-3 * HOUR, 6 * HOUR) // grain * grain
        before = rng.choice(found).end if found else None
        if before is not None and rng.random() < 0.2:
            begin = before
        lasts = rng.choice([-1_000, 0, 30_000, MINUTE, HOUR, rng.randint(1, 2 * HOUR), 30 * DAY, None])
        if lasts == 30 * DAY:
            begin -= 30 * DAY
        found.append(
            Silence(
                kind=kind,
                subject=rng.choice(NAMES if kind == "feed_silent" else SENSORS),
                feed=feed,
                region=rng.choice(["here", "here", "there"]),
                begin=begin,
                end=None if lasts is None else begin + lasts,
                heard=rng.choice([None, [], ["s1", "s3"]]),
                patience=rng.choice([0, 600_000]),
            )
        )
    return found


def some_sensors(rng: random.Random, silences: list[Silence]) -> list[dict[str, Any]]:
    """Return sensors that were heard at any time: lately, long ago, or until the newest alert on them began."""
    found = []
    for sensor in SENSORS:
        cell, owner = rng.choice(list(CELLS)), rng.choice(NAMES[:2])
        one: dict[str, Any] = {"sensor_id": sensor, "owner": owner, "cell": cell}
        began = [silence.begin for silence in silences if silence.is_of_sensor(one)]
        for metric in METRICS:
            ts = rng.choice([START + DAY, START - 40 * DAY, *[max(began, default=START)] * 3])
            found.append({**one, "metric": metric, "ts": ts + rng.choice([0, 150_000, 150_001])})
    return found


def of_sensors(
    silences: list[Silence], sensors: Iterable[dict[str, Any]], since: int, until: int
) -> float | None:
    """Return the mean share in which sensors were heard, without those that were gone before `since`."""
    shares = []
    for sensor in sensors:
        of_it = [silence for silence in silences if silence.is_of_sensor(sensor)]
        silent = length(of_it, since, until)
        gone = any(
            one.end is not None
            and sensor["ts"] < one.end <= since
            and sensor["ts"] <= one.begin + one.patience // 4  # told late
            for one in of_it
        )
        if silent or sensor["ts"] >= since or not gone:
            shares.append(1 - silent / (until - since))
    return sum(shares) / len(shares) if shares else None


def span(at: int, unit: int, window_ms: int, begins: list[int]) -> tuple[int, int]:
    """Return from when to when a row counts: its minute or hour `at`, and windows that end later or are longer."""
    until = max(begins) + window_ms
    return (at, max(at + unit, until)) if window_ms <= unit else (min(begins), until)


@pytest.mark.parametrize("window_s", [60, 20, 45, 900, 5_400])
@pytest.mark.parametrize("many", [6, 20, 60])
def test_completeness_is_the_share_of_time_that_no_alert_covers(
    migrated: Database, window_s: int, many: int
) -> None:
    rng = random.Random(f"{window_s} {many}")
    silences = some_silences(rng, many)
    sensors = some_sensors(rng, silences)
    edges = [at for one in silences for at in (one.begin, one.end or one.begin) if abs(at - START) < DAY]
    near = [at // (window_s * 1000) + step for at in [START, *edges] for step in (-1, 0, 1)]
    starts = sorted({number * window_s * 1000 for number in near})
    windows = [
        {"window_start": start, "window_s": window_s, "cell": cell, "region": region}
        for start in starts
        for cell, region in CELLS.items()
        if rng.random() < 0.8
    ]
    write(
        migrated,
        rows.windows(*({**window, "operator": name} for window in windows for name in NAMES)),
        rows.sensor_windows(*({**window, "metric": metric} for window in windows for metric in METRICS)),
        rows.request_windows(*windows),
        rows.cells_now(
            *({"cell": cell, "region": CELLS[cell], "operator": name} for cell in CELLS for name in NAMES)
        ),
        rows.sensors(*sensors),
        *(silence.rows(number) for number, silence in enumerate(silences)),
    )

    def expected(view: str, cell: int, name: str, since: int, until: int) -> float | None:
        there = [silence for silence in silences if silence.region == CELLS[cell]]
        if "metric" in view:
            mine = [sensor for sensor in sensors if (sensor["cell"], sensor["metric"]) == (cell, name)]
            return of_sensors(there, mine, since, until)
        feed = ("requests", "requests") if "request" in view else ("vehicles", name)
        return 1 - length((one for one in there if one.is_of_feed(*feed)), since, until) / (until - since)

    for view, (time, what) in VIEWS.items():
        unit = {"minute": MINUTE, "hour": HOUR}.get(time, window_s * 1000)
        of_rows: dict[tuple[int, int], list[int]] = defaultdict(list)
        for window in windows:
            of_rows[window["window_start"] // unit * unit, window["cell"]].append(window["window_start"])
        found = query(
            migrated.reader_url,
            f"SELECT (extract(epoch FROM {time}) * 1000)::bigint, cell, {what}, completeness FROM api.{view}",
        )
        assert {(at, cell) for at, cell, _, _ in found} == of_rows.keys()
        for at, cell, name, completeness in found:
            since, until = span(at, unit, window_s * 1000, of_rows[at, cell])
            whole = expected(view, cell, name, since, until)
            assert completeness == (None if whole is None else pytest.approx(whole, abs=1e-12)), (
                view,
                at,
                name,
            )

    of_regions: dict[tuple[int, str], list[int]] = defaultdict(list)
    for window in windows:
        of_regions[window["window_start"] // MINUTE * MINUTE, window["region"]].append(window["window_start"])
    summed = query(
        migrated.reader_url,
        "SELECT (extract(epoch FROM minute) * 1000)::bigint, region, operator, completeness FROM api.operator_minute",
    )
    assert {(at, region) for at, region, _, _ in summed} == of_regions.keys()
    for at, region, name, completeness in summed:
        cell = next(cell for cell, of_cell in CELLS.items() if of_cell == region)
        whole = expected(
            "operator_minute", cell, name, *span(at, MINUTE, window_s * 1000, of_regions[at, region])
        )
        assert completeness == pytest.approx(whole, abs=1e-12), (at, region, name)

    for cell, name, completeness in query(
        migrated.reader_url, "SELECT cell, operator, completeness FROM api.cell_now"
    ):
        there = [one for one in silences if one.region == CELLS[cell] and one.is_of_feed("vehicles", name)]
        assert completeness == (0.0 if any(one.end is None for one in there) else 1.0)


def test_what_was_silent_and_is_over_is_not_looked_at_again_for_each_new_row(migrated: Database) -> None:
    """All fell silent every hour of two months, and each of the rows is asked whether any of that lasts."""
    long, new = 60 * 24, range(20)
    windows = [{"window_start": T0 + number * MINUTE, "cell": 1, "region": "here"} for number in new]
    silences = [
        Silence(kind, subject, feed, "here", T0 - hours * HOUR, T0 - hours * HOUR + HOUR // 2, [], 600_000)
        for kind, subject, feed in [
            ("feed_silent", "hello", "vehicles"),
            ("feed_silent", "city", "sensors"),
            ("feed_silent", "requests", "requests"),
            ("sensor_silent", "s1", "sensors"),
        ]
        for hours in range(1, long + 1)
    ]
    of_alerts = [silence.rows(number) for number, silence in enumerate(silences)]
    alerts = {name: [one.columns[name][0] for one in of_alerts] for name in of_alerts[0].columns}
    write(
        migrated,
        *(rows.windows(*windows), rows.sensor_windows(*windows), rows.request_windows(*windows)),
        *(rows.sensors({"ts": T0 + DAY, "cell": 1}), Rows("alert", alerts)),
    )
    with queries.connect(migrated.owner_url, read_only=False) as connection:
        connection.execute("VACUUM ANALYZE ub.alert")
        for view, (time, _) in {**VIEWS, "operator_minute": ("minute", "operator")}.items():
            asked = f"SELECT {time}, completeness FROM api.{view}".encode()
            read = rows_read(connection, lambda asked=asked: connection.execute(asked).fetchall(), "ub.alert")
            assert read < long, view
