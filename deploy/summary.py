"""The figures of a run, read from the tables, and how they are shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from streams.fold.contract import Ledger
from streams.store import queries
from streams.store.queries import AlertCounts, AlertRow, RejectedCount

STAGES = {"vehicles": "fleet", "sensors": "sensing", "requests": "requests"}
"""What readings are about (as in the MQTT topics), and the stage that folds them."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run did, as the tables say; `sent` as the city says, by what it is about.

    Without a city `sent` is empty: nobody knows what others sent.
    """

    sent: Mapping[str, int]
    ledgers: Mapping[str, Ledger]
    """By what readings are about, like `sent` and `refused_at_gateway`."""
    refused_at_gateway: Mapping[str, int]
    rejected: list[RejectedCount]
    windows: Mapping[str, int]
    complete: bool
    """Whether the windows count all that was applied."""
    alerts: AlertCounts
    oversaturated: list[AlertRow]
    refused_by_broker: int = 0
    refusal: str = ""
    """Why the broker refused some of what the city sent, and what to do about it, as the city says."""

    def arrived(self, about: str) -> int:
        """Return how many readings are accounted for, at the gateway or in their stage's ledger."""
        return self.ledgers[about].received + self.refused_at_gateway.get(about, 0)

    @property
    def missing(self) -> int:
        """How many of the readings that were sent are not accounted for."""
        return sum(max(0, self.sent.get(about, 0) - self.arrived(about)) for about in STAGES)

    @property
    def all_arrived(self) -> bool:
        """Whether all that was sent is accounted for."""
        return self.missing == 0

    @property
    def balanced(self) -> bool:
        """Nothing disappeared: all that was sent arrived, and all that was received has its place."""
        return self.all_arrived and all(
            ledger.received == ledger.applied + ledger.superseded + ledger.rejected
            for ledger in self.ledgers.values()
        )


def read(database_url: str, sent: Mapping[str, int]) -> Figures:
    """Read the figures of a run that sent so many readings."""
    with queries.connect(database_url) as connection:
        return Figures(
            sent=sent,
            ledgers={about: queries.ledger_totals(connection, stage) for about, stage in STAGES.items()},
            refused_at_gateway=queries.rejected_at_gateway(connection),
            rejected=queries.rejected_by_reason(connection),
            windows=queries.windows_written(connection),
            complete=queries.windows_complete(connection),
            alerts=queries.alert_counts(connection),
            oversaturated=queries.newest_oversaturated(connection),
        )


def render(console: Console, figures: Figures) -> None:
    """Print the summary."""
    console.print(_counts(figures))
    for item in figures.rejected:
        console.print(f"rejected: {item.count:,} {item.reason}")
    written = ", ".join(f"{count:,} {table}" for table, count in figures.windows.items())
    console.print(f"windows written: {written}")
    console.print(f"alerts: {figures.alerts.raised} raised, {figures.alerts.cleared} cleared")
    if figures.oversaturated:
        console.print(_oversaturated(figures.oversaturated))
    else:
        console.print("oversaturated at the end: none")
    verdict = "the ledgers balance" if figures.balanced else "THE LEDGERS DO NOT BALANCE"
    sent = f"{sum(figures.sent.values()):,} sent, " if figures.sent else ""
    console.print(
        f"{verdict}: {sent}{sum(map(figures.arrived, STAGES)):,} arrived; received = applied + superseded + rejected",
        style="green" if figures.balanced else "bold red",
    )
    if not figures.all_arrived:
        said = [f"{figures.missing:,} had not arrived at the end."]
        if figures.refusal:
            said.append(f"{figures.refusal[0].upper()}{figures.refusal[1:]}.")
        if figures.missing > figures.refused_by_broker:
            said.append(
                "If the machine does not keep up, ask less of it: `urbanbrain up --bikes 5000 --speed 20`"
            )
        console.print(" ".join(said), markup=False)


def _counts(figures: Figures) -> Table:
    table = Table("", *STAGES, title="Summary")
    ledgers = figures.ledgers
    lines = (
        ("sent by the city", {about: figures.sent.get(about, 0) for about in STAGES}),
        ("refused at the gateway", {about: figures.refused_at_gateway.get(about, 0) for about in STAGES}),
        ("received by the stage", {about: ledgers[about].received for about in STAGES}),
        ("  applied", {about: ledgers[about].applied for about in STAGES}),
        ("  superseded (known already, or older)", {about: ledgers[about].superseded for about in STAGES}),
        ("  rejected", {about: ledgers[about].rejected for about in STAGES}),
    )
    for name, counts in lines if figures.sent else lines[1:]:
        table.add_row(name, *(f"{counts[about]:,}" for about in STAGES))
    return table


def _oversaturated(rows: list[AlertRow]) -> Table:
    table = Table("cell", "bikes", "capacity", "severity", "by operator", title="Oversaturated at the end")
    for row in rows:
        shares = " ".join(f"{name}:{count}" for name, count in sorted(row.by_operator.items()))
        table.add_row(row.hex, str(row.occupancy), str(row.capacity), row.severity, shares)
    return table
