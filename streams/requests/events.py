"""An event as its request keeps it, and the order of a request's events."""

import msgspec

from schemas.requests import REQUEST_EVENT_TYPES, CitizenRequest, RequestEventType

_RANK = {name: rank for rank, name in enumerate(REQUEST_EVENT_TYPES)}


class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A CitizenRequest without what all events of its request share."""

    ts: int
    event: RequestEventType
    service_code: str | None = None
    lat: float | None = None
    lon: float | None = None
    description: str | None = None
    agency_responsible: str | None = None
    address: str | None = None
    district: str | None = None
    expected_datetime: int | None = None
    status_notes: str | None = None
    resolved: bool | None = None
    satisfaction: int | None = None


class Item(msgspec.Struct, frozen=True, gc=False):
    """An event with its place in the order: ts, then opened < updated < closed < rated, then its JSON.

    Two events with the same JSON are one and the same.
    """

    ts: int
    rank: int
    text: bytes
    event: Event
    cell: int | None
    """H3 index of its place."""

    def __lt__(self, other: "Item") -> bool:
        return (self.ts, self.rank, self.text) < (other.ts, other.rank, other.text)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


def item_of(said: CitizenRequest, cell: int | None) -> Item:
    """Return the item of an event; `cell` is that of its place."""
    event = Event(
        said.ts,
        said.event,
        said.service_code,
        said.lat,
        said.lon,
        said.description,
        said.agency_responsible,
        said.address,
        said.district,
        said.expected_datetime,
        said.status_notes,
        said.resolved,
        said.satisfaction,
    )
    return Item(event.ts, _RANK[event.event], _encode(event), event, cell)


def said(item: Item, service_request_id: str, owner: str) -> CitizenRequest:
    """Return the event as its owner published it."""
    return CitizenRequest(
        service_request_id=service_request_id, owner=owner, **msgspec.structs.asdict(item.event)
    )


def item_from(text: bytes, cell: int | None) -> Item:
    """Return the item that has this JSON and this cell; those of an item give that item again."""
    event = _decode(text)
    return Item(event.ts, _RANK[event.event], text, event, cell)
