"""The tables of citizens' requests as they must be after a log, and the books of each partition.

What a request comes to is a function of the set of its events. The log's order says only whose a request is (that
of the owner who is heard first, until it is over and its number free) and which events come too late.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from streams.audit import cells, sketch
from streams.audit.books import by_partition, ledger_of, refused
from streams.audit.lateness import clock_of, meet
from streams.audit.records import Taken
from streams.audit.requests.districts import Districts
from streams.audit.requests.life import COUNTS, RANK, Story, live
from streams.audit.requests.records import decode
from streams.audit.rules import Rules
from streams.audit.schema import TABLES
from streams.audit.stage import Partition
from streams.audit.values import newest

_MOST_EVENTS = 1_000
"""Of one request within the horizon."""
_SLOT = ("window_start", "cell", "service_code")
_COUNT = {
    "ts": pl.Int64,
    "cell": pl.Int64,
    "service_code": pl.String,
    "what": pl.String,
    "amount": pl.Int64,
}
_SUMS = {
    "window_start": pl.Int64,
    "cell": pl.Int64,
    "service_code": pl.String,
    **dict.fromkeys(COUNTS, pl.Int64),
}

_COLUMNS = list(TABLES["request_window"].schema)


Key = tuple[int, int, bytes]
"""Place of an event among those of its request: ts, rank, content."""


@dataclass(slots=True)
class Request:
    """A request of one owner; `events` by place, with the cell that each names and the offset where it stands."""

    name: str
    owner: str
    events: dict[Key, tuple[int | None, int]] = field(default_factory=dict)

    @property
    def keys(self) -> list[Key]:
        """The places of its events, in order."""
        return sorted(self.events)

    def story(self, watermark: int, rules: Rules) -> Story:
        """Return what it comes to."""
        events = [(decode(key[2]), self.events[key][0]) for key in self.keys]
        return live(events, watermark, rules.forget_request_ms)

    def is_full(self, since: int) -> bool:
        """Whether it has had so many events since a moment that no more are taken."""
        return (
            len(self.events) >= _MOST_EVENTS and sum(ts >= since for ts, _, _ in self.events) >= _MOST_EVENTS
        )

    def is_over(self, watermark: int, rules: Rules) -> bool:
        """Whether nothing that is still accepted can belong to it: its number is free."""
        story = self.story(watermark, rules)
        last = self.keys[-1][0]
        if story.state is not None:
            if story.state.is_open:
                return False
            last = max(last, story.state.updated_at + rules.forget_request_ms)
        return watermark > last + rules.horizon_ms


@dataclass(frozen=True, slots=True)
class RequestsPartition(Partition):
    """What one partition of ub.requests contributes to the tables.

    requests  all of them, in the order in which they were heard of
    rows      ub.request
    counts    ts, cell, service_code, what, amount; see life.py
    """

    requests: Sequence[Request]
    rows: pl.DataFrame
    counts: pl.DataFrame


def compute(taken: Taken, rules: Rules) -> list[RequestsPartition]:
    """Return what each partition of a log of ub.requests contributes."""
    districts = Districts(rules.districts)
    return by_partition(taken, lambda number, own: _partition(number, own, rules, districts))


def _partition(number: int, taken: Taken, rules: Rules, districts: Districts) -> RequestsPartition:
    met = meet(taken.readings, pl.col("fault"), rules)
    clock = clock_of(met)
    watermark = newest(clock["after"])
    located = _with_cells(met, rules)
    outcomes, requests = _assigned(located, rules)
    judged = located.with_columns(pl.coalesce("reason", outcomes).alias("reason"))
    stories = [(request, request.story(watermark, rules)) for request in requests]
    lost = _lost(stories, located, rules)
    rejects = refused([judged.filter(pl.col("reason") != "superseded"), lost], taken.bad_frames)
    applied = int(judged["reason"].is_null().sum()) - len(lost)
    return RequestsPartition(
        number=number,
        ledger=ledger_of(taken.readings, taken.bad_frames, rejects, applied),
        refused=rejects,
        clock=clock,
        watermark=watermark,
        requests=requests,
        rows=_rows(stories, number, districts),
        counts=pl.DataFrame([c for _, story in stories for c in story.counts], _COUNT, orient="row"),
    )


def _with_cells(events: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Add `cell`, null where an event names no place."""
    somewhere = pl.col("lat").is_not_null()
    placed = cells.locate(events.filter(somewhere), rules.resolution)
    nowhere = events.filter(~somewhere).with_columns(pl.lit(None, pl.Int64).alias("cell"))
    return pl.concat([placed, nowhere.select(placed.columns)]).sort("pos")


def _assigned(events: pl.DataFrame, rules: Rules) -> tuple[pl.Series, list[Request]]:
    """Give every event to its request; returns a reason for those that no request takes, and the requests."""
    current: dict[str, Request] = {}
    requests: list[Request] = []
    outcomes: list[str | None] = []
    for row in events.iter_rows(named=True):
        outcome = None
        if row["reason"] is None:
            name, owner = row["service_request_id"], row["owner"]
            request = current.get(name)
            if request is None or (request.owner != owner and request.is_over(row["met"], rules)):
                request = current[name] = Request(name, owner)
                requests.append(request)
            key = (row["ts"], RANK[decode(row["body"]).event], row["body"])
            if request.owner != owner:
                outcome = "operator_conflict"
            elif key in request.events:
                outcome = "superseded"
            elif request.is_full(row["met"] - rules.horizon_ms):
                outcome = "bad_event"
            else:
                request.events[key] = row["cell"], row["offset"]
        outcomes.append(outcome)
    return pl.Series(outcomes, dtype=pl.String), requests


def _lost(stories: Sequence[tuple[Request, Story]], events: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the refusals of events that say no place and category of a request of which none is known.

    Each is refused once the watermark has passed it by the horizon: by the record that carried it there, after
    the events of that record itself, in the order of time, request and content.
    """
    waiting = sorted(
        (keys[number][0], request.name, keys[number])
        for request, story in stories
        if story.lost and (keys := request.keys)
        for number in story.lost
    )
    schema = {"name": pl.String, "beyond": pl.Int64}
    rows = pl.DataFrame([(name, ts + rules.horizon_ms + 1) for ts, name, _ in waiting], schema, orient="row")
    sizes = events.group_by("offset").agg(pl.len().cast(pl.Int64).alias("size"))
    steps = events.select("pos", "offset", "after").unique("after", keep="first", maintain_order=True)
    reached = rows.with_row_index("order").join_asof(
        steps, left_on="beyond", right_on="after", strategy="forward"
    )
    # Of one step those of one request stand together, where its first one is.
    together = reached.drop_nulls("offset").with_columns(
        pl.col("order").min().over("pos", "name").alias("first")
    )
    return (
        together.sort("pos", "first", "order")
        .join(sizes, on="offset", how="left", maintain_order="left")
        .with_columns(
            (pl.col("size") + pl.int_range(pl.len()).over("offset")).alias("index"),
            pl.lit("bad_event").alias("reason"),
        )
        .select("offset", "index", "reason")
    )


def _rows(stories: Sequence[tuple[Request, Story]], partition: int, districts: Districts) -> pl.DataFrame:
    """Return the rows of ub.request: under each number the last request of which something is known."""
    known: dict[str, dict[str, Any]] = {}
    for request, story in stories:
        if story.state is not None:
            known[request.name] = {
                **dict.fromkeys(TABLES["request"].schema),
                **story.state.facts,
                "service_request_id": request.name,
                "owner": request.owner,
                "partition": partition,
                "status": story.state.status,
                "updated_at": story.state.updated_at,
            }
    rows = pl.DataFrame(list(known.values()), schema=TABLES["request"].schema)
    return rows.with_columns(pl.coalesce("district", districts.of(rows)).alias("district"))


def request_window(partitions: Sequence[RequestsPartition], rules: Rules) -> pl.DataFrame:
    """Return the rows of ub.request_window; the counts of a partition that come to nothing make none."""
    start = (pl.col("ts") // rules.window_ms * rules.window_ms).alias("window_start")
    counted = [partition.counts.with_columns(start) for partition in partitions]
    sums = [
        frame.filter(pl.col("what") != "took")
        .group_by(_SLOT)
        .agg(pl.col("amount").filter(pl.col("what") == name).sum().alias(name) for name in COUNTS)
        .filter(pl.any_horizontal(pl.col(name) != 0 for name in COUNTS))
        for frame in counted
    ]
    summed = pl.concat([pl.DataFrame(schema=_SUMS), *sums]).group_by(_SLOT).agg(pl.col(*COUNTS).sum())
    took = pl.concat([pl.DataFrame(schema={**_COUNT, "window_start": pl.Int64}), *counted])
    took = took.filter(pl.col("what") == "took")
    took = took.with_columns(sketch.bins_of(took["amount"] * 1000).alias("bin"))
    medians = sketch.merged(took, _SLOT, {"median_s": 0.5}).select(*_SLOT, "median_s")
    rows = (
        summed.join(medians, on=_SLOT, how="left")
        .sort("cell", "service_code", "window_start")
        .with_columns(
            pl.col("open_change").cum_sum().over("cell", "service_code").alias("open_now"),
            pl.col("overdue_change").cum_sum().over("cell", "service_code").alias("overdue"),
            share("resolved_sum", "asked_resolved").alias("resolved_rate"),
            share("satisfied_sum", "asked_satisfied").alias("satisfaction"),
            pl.lit(rules.window_ms // 1000, pl.Int64).alias("window_s"),
        )
    )
    return cells.regions(with_resolution_rate(rows), rules.region_resolution).select(_COLUMNS)


def with_resolution_rate(rows: pl.DataFrame) -> pl.DataFrame:
    """Add what was closed as a share of that and what is still open."""
    with_all = rows.with_columns((pl.col("closed") + pl.col("open_now")).alias("all"))
    return with_all.with_columns(share("closed", "all").alias("resolution_rate")).drop("all")


def share(part: str, whole: str) -> pl.Expr:
    """Return a share, null of nothing."""
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))
