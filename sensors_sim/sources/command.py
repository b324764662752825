"""`urbanbrain sim inspect`, and the options of `sim replay` that are for feeds."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC
from pathlib import Path
from time import monotonic
from typing import Any

import click

from sensors_sim.counted import counted
from sensors_sim.encode import arrays
from sensors_sim.errors import SourceError
from sensors_sim.options import EXISTING_FILE, all_of
from sensors_sim.progress import LOG_EVERY_S
from sensors_sim.rhythm import local
from sensors_sim.sources.contract import Listener, Report, Source
from sensors_sim.sources.formats import FORMATS, Feed, open_feed
from sensors_sim.sources.gbfs import GbfsFiles
from sensors_sim.sources.gbfs_live import GbfsUrl
from sensors_sim.sources.gbfs_zones import Feature, collection
from sensors_sim.whole_file import write_whole

_MESSAGE = 500


feed_options = all_of(
    click.option(
        "--mapping",
        type=EXISTING_FILE,
        help="Format csv: file that says what the columns mean (TOML, docs/feeds.md).",
    ),
    click.option("--owner", help="Publish as this operator or owner (default: the one that the feed names)."),
    click.option(
        "--token-file", type=EXISTING_FILE, help="URL: file with the token to send as Authorization: Bearer."
    ),
)
"""Those that say how a feed is to be read."""


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """What the options above say."""

    mapping: Path | None
    owner: str | None
    token_file: Path | None
    memory: Path | None = None

    def refuse(self) -> None:
        """Refuse what is given of them: a recording has no use for it."""
        for field in fields(self):
            if getattr(self, field.name):
                raise click.UsageError(f"--{field.name.replace('_', '-')} is for feeds, with --format")

    def feed(self, where: str) -> Feed:
        """Return what to open."""
        token = None
        if self.token_file is not None:
            token = TokenFile(self.token_file)
            token()
        return Feed(where, self.mapping, self.owner, token, self.memory)


@dataclass(frozen=True, slots=True)
class TokenFile:
    """A file with an access token, read for each request: tokens expire, and who renews them writes the file anew."""

    path: Path

    def __call__(self) -> str:
        """Return the token. Raises SourceError where there is none."""
        try:
            token = self.path.read_text("ascii", errors="replace").strip()
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read ({error}): it must hold a token") from None
        if not token or not token.isprintable() or not token.isascii():
            raise SourceError(f"{self.path} holds no token: one line of ASCII characters is expected")
        return token


def aloud(where: str) -> Listener:
    """Return who says on stderr how far a large file is read, every few seconds."""
    last_at = monotonic()

    def say(count: int) -> None:
        nonlocal last_at
        if monotonic() - last_at >= LOG_EVERY_S:
            last_at = monotonic()
            click.echo(f"reading {where}: {counted(count, 'reading')} so far", err=True)

    return say


def report_lines(report: Report) -> Iterator[str]:
    """Yield what a source says about its rows, for people."""
    if report.figures:
        yield ", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in report.figures.items())
    for name in ("vehicles", "stations"):
        ids, once = report.figures[f"{name}_ids"], report.figures[f"{name}_ids_in_one_poll_only"]
        if 2 * once > ids:
            yield (
                f"{name}: most ids are seen in one poll only ({once:,} of {ids:,}): they rotate, "
                "and nothing can be followed from poll to poll"
            )
    for verb, reasons in (("noted", report.noted), ("skipped", report.skipped)):
        for what, count in sorted(reasons.items()):
            yield f"{verb} {count:,} of {counted(report.rows, 'row')}: {what}, first {report.examples[what]}"


@click.command("inspect")
@click.argument("where", metavar="FILE|FOLDER|URL")
@click.option(
    "--format", "format_", type=click.Choice(list(FORMATS)), required=True, help="Format of the feed."
)
@feed_options
@click.option(
    "--zones",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Format gbfs: write the valid geofencing zones to this file (GeoJSON).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def inspect_command(
    where: str,
    format_: str,
    zones: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Show what a feed holds and what is wrong with it.

    Publishes nothing. A URL is polled once.
    """
    feed = replace(FeedOptions(**given).feed(where), listener=aloud(where))
    source = open_feed(format_, feed)
    found = _read(source, feed.live, aloud(f"{where} in order of time"))
    if zones is not None:
        _write(zones, source)
    report = source.report
    if as_json:
        click.echo(
            json.dumps(
                {
                    "rows": report.rows,
                    "readings": {about: found.told[about] for about in ("vehicles", "sensors", "requests")},
                    "owners": sorted(found.owners),
                    "first_ts": found.first,
                    "last_ts": found.last,
                    "figures": dict(report.figures),
                    "noted": dict(sorted(report.noted.items())),
                    "skipped": dict(sorted(report.skipped.items())),
                    "examples": report.examples,
                }
            )
        )
        return
    told = ", ".join(f"{count:,} of {about}" for about, count in found.told.items()) or "nothing"
    click.echo(
        f"{counted(report.rows, 'row')}, to be published: {told}; by {', '.join(sorted(found.owners)) or 'nobody'}"
    )
    if found.first is not None and found.last is not None:
        first, last = local(found.first, UTC), local(found.last, UTC)
        click.echo(f"event time {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC")
    for line in report_lines(report):
        click.echo(line)


@dataclass(slots=True)
class _Found:
    told: Counter[str]
    owners: set[str]
    first: int | None = None
    last: int | None = None


def _read(source: Source, live: bool, listener: Listener) -> _Found:
    """Read a source to its end; a live one until it waits."""
    found = _Found(Counter(), set())
    for batch in source.batches():
        if live and len(batch) == 0:
            break
        for message in arrays(batch, _MESSAGE):
            found.told[message.about] += message.readings
            found.owners.add(message.topic.split("/")[2])
        listener(found.told.total())
        if len(batch):
            found.first = int(batch.ts[0]) if found.first is None else found.first
            found.last = int(batch.ts[-1])
    return found


def _write(path: Path, source: Source) -> None:
    zones: list[Feature] = source.zones if isinstance(source, GbfsFiles | GbfsUrl) else []
    if not zones:
        raise SourceError(
            "--zones: the feed holds no valid geofencing zone (of format gbfs); leave the option out"
        )
    try:
        write_whole(path, (json.dumps(collection(zones), ensure_ascii=False, indent=1) + "\n").encode())
    except OSError as error:
        raise SourceError(
            f"cannot write the zones to {path}: {error.strerror or error}; name a file in a folder that is there "
            "and yours, on a disk with room"
        ) from None
