"""`urbanbrain incidents list|show`: alerts that belong together."""

from dataclasses import asdict
from typing import Literal

import click

from streams import settings as settings_module
from streams.commands import listed
from streams.commands.values import MOST_NAME, Cell, Text
from streams.numbers import Whole
from streams.printable import printable
from streams.terminal import Terminal
from streams.times import to_second


@click.group()
def incidents() -> None:
    """List and show incidents: alerts whose cells touch."""


@incidents.command("list")
@click.option(
    "--status",
    type=click.Choice(["active", "ended", "merged"]),
    help="Only incidents with this status.  [default: active]",
)
@click.option("--all", "all_", is_flag=True, help="Incidents of every status.")
@click.option("--cell", type=Cell(), help="Only incidents that include this cell (H3 index in hex).")
@click.option(
    "--limit",
    type=Whole(min=1),
    default=50,
    show_default=True,
    help="Maximum number of incidents to list.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(
    status: Literal["active", "ended", "merged"] | None,
    all_: bool,
    cell: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List incidents, newest start first."""
    if all_ and status:
        raise click.UsageError("--all shows every status; leave --status out")
    from streams.store import incidents as store  # noqa: PLC0415
    from streams.store import queries  # noqa: PLC0415

    wanted = None if all_ else status or "active"
    table = listed.table("since (UTC)", "until", "severity", "cells", "alerts", "kinds", "zones", "incident")
    with queries.connect(settings_module.load().database_url.get_secret_value()) as connection:
        for row in store.incidents(connection, status=wanted, cell=cell, limit=limit):
            if as_json:
                listed.show_as_json(row)
                continue
            table.add_row(
                to_second(row.started_at),
                row.status if row.ended_at is None else f"{to_second(row.ended_at)} {row.status}",
                row.severity,
                str(len(row.cells)),
                str(len(row.alerts)),
                ", ".join(row.kinds),
                ", ".join(row.zones),
                row.incident_id,
            )
    if not as_json:
        over = "; --all shows those that are over, too" if wanted == "active" else ""
        listed.show(table, none=f"no matching incident is {wanted or 'there'}{over}")


@incidents.command()
@click.argument("incident_id", metavar="ID", type=Text(MOST_NAME, "ID"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with the outline.")
def show(incident_id: str, as_json: bool) -> None:
    """Show one incident with its present and past alerts. The beginning of the ID is enough."""
    from streams.alerts.shown import plain  # noqa: PLC0415
    from streams.store import incidents as store  # noqa: PLC0415
    from streams.store import queries  # noqa: PLC0415

    with queries.connect(settings_module.load().database_url.get_secret_value()) as connection:
        found = store.resolve(connection, incident_id)
        (row,) = store.incidents(connection, incident_id=found)
        parts = store.parts(connection, found)
    if as_json:
        listed.show_as_json(row, parts=[{**plain(asdict(part)), "cell": part.hex} for part in parts])
        return
    until = "" if row.ended_at is None else f" to {to_second(row.ended_at)}"
    lines = [
        f"incident   {row.incident_id}",
        f"what       {row.severity}, {row.status}: {row.summary}",
        f"since      {to_second(row.started_at)}{until} UTC (event time)",
        f"where      {' '.join(row.rollup)}, region {row.region}",
        *([] if row.split_from is None else [f"was part of {row.split_from}"]),
        *([] if row.merged_into is None else [f"is part of  {row.merged_into}"]),
        "",
        "alerts (since, event time, UTC)",
    ]
    lines += [
        f"  {to_second(part.starts_at)}  {part.status:<7} {part.severity:<8} {part.kind}  {part.hex}  {part.alert_id}  "
        f"{part.summary}"
        for part in parts
    ]
    Terminal(highlight=False, soft_wrap=True).print("\n".join(map(printable, lines)), markup=False)
