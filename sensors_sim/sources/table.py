"""Any CSV file as a source, by a mapping; and Open311 GeoReport v2, whose mapping is known.

https://wiki.open311.org/GeoReport_v2/: GET requests answers with a list of requests, in XML or JSON; cities publish the
same columns as CSV. Rows need not be in order of time.
"""

import csv
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

from sensors_sim.columns import Mixed
from sensors_sim.errors import SourceError
from sensors_sim.sources.contract import BadRow, Listener, Report, unheard
from sensors_sim.sources.files import (
    UNREADABLE,
    begins_with,
    documents,
    is_xml,
    json_files,
    open_bytes,
    open_text,
    table_files,
)
from sensors_sim.sources.held import Held
from sensors_sim.sources.mapped import Mapper
from sensors_sim.sources.mapping import TableMapping, parse
from sensors_sim.sources.names import owner_name
from sensors_sim.sources.one_life import one_life
from sensors_sim.sources.open311_pages import from_json, from_xml

_SHOWN_NAMES = 20
_BEFORE_THE_DATA = 50
"""Rows in which the names of the columns are looked for."""
_ZIP = "PK\x03\x04"


class _Table:
    """Rows of texts, as they are found, through a mapper into order.

    `pages`: of documents on requests, which overlap (one_life.py).
    """

    def __init__(self, mapping: TableMapping, listener: Listener, *, pages: bool = False) -> None:
        self.report = Report()
        self._mapping = mapping
        self._mapper = Mapper(mapping, self.report, in_full=pages)
        self._held = Held(sift=partial(one_life, report=self.report) if pages else None, listener=listener)

    @property
    def start_ms(self) -> int | None:
        """Time of the first row."""
        return self._held.start_ms

    @property
    def end_ms(self) -> int | None:
        """Time of the last row."""
        return self._held.end_ms

    def batches(self) -> Iterator[Mixed]:
        """Yield the rows by time."""
        return self._held.batches()

    def _take(self, texts: dict[str, str], where: str) -> None:
        self.report.rows += 1
        try:
            for row in self._mapper.rows(texts, where):
                self._held.add(self._mapping.owner, self._mapping.kind, row)
        except BadRow as bad:
            self.report.skip(bad.reason, f"{where}: {bad.value[:80]!r}")

    def _read_csv(self, path: Path, optional: frozenset[str] = frozenset(), name: str = "") -> None:
        """Take in a file. Raises SourceError where it is no CSV or lacks a column that is not optional.

        `name` says which of several it is, in front of the numbers of lines.
        """
        mapping, report = self._mapping, self.report
        line = f"{name} line".lstrip()
        try:
            with open_text(path, mapping.encoding) as file:
                rows = csv.reader(file, delimiter=mapping.delimiter)
                columns = _columns(_header(rows, {*mapping.needed} - optional), mapping, optional, path)
                last = max(columns.values())
                while True:
                    try:
                        row = next(rows)
                    except StopIteration:
                        return
                    except csv.Error as error:
                        report.rows += 1
                        report.skip("not_csv", f"{line} {rows.line_num}: {error}")
                        continue
                    if not row:
                        continue
                    if len(row) <= last:
                        report.rows += 1
                        report.skip(
                            "too_few_columns", f"{line} {rows.line_num}: {mapping.delimiter.join(row)[:80]!r}"
                        )
                        continue
                    texts = dict.fromkeys(mapping.needed, "") if optional else {}
                    texts |= {column: row[index] for column, index in columns.items()}
                    self._take(texts, f"{line} {rows.line_num}")
        except (*UNREADABLE, csv.Error, UnicodeError) as error:
            raise SourceError(
                f"cannot read {path} ({error}); it must be a CSV file, plain or gzipped"
            ) from None


class MappedCsv(_Table):
    """A CSV file, or a folder of files with the same columns, read by a mapping."""

    def __init__(self, where: Path, mapping: TableMapping, listener: Listener = unheard) -> None:
        super().__init__(mapping, listener)
        for path in table_files(where):
            self._read_csv(path, name="" if where.is_file() else str(path.relative_to(where)))


class Open311(_Table):
    """Requests as GeoReport v2 answers with them (a file, or a folder of pages), or a CSV file of the same columns."""

    def __init__(self, where: Path, owner: str | None, listener: Listener = unheard) -> None:
        super().__init__(open311_mapping(owner_name(owner or "open311")), listener, pages=True)
        if where.is_file() and _is_table(where):
            self._read_csv(where, optional=_OPTIONAL)
            return
        for path in json_files(where, ".xml"):
            self._read_page(path, path.name if where.is_file() else str(path.relative_to(where)))
        if not self.report.figures["pages"]:
            raise SourceError(
                f"{where} holds no Open311 requests: <service_requests> of XML, or a JSON list of objects with "
                f"service_request_id, is expected; found: {next(iter(self.report.examples.values()), 'nothing')}"
            )

    def _read_page(self, path: Path, name: str) -> None:
        try:
            if is_xml(path):
                with open_bytes(path) as file:
                    self._take_page(from_xml(file), name)
                return
            for document in documents(path, name):
                self._take_page(from_json(document.body), document.where)
        except UNREADABLE as error:
            self.report.rows += 1
            self.report.skip("file_unreadable", f"{name}: {error}")

    def _take_page(self, requests: Iterable[object], where: str) -> None:
        number = 0
        try:
            for number, request in enumerate(requests, 1):
                if number == 1:
                    self.report.figures["pages"] += 1  # now: what is wrong further on leaves it a page
                self._take_object(request, f"{where} request {number}")
            if number == 0:
                self.report.figures["pages"] += 1
        except BadRow as bad:
            self.report.rows += 1
            self.report.skip(bad.reason, f"{where}: {bad.value[:80]!r}")

    def _take_object(self, request: object, where: str) -> None:
        if isinstance(request, dict):
            self._take({name: _text(request.get(name)) for name in self._mapping.needed}, where)
        else:
            self.report.rows += 1
            self.report.skip("not_an_object", f"{where}: {request!r:.80}")


def open311_mapping(owner: str) -> TableMapping:
    """Return how GeoReport v2 is read. `updated_datetime` of a closed request is when it was closed."""
    same = (
        "service_request_id", "service_code", "status", "lat", "description", "agency_responsible", "address",
        "status_notes", "expected_datetime",
    )  # fmt: skip
    columns = {name: name for name in same}
    renamed = {"opened": "requested_datetime", "updated": "updated_datetime", "lon": "long"}
    return parse(
        {
            "kind": "requests",
            "owner": owner,
            "id_prefix": f"{owner}-",
            "missing": ["null"],
            "columns": columns | renamed,
        }
    )


_OPTIONAL = frozenset(
    {
        "status",
        "description",
        "agency_responsible",
        "address",
        "status_notes",
        "expected_datetime",
        "updated_datetime",
    }
)


def _header(rows: Iterator[list[str]], needed: set[str]) -> list[str]:
    """Return the names of the columns: of the first rows the one with the most of those that are needed.

    Before it there may be what Excel is told by `sep=;`, or what a table says of itself: whose it is, and of when.
    """
    best: list[str] = []
    most = -1
    for row in islice(rows, _BEFORE_THE_DATA):
        names = [name.strip() for name in row]
        found = len(needed.intersection(names))
        if any(names) and found > most and not (names[0].startswith("sep=") and not any(names[1:])):
            best, most = names, found
        if found == len(needed):
            break
    return best


def _columns(
    header: list[str], mapping: TableMapping, optional: frozenset[str], path: Path
) -> dict[str, int]:
    found = {name: index for index, name in reversed(list(enumerate(header)))}
    missing = [name for name in mapping.needed if name not in found and name not in optional]
    if missing and header and header[0].startswith(_ZIP):
        raise SourceError(
            f"{path} is a workbook or an archive (of Excel, say), not a table of text; save the table as CSV"
        )
    if missing:
        shown = ", ".join(header[:_SHOWN_NAMES]) or "none"
        raise SourceError(
            f"{path} lacks the columns {', '.join(missing)}; found: {shown}; "
            f"check the names, the delimiter ({mapping.delimiter!r}) and the encoding ({mapping.encoding})"
        )
    return {name: found[name] for name in mapping.needed if name in found}


def _is_table(path: Path) -> bool:
    try:
        return not begins_with(path, b"[{<")
    except UNREADABLE as error:
        raise SourceError(
            f"cannot read {path} ({error}); it must be XML, JSON or CSV, plain or gzipped"
        ) from None


def _text(value: object) -> str:
    if isinstance(value, dict | list):  # an empty element of XML is {}, where a tool made JSON of it
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 7.0 is what 7 is; tools write so where others of a column are missing
    return "" if value is None else str(value)
