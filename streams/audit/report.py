"""A report as a person reads it, or as JSON."""

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from streams.audit.compare import Difference
from streams.audit.run import Report
from streams.audit.values import moment
from streams.counted import counted


def as_json(report: Report) -> str:
    """Return the report as one JSON object; times are milliseconds, cells are H3 indices."""
    body: dict[str, Any] = {
        "equal": report.differing == 0,
        "differing": report.differing,
        "tables": {
            c.table: {"compared": c.compared, "moving": c.moving, "differing": c.differing}
            for c in report.comparisons
        },
        "differences": list(_differences(report)),
        "offsets": report.offsets,
        "watermarks": report.watermarks,
        "readings": report.readings,
        "read_s": round(report.read_s, 3),
        "compute_s": round(report.compute_s, 3),
    }
    return msgspec.json.encode(body).decode()


def show(report: Report, console: Console) -> None:
    """Print the tables, every difference that the report holds, and the verdict."""
    table = Table("table", "rows compared", "still moving", "differences")
    for column in table.columns[1:]:
        column.justify = "right"
    for c in report.comparisons:
        table.add_row(c.table, f"{c.compared:,}", f"{c.moving:,}", f"{c.differing:,}")
    console.print(table)
    for topic, offsets in report.offsets.items():
        marks = report.watermarks[topic]
        reached = ", ".join(
            f"{partition}: {offset} ({moment(marks[partition]) if partition in marks else 'nothing'})"
            for partition, offset in offsets.items()
        )
        console.print(
            f"up to these offsets of {topic} (and their watermarks): {reached or 'none'}", markup=False
        )
    seconds = report.read_s + report.compute_s
    console.print(
        f"{counted(report.readings, 'reading')}, read in {report.read_s:.1f} s, computed and compared in "
        f"{report.compute_s:.1f} s ({report.readings / max(seconds, 0.001):,.0f}/s)"
    )
    moving = sum(c.moving for c in report.comparisons)
    if moving:
        console.print(
            f"{counted(moving, 'row is', 'rows are')} still changing and not compared; audit again later, "
            "or with --complete once nothing is published any more"
        )
    for difference in _differences(report):
        console.print(str(difference), markup=False, highlight=False, soft_wrap=True)
    hidden = report.differing - sum(len(c.differences) for c in report.comparisons)
    if hidden:
        console.print(f"... and {hidden:,} more (see --limit)")
    compared = sum(c.compared for c in report.comparisons)
    if report.differing:
        console.print(
            f"{report.differing:,} of {counted(compared, 'row')} {'differs' if report.differing == 1 else 'differ'}",
            style="bold red",
        )
    else:
        console.print(f"no difference in {counted(compared, 'row')}", style="bold green")


def _differences(report: Report) -> Iterator[Difference]:
    for comparison in report.comparisons:
        yield from comparison.differences
