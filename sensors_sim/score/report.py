"""A score for people (rich tables) and for programs (JSON)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sensors_sim.score.figures import Figures, figures, kinds
from sensors_sim.score.lives import Life
from sensors_sim.score.matching import Due, Judged
from sensors_sim.score.truth import Entry
from sensors_sim.truth.entry import iso

MOST_ROWS = 200
"""Rows of a table for people; JSON has all of them."""


def render(judged: Judged, notes: Sequence[str]) -> RenderableType:
    """Return tables: the figures by kind, every due alert, every false alarm, what was tolerated."""
    truth = judged.truth
    parts: list[RenderableType] = [
        Text(
            f"{truth.scenario}: {_when(truth.begin)} to {_when(truth.end)} UTC, {truth.hours:.2f} h", "bold"
        ),
        _figures(judged),
    ]
    if judged.due:
        rows = [_due_row(due) for due in judged.due]
        parts.append(_table("Due", ("kind", "where", "from", "found after", "by", "why"), rows))
    if judged.false:
        rows = [(*_alert_row(life), "" if entry is None else entry.why) for life, entry in judged.false]
        parts.append(_table("False alarms", (*_ALERT, "silence was due"), rows))
    if judged.tolerated:
        rows = [(*_alert_row(life), entry.why) for life, entry in judged.tolerated]
        parts.append(_table("Tolerated", (*_ALERT, "why"), rows))
    if judged.not_judged:
        rows = [(*_alert_row(life), reason) for life, reason in judged.not_judged]
        parts.append(_table("Not judged", (*_ALERT, "why"), rows))
    parts += [Text(f"note: {note}", "yellow") for note in notes]
    return Group(*parts)


_ALERT = ("raised (UTC)", "kind", "where", "severity", "alert")


def _figures(judged: Judged) -> Table:
    table = Table("alerts", title="Score", title_justify="left")
    for name in ("due", "found", "recall", "true", "false", "precision", "tolerated",
                 "delay, median", "longest", "false an hour"):  # fmt: skip
        table.add_column(name, justify="right")
    of_kind = kinds(judged)
    for kind in of_kind:
        table.add_row(kind, *_figure_cells(figures(judged, kind)))
    if len(of_kind) != 1:
        table.add_row("all", *_figure_cells(figures(judged)), style="bold")
    return table


def _figure_cells(of: Figures) -> tuple[str, ...]:
    return (
        str(of.due),
        str(of.found),
        _or_dash(of.recall, "{:.3f}"),
        str(of.true),
        str(of.false),
        _or_dash(of.precision, "{:.3f}"),
        str(of.tolerated),
        _or_dash(of.delay_median_s, "{:.0f} s"),
        _or_dash(of.delay_max_s, "{:.0f} s"),
        _or_dash(of.false_per_hour, "{:.2f}"),
    )


def _due_row(due: Due) -> tuple[str | Text, ...]:
    entry = due.entry
    found: str | Text = Text("MISSED", "bold red")
    if due.delay_ms is not None:
        found = f"{due.delay_ms / 1000:.0f} s"
    more = f" and {len(due.by) - 1} more" if len(due.by) > 1 else ""
    by = f"{due.by[0].severity} {due.by[0].cell}{more}" if due.by else ""
    return entry.kind, _place(entry), _when(entry.begin), found, by, entry.why


def _place(entry: Entry) -> str:
    cells = sorted(entry.cells)
    where = cells[0] if cells else "anywhere"
    if len(cells) > 1:
        where += f" or {len(cells) - 1} more"
    return where if entry.subject is None else f"{entry.subject} in {where}"


def _alert_row(life: Life) -> tuple[str, ...]:
    where = life.cell if life.subject is None else f"{life.subject} in {life.cell}"
    return _when(life.raised_at), life.kind, where, life.severity, life.summary


def _table(title: str, columns: Sequence[str], rows: Sequence[Iterable[str | Text]]) -> Table:
    table = Table(*columns, title=f"{title} ({len(rows)})", title_justify="left")
    for row in rows[:MOST_ROWS]:
        table.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in row))
    if len(rows) > MOST_ROWS:
        table.caption = f"and {len(rows) - MOST_ROWS} more; --json has all of them"
    return table


def as_json(judged: Judged, notes: Sequence[str]) -> dict[str, Any]:
    """Return everything as plain values; docs/scoring.md describes them."""
    truth = judged.truth
    return {
        "scenario": truth.scenario,
        "seed": truth.seed,
        "begin": iso(truth.begin),
        "end": iso(truth.end),
        "all": _figures_json(figures(judged)),
        "kinds": {kind: _figures_json(figures(judged, kind)) for kind in kinds(judged)},
        "due": [
            {
                **_entry_json(due.entry),
                "found": bool(due.by),
                "delay_s": None if due.delay_ms is None else due.delay_ms / 1000,
                "alerts": [life.alert_id for life in due.by],
            }
            for due in judged.due
        ],
        "false": [
            {**_life_json(life), "silent": None if entry is None else entry.why}
            for life, entry in judged.false
        ],
        "tolerated": [{**_life_json(life), "why": entry.why} for life, entry in judged.tolerated],
        "not_judged": [{**_life_json(life), "why": reason} for life, reason in judged.not_judged],
        "notes": list(notes),
    }


def _figures_json(of: Figures) -> dict[str, Any]:
    return {
        "due": of.due,
        "found": of.found,
        "missed": of.due - of.found,
        "alerts": of.true + of.tolerated + of.false,
        "true": of.true,
        "tolerated": of.tolerated,
        "false": of.false,
        "precision": of.precision,
        "recall": of.recall,
        "delay_median_s": of.delay_median_s,
        "delay_max_s": of.delay_max_s,
        "false_per_hour": of.false_per_hour,
        "hours": of.hours,
    }


def _entry_json(entry: Entry) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "cells": sorted(entry.cells),
        "subject": entry.subject,
        "from": iso(entry.begin),
        "to": iso(entry.end),
        "why": entry.why,
    }


def _life_json(life: Life) -> dict[str, Any]:
    return {
        "alert_id": life.alert_id,
        "kind": life.kind,
        "cell": life.cell,
        "subject": life.subject,
        "severity": life.severity,
        "raised_at": iso(life.raised_at),
        "cleared_at": None if life.cleared_at is None else iso(life.cleared_at),
        "summary": life.summary,
    }


def _when(ts: int) -> str:
    return f"{datetime.fromtimestamp(ts / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
