"""`urbanbrain policy`: look at a policy before it is live."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from streams import settings as settings_module
from streams.incidents.overview import lines
from streams.policy_file import city_of, read_policy

FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def policy() -> None:
    """Check a policy file, and try it on what was recorded."""


@policy.command()
@FILE
def check(file: Path) -> None:
    """Say all that is wrong with a policy FILE (GeoJSON zones, or MDS policies), and what it decides about.

    Cells and regions are those of the settings. Exit code 1 where a worker would refuse the file.
    """
    settings = settings_module.load()
    read, findings = read_policy(settings, file)
    table = Table("policy", "zone or rule", "bounds", "when", "counts", "cells", "cells of one before it")
    for line in lines(read, city_of(settings).cells):
        shared = ", ".join(f"{count} of {name}" for name, count in line.shared)
        table.add_row(line.policy, line.name, line.bounds, line.when, line.what, str(line.cells), shared)
    console = Console(highlight=False, soft_wrap=True)
    if table.row_count:
        Console(highlight=False).print(table)
    for text in findings.notes:
        console.print(f"note   {text}", markup=False)
    for text in findings.errors:
        console.print(f"error  {text}", markup=False)
    if findings.errors:
        sys.exit(1)
    console.print(
        f"{read.name} can be used: version {read.version}, hours of {settings.timezone}", markup=False
    )
