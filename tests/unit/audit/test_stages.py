"""What is audited: every table that a stage or the grid writes, every column, and by the right names."""

import click
import pytest

from schemas.metrics import METRICS as PIPELINES_METRICS
from streams.audit.command import audit
from streams.audit.run import concerned
from streams.audit.schema import TABLES, WINDOWS
from streams.audit.sensing.metrics import METRICS
from streams.audit.stages import STAGES
from streams.store.tables import TABLES as STORED

LEFT_OUT = {
    "cell_now": {"as_of"},
    "cell_window": {"revision"},
    "sensor_state": {"health"},
    "sensor_window": {"revision"},
    "request_window": {"revision"},
    "request": {"events"},
    "rejected_count": {"newest_at"},
}
"""Columns that tell of processing, or that only a fold reads."""


@pytest.mark.parametrize("name", sorted(TABLES.keys() & STORED.keys()))
def test_every_column_of_a_table_is_compared(name: str) -> None:
    assert set(TABLES[name].schema) == STORED[name].columns.keys() - LEFT_OUT.get(name, set())
    assert set(TABLES[name].key) == set(STORED[name].key)


def test_times_are_read_as_milliseconds_and_truths_as_words() -> None:
    query = TABLES["request"].query
    assert "(extract(epoch FROM rated_at) * 1000)::bigint AS rated_at" in query
    assert "resolved::text" in query


def test_every_table_of_a_stage_can_be_asked_for_by_name() -> None:
    (choice,) = [p.type for p in audit.params if p.name == "tables"]
    assert isinstance(choice, click.Choice)
    of_stages = {name for stage in STAGES for name in stage.tables}
    assert set(choice.choices) == of_stages | {"ledger", "rejected_count"} == TABLES.keys()
    assert {name for stage in STAGES for name in stage.of_grid} >= WINDOWS


@pytest.mark.parametrize(
    ("tables", "names"),
    [
        (("cell_now",), ["fleet"]),
        (("request", "sensor_window"), ["sensing", "requests"]),
        (("ledger",), ["fleet", "sensing", "requests"]),
        (("rejected_count",), ["fleet", "sensing", "requests"]),
    ],
)
def test_only_the_topics_that_a_table_follows_from_are_read(
    tables: tuple[str, ...], names: list[str]
) -> None:
    assert [stage.name for stage in concerned(tables)] == names


def test_the_metrics_written_down_once_more_are_those_of_the_pipeline() -> None:
    theirs = {m.name: (m.kind, m.unit, m.lowest, m.highest) for m in PIPELINES_METRICS.values()}
    assert theirs == METRICS
