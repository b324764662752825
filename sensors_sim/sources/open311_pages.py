"""Pages of Open311 GeoReport v2, in XML or JSON: the requests in them, as the objects that JSON has.

    <service_requests>                                        [
      <request>                                                 {
        <service_request_id>77</service_request_id>               "service_request_id": "77",
        <address/>                                                "address": null
      </request>                                                }
    </service_requests>                                       ]

What cannot be answered: <errors><error><code>404</code><description>...</description></error></errors>, in JSON a list.
"""

from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import chain
from typing import Any, BinaryIO
from xml.parsers import expat
from xml.parsers.expat import errors

import msgspec

from sensors_sim.not_json import NOT_JSON
from sensors_sim.sources.contract import BadRow
from sensors_sim.sources.gbfs_reference import objects
from sensors_sim.sources.polls import SHOWN

Request = dict[str, str | None]

_CHUNK = 65_536
_BEFORE_XML = BOM_UTF8 + b" \r\n\t"
"""Bytes that servers put in front of it, which has to begin at once."""
_ENDS_EARLY = {
    errors.codes[said]
    for said in (
        errors.XML_ERROR_NO_ELEMENTS,
        errors.XML_ERROR_UNCLOSED_TOKEN,
        errors.XML_ERROR_PARTIAL_CHAR,
        errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
}


def from_json(body: bytes) -> Iterator[Any]:
    """Yield the requests of a page: a list, one object, or either within `service_requests` (as XML has it).

    Tools that make JSON of XML keep the elements `request`: of one or a list of them, or of each in a list.

    Raises BadRow where it is no page.
    """
    try:
        found = msgspec.json.decode(body)
    except NOT_JSON:
        raise BadRow("not_a_feed", _beginning(body)) from None
    if isinstance(found, dict):
        found = found.get("service_requests", [found] if "service_request_id" in found else None)
    if isinstance(found, dict):
        found = found.get("request")
        found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or (found and not objects(found)):
        raise BadRow("not_a_feed", _beginning(body))
    if found and all("code" in one and "service_request_id" not in one for one in objects(found)):
        raise _error_answer(objects(found)[0])
    for one in found:
        inner = one.get("request") if isinstance(one, dict) and len(one) == 1 else None
        yield inner if isinstance(inner, dict) else one


def from_xml(file: BinaryIO) -> Iterator[Request]:
    """Yield the requests of a page while it is read.

    Raises BadRow where it is no page, or none any more: after those that came before. Raises UNREADABLE.
    """
    head = file.read(_CHUNK).lstrip(_BEFORE_XML)
    page = _Page(head)
    parser = page.parser()
    for chunk in chain([head], iter(partial(file.read, _CHUNK), b""), [b""]):
        wrong = _wrong(parser, chunk)
        yield from page.ended
        page.ended.clear()
        if wrong is not None:
            raise wrong


class _Page:
    """What the parser finds, element by element; `ended` are the requests that are complete."""

    def __init__(self, head: bytes) -> None:
        self.ended: list[Request] = []
        self._head = head
        self._open: list[str] = []  # the page, the request, its field, and elements within that
        self._request: Request = {}
        self._text: list[str] = []

    def parser(self) -> expat.XMLParserType:
        """Return a parser that tells this page. It gives names as "namespace name", or as "name"."""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.EntityDeclHandler = _refuse_entity
        parser.StartElementHandler = self._starts
        parser.CharacterDataHandler = self._says
        parser.EndElementHandler = self._ends
        return parser

    def _starts(self, name: str, _attributes: Mapping[str, str]) -> None:
        if not self._open and _split(name)[1] not in ("service_requests", "errors"):
            raise BadRow("not_a_feed", _beginning(self._head))
        self._open.append(name)
        if len(self._open) == 2:
            self._request = {}
        elif len(self._open) == 3:
            self._text = []

    def _says(self, text: str) -> None:
        if len(self._open) >= 3:
            self._text.append(text)

    def _ends(self, name: str) -> None:
        depth = len(self._open)
        if depth == 3:
            namespace, field = _split(name)
            # not a field of somebody else's that is called the same
            if namespace == _split(self._open[1])[0]:
                self._request[field] = "".join(self._text) or None
        elif depth < 3 and _split(self._open[0])[1] == "errors":
            raise _error_answer(self._request)
        elif depth == 2:
            self.ended.append(self._request)
        self._open.pop()


def _wrong(parser: expat.XMLParserType, chunk: bytes) -> BadRow | None:
    """Parse a chunk, the last of which is empty; return what is wrong with it."""
    try:
        parser.Parse(chunk, not chunk)
    except BadRow as bad:
        return bad
    except expat.ExpatError as error:
        if error.code in _ENDS_EARLY:
            return BadRow("not_xml", f"it ends early, in line {error.lineno}")
        return BadRow("not_xml", str(error))
    except (LookupError, ValueError) as error:  # how the encoding of the prolog is refused
        return BadRow("not_xml", f"{error}; save it as UTF-8")
    return None


def _refuse_entity(name: str, *_more: object) -> None:
    """Requests need none; what declares them may grow without end, or names files to be read."""
    raise BadRow("entity_declared", f"it declares the entity {name}")


def _split(name: str) -> tuple[str, str]:
    namespace, _, local = name.rpartition(" ")
    return namespace, local


def _error_answer(error: Mapping[str, object]) -> BadRow:
    said = (error.get("code"), error.get("description"))
    text = " ".join(str(part) for part in said if part is not None)
    return BadRow("error_answer", text or "no error is named")


def _beginning(body: bytes) -> str:
    return body[: 4 * SHOWN].decode(errors="replace").strip()[:SHOWN]
