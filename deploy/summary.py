"""The figures of a run, read from the tables, and how they are shown."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from streams.fold import Ledger
from streams.settings import Settings
from streams.store import queries
from streams.store.queries import AlertCounts, AlertRow, RejectedCount


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run did. `sent` is what the city published; the rest is what the tables say."""

    sent: int
    ledger: Ledger
    refused_at_gateway: int
    rejected: list[RejectedCount]
    windows: int
    readings_in_windows: int
    alerts: AlertCounts
    oversaturated: list[AlertRow]

    @property
    def arrived(self) -> int:
        """Readings that are accounted for, at the gateway or in the fleet's ledger."""
        return self.ledger.received + self.refused_at_gateway

    @property
    def balanced(self) -> bool:
        """Nothing disappeared: all that was sent arrived, and all that was received has its place."""
        entries = self.ledger.applied + self.ledger.superseded + self.ledger.rejected
        return self.arrived >= self.sent and self.ledger.received == entries


def read(database_url: str, sent: int) -> Figures:
    """Read the figures of a run that sent `sent` readings."""
    with queries.connect(database_url) as connection:
        return Figures(
            sent=sent,
            ledger=queries.ledger_totals(connection, "fleet"),
            refused_at_gateway=queries.rejected_at_gateway(connection),
            rejected=queries.rejected_by_reason(connection),
            windows=queries.windows_written(connection),
            readings_in_windows=queries.readings_in_windows(connection),
            alerts=queries.alert_counts(connection),
            oversaturated=queries.newest_oversaturated(connection),
        )


def render(console: Console, figures: Figures, settings: Settings) -> None:
    """Print the summary."""
    ledger = figures.ledger
    table = Table("", "readings", title="Summary")
    for name, count in (
        ("sent by the city", figures.sent),
        ("refused at the gateway", figures.refused_at_gateway),
        ("received by the fleet", ledger.received),
        ("  applied", ledger.applied),
        ("  superseded (not newer than the vehicle's newest)", ledger.superseded),
        ("  rejected", ledger.rejected),
        *((f"rejected: {item.reason}", item.count) for item in figures.rejected),
    ):
        table.add_row(name, f"{count:,}")
    console.print(table)
    console.print(f"windows written: {figures.windows:,}")
    console.print(f"alerts: {figures.alerts.raised} raised, {figures.alerts.cleared} cleared")
    if figures.oversaturated:
        cells = Table(
            "cell", "bikes", "capacity", "severity", "by operator", title="Oversaturated at the end"
        )
        for row in figures.oversaturated:
            shares = " ".join(f"{name}:{count}" for name, count in sorted(row.by_operator.items()))
            cells.add_row(row.hex, str(row.occupancy), str(row.capacity), row.severity, shares)
        console.print(cells)
    else:
        console.print("oversaturated at the end: none")
    console.print(
        "query:      SELECT * FROM api.cell_minute ORDER BY minute DESC LIMIT 10;   (views: schema api)"
    )
    console.print("subscribe:  urbanbrain alerts tail   |   MQTT ub/v1/alerts/#   |   Kafka topic ub.alerts")
    verdict = "the ledger balances" if figures.balanced else "THE LEDGER DOES NOT BALANCE"
    console.print(
        f"{verdict}: {figures.sent:,} sent, {figures.arrived:,} arrived; "
        f"{ledger.received:,} = {ledger.applied:,} + {ledger.superseded:,} + {ledger.rejected:,}",
        style="green" if figures.balanced else "bold red",
    )
