"""Truth and alerts from files."""

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from sensors_sim.errors import SourceError
from sensors_sim.not_json import NOT_JSON
from sensors_sim.score.lives import LATEST_MS, AlertEvent
from sensors_sim.score.truth import ANY_KIND, Entry, Truth

_CELL = re.compile("8[0-9a-f]{14}")


class _Entry(msgspec.Struct, frozen=True):
    kind: str
    begin: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    cells: list[str] = []
    subject: str | None = None
    why: str = ""


class _Truth(msgspec.Struct, frozen=True):
    scenario: str
    begin: datetime
    end: datetime
    due: list[_Entry]
    seed: int | None = None
    may: list[_Entry] = []
    silent: list[_Entry] = []


def read_truth(path: Path) -> Truth:
    """Return what a truth file says; SourceError names the file, the place in it and the rule."""
    return parse_truth(_bytes(path), str(path))


def parse_truth(text: bytes, name: str) -> Truth:
    """Return what the JSON text of a truth file says; `name` stands in errors."""
    try:
        raw = msgspec.json.decode(text, type=_Truth)
    except NOT_JSON as error:
        raise SourceError(f"{name} is not a ground truth: {error}; docs/scoring.md shows the form") from None
    begin, end = _ms(raw.begin, f"{name}: begin"), _ms(raw.end, f"{name}: end")
    if not begin < end:
        raise SourceError(f"{name}: begin {raw.begin} is not before end {raw.end}")
    lists = {
        group: tuple(_entry(one, f"{name}: {group}[{at}]") for at, one in enumerate(getattr(raw, group)))
        for group in ("due", "may", "silent")
    }
    for at, entry in enumerate(lists["due"]):
        if entry.kind == ANY_KIND:
            raise SourceError(f"{name}: due[{at}].kind is {ANY_KIND!r}; what is due has one kind")
    return Truth(raw.scenario, raw.seed, begin, end, **lists)


def _entry(raw: _Entry, where: str) -> Entry:
    for cell in raw.cells:
        if not _CELL.fullmatch(cell):
            raise SourceError(
                f"{where}.cells has {cell!r}: an H3 cell is 15 hex digits, as in 8930994a553ffff"
            )
    begin, end = _ms(raw.begin, f"{where}.from"), _ms(raw.end, f"{where}.to")
    if begin > end:
        raise SourceError(f"{where}: from {raw.begin} is later than to {raw.end}")
    return Entry(raw.kind, frozenset(raw.cells), begin, end, raw.subject, raw.why)


def _ms(moment: datetime, where: str) -> int:
    if moment.tzinfo is None:
        raise SourceError(f"{where} is {moment.isoformat()}, without an offset; write 2026-03-02T00:00:00Z")
    ms = round(moment.timestamp() * 1000)
    if not 0 <= ms <= LATEST_MS:
        raise SourceError(f"{where} is {moment.isoformat()}; a scenario lies in the years 1970 to 9999 (UTC)")
    return ms


@dataclass(slots=True)
class AlertLog:
    """Events of alerts, and what was no event: counted, with the first one as an example."""

    events: list[AlertEvent] = field(default_factory=list)
    skipped: int = 0
    example: str = ""

    def add(self, text: bytes | str, where: str) -> None:
        """Take one alert, or one row of api.alert_history (its column `body` is the alert), as JSON.

        What people did about alerts, which `urbanbrain alerts tail --json` tells too, is passed over.
        """
        try:
            raw = msgspec.json.decode(text)
            if isinstance(raw, dict) and "action_id" in raw:
                return
            self.events.append(msgspec.convert(_body(raw), type=AlertEvent))
        except NOT_JSON as error:
            self.skipped += 1
            self.example = self.example or f"{where}: {error}"


def read_alerts(path: Path) -> AlertLog:
    """Return the alerts of a file: a JSON object a line, or one JSON array of them."""
    log = AlertLog()
    for where, text in _records(_bytes(path)):
        log.add(text, where)
    if log.skipped and not log.events:
        raise SourceError(
            f"{path} holds no alert; {log.example}. Write it with `urbanbrain alerts tail --json`, "
            "or from api.alert_history"
        )
    return log


def _records(text: bytes) -> Iterator[tuple[str, bytes]]:
    if text.lstrip().startswith(b"["):
        try:
            for at, raw in enumerate(msgspec.json.decode(text, type=list[msgspec.Raw])):
                yield f"element {at}", bytes(raw)
            return
        except NOT_JSON:
            pass  # lines then: each will be reported as what it is
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield f"line {number}", line


def _body(raw: Any) -> Any:
    if isinstance(raw, dict) and isinstance(raw.get("body"), dict):
        return raw["body"]
    return raw


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes().removeprefix(BOM_UTF8)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from None
